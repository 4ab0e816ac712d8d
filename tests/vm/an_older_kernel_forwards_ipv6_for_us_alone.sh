#!/bin/sh
# Before Linux 6.17, IPv6 is forwarded between all links or none. Masquerading turns it
# on, keeps accepting router advertisements, and turns it off again.
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

# Two namespaces do not block each other, whichever came first
sed 's/fd00:8:/fd00:9:/g' /etc/conf.d/netns.mgmt >/etc/conf.d/netns.lan
run 0 netns-setup up lan
reached_by_both() { reached && netns-exec lan -- ping -c 1 -W 1 2001:db8:10::1 >/dev/null 2>&1; }
eventually "far is reached by both" reached_by_both
# and packets of others pass no more than before
$judge netns add third
$judge link add third0 type veth peer name up0 netns third
$judge link set third0 up
$judge -n third link set up0 up
$judge addr add 2001:db8:30::7/64 dev third0 nodad
$judge -n third addr add 2001:db8:30::1/64 dev up0 nodad
$judge -n third -6 route add default via 2001:db8:30::7
$judge -n far -6 route add 2001:db8:30::/64 via 2001:db8:10::7
third() { $judge netns exec third ping -c 1 -W 1 "$1" >/dev/null 2>&1; }
eventually "the host is reached" third 2001:db8:30::7
! third 2001:db8:10::1 || fail "the host forwards for others"
run 0 netns-setup down lan
reached || fail "the other's way is closed"
run 0 netns-setup down mgmt
is "forwarding" "$(cat $all/forwarding)" 0
is "accept_ra of the way out" "$(cat /proc/sys/net/ipv6/conf/up0/accept_ra)" 1
