#!/bin/sh
# A real NIC: the kernel itself gives it back when its namespace is deleted, down and
# without addresses. No other type of link behaves like this. Also tests links on Alpine's
# own kernel.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# The other machine on the LAN is the other NIC, in a namespace of its own
$judge netns add other
$judge link set eth0 netns other
$judge -n other addr add 192.0.2.1/24 dev eth0
$judge -n other link set eth0 up

$judge addr add 203.0.113.7/24 brd 203.0.113.255 dev eth1
$judge link set eth1 up
$judge route add 198.51.100.0/24 via 203.0.113.1 metric 7
found()
{
	$judge -o link show dev eth1 | sed 's/state .* mode/mode/; s/ifindex//; s/^[0-9]*//'
	$judge -o -4 addr show dev eth1 | sed 's/^[0-9]*//'
	$judge -4 route show
}
before=$(found)

cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1 d0 v0 m0"
	config_eth1="192.0.2.10/24"
	routes_eth1="default via 192.0.2.1"
	mtu_eth1=1400
	mac_eth1=stable
	type_d0=dummy
	config_d0=10.7.7.7/32
	type_v0=veth
	peer_v0=v0-host
	type_m0=macvlan
	link_m0=v1
END
$judge link add v1 type dummy
$judge link set v1 up
run 0 netns-setup up mgmt
is "the card's mtu" "$($judge -n mgmt -j link show eth1 | sed 's/.*"mtu":\([0-9]*\).*/\1/')" 1400
for link in d0 v0 m0; do
	run 0 $judge -n mgmt link show dev $link up
done
run 0 $judge netns exec mgmt ping -c 1 -W 2 192.0.2.1
run 0 netns-exec mgmt -- ls /sys/class/net
says eth1
run 0 netns-setup up mgmt
is "what a second up says" "$(cat /tmp/said)" ""
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"

# Another program deletes the namespace
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given the card back" test -d /sys/class/net/eth1
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given the card back" test -d /sys/class/net/eth1
run 0 netns-setup up mgmt
run 0 netns-setup status mgmt
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"
