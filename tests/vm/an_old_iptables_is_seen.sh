#!/bin/sh
# iptables-legacy, which nft does not list, drops packets: a warning says so, and the
# command that it prints lets the packets through.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh
run 0 modprobe iptable_filter
run 0 modprobe nf_tables
# A machine of the test's own in place of those of the LAN, so that its packets can be counted
$judge link set eth1 down
$judge link set eth1 name lan1
card
far sh -c 'while :; do echo world | nc -l -p 80; done' >/dev/null 2>&1 &
cat >/etc/conf.d/netns.web <<'END'
netns_links="eth0"
type_eth0="veth"
config_eth0="10.8.0.2/24"
peer_config_eth0="10.8.0.1/24"
routes_eth0="default via 10.8.0.1"
netns_masquerade="eth1"
END
$judge addr add 192.0.2.7/24 dev eth1

reaches()
{
	[ "$($judge netns exec web nc -w 2 192.0.2.1 80 </dev/null 2>/dev/null)" = world ]
}

run 0 iptables-legacy -P INPUT ACCEPT
run 0 netns-setup up web
says_not legacy
eventually "it reaches the world" reaches
run 0 iptables-legacy -P FORWARD DROP
! reaches || fail "it passes"
run 0 netns-setup status web
says "the host's table filter of iptables-legacy may drop forwarded packets, whatever our table accepts"
sed -n 's/.*it is not yet accepted: //p' /tmp/said >/tmp/typed
run 0 sh -e /tmp/typed
eventually "it reaches the world again" reaches
run 0 netns-setup status web
says_not legacy
rm /usr/sbin/iptables-legacy-save
run 0 netns-setup status web
says "its rules cannot be read"
