#!/bin/sh
# A real ufw drops forwarded packets. The commands that the warning prints are typed as
# printed: masquerading and port forwarding work, also after a reload of ufw, and the
# warning is gone.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh
card
$judge addr add 192.0.2.7/24 dev eth1
$judge route add default via 192.0.2.1
far sh -c 'while :; do echo world | nc -l -p 80; done' >/dev/null 2>&1 &
# As the script of its package would do
cp /usr/share/ufw/ufw.conf /usr/share/ufw/iptables/*.rules /etc/ufw/
run 0 ufw --force enable

cat >/etc/conf.d/netns.web <<'END'
netns_links="eth0"
type_eth0="veth"
config_eth0="10.8.0.2/24"
peer_config_eth0="10.8.0.1/24"
routes_eth0="default via 10.8.0.1"
netns_masquerade="yes"
netns_publish="tcp/8080:80"
END
run 0 netns-setup up web
says "the host's table ip filter, chain FORWARD, drops what its rules do not accept"
sed -n 's/.*it is not yet accepted: //p' /tmp/said >/tmp/typed
netns-exec web -- sh -c 'while :; do echo inside | nc -l -p 80; done' >/dev/null 2>&1 &

reaches_the_world()
{
	[ "$(netns-exec web -- nc -w 2 192.0.2.1 80 </dev/null 2>/dev/null)" = world ]
}

is_reached()
{
	[ "$(far nc -w 2 192.0.2.7 8080 </dev/null 2>/dev/null)" = inside ]
}

! reaches_the_world || fail "ufw lets it out"
! is_reached || fail "ufw lets it in"
run 0 sh -e /tmp/typed
for _ in 1 2; do
	eventually "it reaches the world" reaches_the_world
	eventually "it is reached" is_reached
	run 0 netns-setup status web
	says_not ufw
	run 0 ufw reload
done
