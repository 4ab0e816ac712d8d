#!/bin/sh
# A namespace has a link whose parent is in another namespace, or that is created there.
# Its service needs the service of that namespace: when it is started alone and at boot,
# in any order.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
for name in two low; do
	ln -s netns "/etc/init.d/netns.$name"
done
cat >/etc/conf.d/netns.low <<-'END'
	netns_links="up-0 br0"
	type_up_0="veth"
	peer_up_0="up1"
	type_br0="bridge"
END
cat >/etc/conf.d/netns.two <<-'END'
	netns_links="m-0 x0"
	type_m_0="macvlan"
	link_m_0="up-0"
	link_netns_m_0="low"
	type_x0="vxlan"
	vxlan_id_x0="7"
	link_netns_x0="low"
END
whole()
{
	run 0 netns-setup status low two
	run 0 rc-service netns.low status
	run 0 rc-service netns.two status
}
rc-update -u
run 0 rc-service netns.two ineed
says netns.low
run 0 rc-service netns.low ineed
says_not netns.two
run 0 rc-service netns.two start
whole
# The namespace is stopped before the one with the parent, and started after it: OpenRC
# does not wait for that
run 0 rc-service netns.low restart
eventually "netns.two is started again" rc-service --quiet netns.two status
whole
run 0 rc-service netns.low stop
refused rc-service netns.two status
is "what is left" "$(ls /run/netns)" ""
run 0 netns-exec --version

# By the boot
rc-update add netns.two default
rc-update add netns.low default
rc-update -u
run 0 openrc default
whole
run 0 rc-service netns.low stop
rc-update delete netns.two default
rc-update delete netns.low default

# A tenant needs its switch, and the switch does not need its tenant
later
cat >/etc/conf.d/netns.two <<-'END'
	netns_links="eth0"
	type_eth0="veth"
	peer_eth0="port1"
	peer_netns_eth0="low"
	peer_master_eth0="br0"
END
rc-update -u
run 0 rc-service netns.two ineed
says netns.low
run 0 rc-service netns.two start
whole
run 0 rc-service netns.low stop

# Two namespaces with links that are created in each other do not wait for each other
later
for name in two low; do
	[ "$name" = two ] && other=low || other=two
	cat >"/etc/conf.d/netns.$name" <<-END
		netns_links="x0"
		type_x0="vxlan"
		vxlan_id_x0="7"
		link_netns_x0="$other"
	END
done
rc-update -u
run 0 rc-service netns.two start
run 0 rc-service netns.low start
whole
run 0 rc-service netns.two stop
run 0 rc-service netns.low stop

# A namespace without a service must exist already
later
cat >/etc/conf.d/netns.two <<-'END'
	netns_links="eth0"
	type_eth0="veth"
	peer_eth0="port1"
	peer_netns_eth0="low"
	peer_master_eth0="br0"
END
rm /etc/init.d/netns.low
rc-update -u
run 0 rc-service netns.two ineed
says_not netns.low
refused rc-service netns.two start
says "there is no link br0 in low, which port1 would belong to"
