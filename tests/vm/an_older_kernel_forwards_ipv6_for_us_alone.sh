#!/bin/sh
# Before Linux 6.17, IPv6 is forwarded between all links or none: the way out turns it on,
# goes on listening to routers, and turns it off again.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

all=/proc/sys/net/ipv6/conf/all
[ ! -e "$all/force_forwarding" ] || fail "this kernel is too new for that"
$judge netns add far
$judge link add up0 type veth peer name far0 netns far
$judge link set up0 up
$judge -n far link set far0 up
$judge addr add 2001:db8:10::7/64 dev up0 nodad
$judge -n far addr add 2001:db8:10::1/64 dev far0 nodad
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links=ve0
	type_ve0=veth
	config_ve0="fd00:8::2/64"
	peer_config_ve0="fd00:8::1/64"
	routes_ve0="default via fd00:8::1"
	netns_masquerade=up0
END
run 0 netns-setup up mgmt
says "sysctl -w net.ipv6.conf.up0.accept_ra=2"
says "sysctl -w net.ipv6.conf.all.forwarding=1"
is "forwarding" "$(cat $all/forwarding)" 1
is "accept_ra of the way out" "$(cat /proc/sys/net/ipv6/conf/up0/accept_ra)" 2
run 0 netns-setup up mgmt
says_not "+"
run 0 netns-setup status mgmt
reached() { netns-exec mgmt -- ping -c 1 -W 1 2001:db8:10::1 >/dev/null 2>&1; }
eventually "far is reached" reached
run 0 netns-setup down mgmt
is "forwarding" "$(cat $all/forwarding)" 0
is "accept_ra of the way out" "$(cat /proc/sys/net/ipv6/conf/up0/accept_ra)" 1
