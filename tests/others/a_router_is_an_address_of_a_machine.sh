#!/bin/sh
# A real DHCP server says 0.0.0.0 as its router. Neither client's lease makes a default route of
# it, on which everything would be asked for on the link. A classless route by 0.0.0.0 (RFC 3442)
# means one, and the settings may have one too.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

plug_in
$judge link set eth1 up

# serves OPTION - start the server with this option
serves()
{
	[ ! -e /tmp/udhcpd.pid ] || kill "$(cat /tmp/udhcpd.pid)"
	eventually "no server is left" test ! -e /tmp/udhcpd.pid
	: >/tmp/leases
	printf '%s\n' 'start 192.0.2.100' 'end 192.0.2.150' 'interface far' 'lease_file /tmp/leases' \
		'pidfile /tmp/udhcpd.pid' 'opt subnet 255.255.255.0' "opt $1" >/tmp/udhcpd.conf
	far /judge/busybox udhcpd -f /tmp/udhcpd.conf >/tmp/server 2>&1 &
	eventually "there is a server" test -s /tmp/udhcpd.pid
}

default_routes()
{
	ip netns exec mgmt ip -4 route show default | sed 's/ proto [a-z]*//; s/ src [0-9.]*//; s/ *$//'
}

# judged WHAT EXPECTED - start the namespace, compare its default routes, and end it
judged()
{
	run 0 netns-setup up mgmt
	says "ip netns exec mgmt $client eth1"
	eventually "there is a lease" test -e /run/netns-services/mgmt/dhcp-eth1.lease
	is "$client: $1" "$(default_routes)" "$2"
	run 0 netns-setup down mgmt
	eventually "the card is back" test -d /sys/class/net/eth1
}

for client in dhcpcd udhcpc; do
	[ $client = dhcpcd ] || rm "$(command -v dhcpcd)"
	printf 'netns_links=eth1\nconfig_eth1=dhcp\n' >/etc/conf.d/netns.mgmt
	serves 'router 0.0.0.0'
	judged "a router 0.0.0.0" ""
	serves 'router 192.0.2.1'
	judged "a router" "default via 192.0.2.1 dev eth1 metric 500"
	serves 'staticroutes 0.0.0.0/0 0.0.0.0'
	judged "a classless route" "default dev eth1 scope link metric 500"
	serves 'router 0.0.0.0'
	echo 'routes_eth1="default dev eth1 metric 500"' >>/etc/conf.d/netns.mgmt
	judged "a route of the settings" "default dev eth1 scope link metric 500"
done
