#!/bin/sh
# A real NIC that is pulled out and plugged in again, and a VLAN whose parent disappears
# and comes back: watch restores them in the namespace as they were, together with the
# parts of the firewall rules that refer to the NIC, a flowtable and a hook.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1 v7"
	config_eth1="192.0.2.10/24 2001:db8::10/64"
	routes_eth1="default via 192.0.2.1"
	mtu_eth1=1400
	type_v7=vlan
	link_v7=up0
	vlan_id_v7=7
	config_v7="10.7.0.2/24"
END
ln -s /judge/nft /usr/sbin/nft
mkdir -p /etc/netns/mgmt
: >/etc/nftables.nft   # ip -n asks for it
cat >/etc/netns/mgmt/nftables.nft <<-'END'
	table inet fast {
		flowtable f { hook ingress priority 0; devices = { eth1 }; }
		chain forward {
			type filter hook forward priority 0
			meta l4proto tcp flow add @f
		}
	}
	table netdev hooks {
		chain in { type filter hook ingress device eth1 priority 0; udp dport 9 counter; }
	}
END
parent()
{
	$judge link add up0 type dummy
	$judge link set up0 up
}
inside()
{
	$judge -n mgmt -o addr show | grep -c -e 192.0.2.10/24 -e 2001:db8::10/64 -e 10.7.0.2/24
	$judge -n mgmt route show default
	$judge -n mgmt -o link show dev eth1 | grep -o 'mtu 1400'
	$judge -n mgmt -o -d link show dev v7 | grep -o 'vlan protocol 802.1Q id 7'
	nsenter --net=/run/netns/mgmt nft list ruleset | grep -c -e 'devices = .*eth1' -e 'hook ingress device.*eth1'
}
is_whole()
{
	[ "$(inside 2>&1)" = "$whole" ]
}
whole='3
default via 192.0.2.1 dev eth1 
mtu 1400
vlan protocol 802.1Q id 7
2'

parent
netns-setup watch mgmt >/tmp/watch 2>&1 &
watch=$!
eventually "it is up" is_whole

run 0 hotplug del nic1
eventually "that is said" grep -q 'the host has no link eth1' /tmp/watch
run 0 hotplug add nic1 virtio-net-pci 52:54:00:00:00:01
eventually "the card is inside again" is_whole

run 0 $judge link del up0
eventually "that is said" grep -q 'there is no link up0 on the host' /tmp/watch
run 0 parent
eventually "the VLAN is there again" is_whole

# Another program deletes the name: the kernel gives the NIC back, bare, and watch moves
# it in again
run 0 $judge netns delete mgmt
eventually "all is made anew" is_whole
run 0 netns-exec --wait 20 mgmt -- true

kill "$watch"
wait "$watch"
is "what it ends with" "$?" 0
run 0 netns-setup status mgmt
run 0 netns-setup down mgmt
eventually "the card is on the host" test -d /sys/class/net/eth1
cat /tmp/watch
