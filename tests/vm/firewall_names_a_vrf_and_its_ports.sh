#!/bin/sh
# Firewall rules that hold a VRF and its ports by index, and a flowtable of the ports. Each of the
# links is made anew or plugged in again; the rules apply afterwards, by reload and by watch. Judged
# by packets: which are answered, and which rule has counted them.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

for module in vrf nft_flow_offload dummy; do
	run 0 modprobe $module
done
nft=/judge/nft
ln -s $nft /usr/sbin/nft
: >/etc/nftables.nft   # ip -n asks for it
$judge netns add lan
$judge link set eth0 netns lan
$judge link add eth0 type dummy   # or the next card would have this name
$judge -n lan addr add 192.0.2.1/24 dev eth0
$judge -n lan link set eth0 up
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="red eth1 p0"
	type_red=vrf
	table_red=30
	master_eth1=red
	config_eth1="192.0.2.10/24"
	type_p0=veth
	master_p0=red
	peer_p0=p0h
	config_p0="10.0.0.2/24"
	peer_config_p0="10.0.0.1/24"
	netns_sysctl="net.ipv4.ip_forward=1"
END
mkdir -p /etc/netns/mgmt
cat >/etc/netns/mgmt/nftables.nft <<-'END'
	table inet fw {
		flowtable f { hook ingress priority 0; devices = { eth1, p0 }; }
		counter of_red { }
		counter of_p0 { }
		counter of_eth1 { }
		counter of_forward { }
		chain input {
			type filter hook input priority 0
			iif "red" udp dport 9 counter name of_red
			meta sdif "p0" icmp type echo-request counter name of_p0 drop
			meta sdif "eth1" icmp type echo-request counter name of_eth1 drop
		}
		chain forward {
			type filter hook forward priority 0
			iif "red" oif "eth1" icmp type echo-request counter name of_forward drop
			meta l4proto tcp flow add @f
		}
	}
END
inside()
{
	$judge netns exec mgmt "$@"
}
# counted - print each counter of the rules, and how many packets it has seen
counted()
{
	inside $nft list counters table inet fw | sed -n 's/.*counter \(of_[a-z0-9]*\) .*/\1/p; s/.*packets \([0-9]*\).*/\1/p' |
		tr '\n' ' '
}
each_has_counted()
{
	[ -n "$(counted)" ] && ! counted | grep -q ' 0 '
}
silent()
{
	! "$@" >/dev/null 2>&1
}
# stands - whether the rules drop and count packets that come by each link, and the flowtable has
# its devices
stands()
{
	$judge route replace 192.0.2.0/24 via 10.0.0.2
	inside $nft reset counters >/dev/null
	silent ping -q -c 1 -W 1 10.0.0.2 && silent ping -q -c 1 -W 1 192.0.2.1 &&
		silent $judge netns exec lan ping -q -c 1 -W 1 192.0.2.10 &&
		echo x | nc -u -w 1 10.0.0.2 9 >/dev/null 2>&1
	inside $nft list flowtables | grep -q 'devices = .*"eth1".*"p0"\|devices = .*eth1.*p0' && each_has_counted
}
holds()
{
	eventually "the rules hold after: $1" stands
	counted
	run 0 netns-setup status mgmt
}
replug()
{
	hotplug del nic1 && hotplug add nic1 virtio-net-pci 52:54:00:00:00:01
	eventually "the card is there" test -d /sys/class/net/eth1
}
anew()
{
	case $1 in
	p0) run 0 $judge link del p0h ;;
	red) run 0 $judge -n mgmt link del red ;;
	eth1) replug ;;
	esac
}

run 0 netns-setup up mgmt
holds up
for link in p0 red eth1; do
	anew "$link"
	run 1 netns-setup status mgmt
	run 0 netns-setup reload mgmt
	says "include \"/etc/netns/mgmt/nftables.nft\""
	holds "$link is made anew, reload"
done

netns-setup watch mgmt >/tmp/watch 2>&1 &
watch=$!
is_whole()
{
	netns-setup status mgmt >/tmp/said 2>&1
}
for link in p0 red eth1; do
	: >/tmp/watch
	case $link in
	eth1) hotplug del nic1 && hotplug add nic1 virtio-net-pci 52:54:00:00:00:01 ;;
	*) anew "$link" ;;
	esac
	eventually "watch loads the rules" grep -q 'include ' /tmp/watch
	eventually "the namespace is whole" is_whole
	holds "$link is made anew, watch"
done
kill "$watch"
wait "$watch"
run 0 netns-setup down mgmt
