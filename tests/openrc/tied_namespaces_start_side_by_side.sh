#!/bin/sh
# Namespaces that name each other are started at the same time, each by its own service.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
for name in a b; do
	[ "$name" = a ] && other=b || other=a
	ln -s netns "/etc/init.d/netns.$name"
	cat >"/etc/conf.d/netns.$name" <<-END
		netns_links="eth0"
		type_eth0="veth"
		peer_netns_eth0="$other"
		peer_eth0="eth0"
	END
done
echo 'config_eth0="10.0.1.1/24"' >>/etc/conf.d/netns.a
echo 'config_eth0="10.0.1.2/24"' >>/etc/conf.d/netns.b
rc-update -u
rc-service netns.a start >/run/a 2>&1 &
a=$!
rc-service netns.b start >/run/b 2>&1 &
b=$!
run 0 wait $a
run 0 wait $b
run 0 netns-setup status a b
run 0 rc-service netns.a status
run 0 netns-exec a ping -c 1 -W 5 10.0.1.2
run 0 rc-service netns.b restart
run 0 netns-exec a ping -c 1 -W 5 10.0.1.2
