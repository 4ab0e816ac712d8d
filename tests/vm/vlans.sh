#!/bin/sh
# VLANs of bridges and of their ports, on a kernel that supports them: set by up, set by hand
# with the real ip and bridge, changed in place, removed. Judged by the output of bridge.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

bridge=/judge/bridge
run 0 modprobe bridge

# listed - print the VLANs of all ports and bridges of mgmt
listed()
{
	$bridge -n mgmt -compressvlans vlan show | tr -s ' \t' ' '
}

# settings LINE... - write those of a bridge with two ports
settings()
{
	cat >/etc/conf.d/netns.mgmt <<-'END'
		netns_links="eth1 br0 v0"
		type_br0=bridge
		bridge_br0="eth1 v0"
		vlan_filtering_br0=on
		type_v0=veth
		peer_v0=vms
	END
	printf '%s\n' "$@" >>/etc/conf.d/netns.mgmt
}

settings
run 0 netns-setup up mgmt
untold=$(listed)
says_not "bridge -n mgmt vlan"

# All at once, on existing links and on recreated ones
for before in reload up; do
	settings 'port_eth1="isolated on"' 'vlans_eth1="10 pvid untagged; 20; 30-40"' \
		'vlans_v0="1 untagged; 10 pvid"' 'vlans_br0="20 pvid untagged"'
	run 0 netns-setup "$before" mgmt
	says "+ bridge -n mgmt vlan add dev eth1 vid 30-40"
	says "+ bridge -n mgmt vlan del dev eth1 vid 1"
	says "+ bridge -n mgmt vlan add dev br0 vid 20 pvid untagged self"
	says "+ bridge -n mgmt vlan del dev br0 vid 1 self"
	told=$(listed)
	printf '%s\n' "$told"
	is "eth1's" "$($bridge -n mgmt -compressvlans vlan show dev eth1 | tail -n +2 | tr -d '\n' | tr -s ' \t' ' ')" \
		"eth1 10 PVID Egress Untagged 20 30-40"
	is "br0's" "$($bridge -n mgmt -compressvlans vlan show dev br0 | tail -n +2 | tr -s ' \t' ' ')" \
		"br0 20 PVID Egress Untagged"
	run 0 netns-setup reload mgmt
	is "what a reload says" "$(cat /tmp/said)" ""
	[ "$before" = up ] || run 0 netns-setup down mgmt
done

# What another program removed is restored, and nothing else is touched
run 0 $bridge -n mgmt vlan del dev eth1 vid 35
run 0 $bridge -n mgmt vlan add dev eth1 vid 99
run 0 netns-setup reload mgmt
is "what mends it" "$(cat /tmp/said)" "+ bridge -n mgmt vlan add dev eth1 vid 35"
run 0 $bridge -n mgmt vlan del dev eth1 vid 99
is "all of them" "$(listed)" "$told"

# By hand, to the same
run 0 netns-setup down mgmt
run 0 netns-setup plan --script mgmt
sed "s#^ip #$judge #; s# && ip # \&\& $judge #; s#^bridge #$bridge #" /tmp/said >/tmp/plan
run 0 sh -e /tmp/plan
is "all of them, by hand" "$(listed)" "$told"
run 0 netns-setup up mgmt
is "what up says of it" "$(cat /tmp/said)" ""

# Back to the kernel's initial values
run 0 netns-setup down --force mgmt
$judge netns delete mgmt 2>/dev/null
eventually "the card is back" test -d /sys/class/net/eth1
run 0 netns-setup up mgmt
settings
run 0 netns-setup reload mgmt
says "+ bridge -n mgmt vlan add dev eth1 vid 1 pvid untagged"
is "all of them" "$(listed)" "$untold"
run 0 netns-setup reload mgmt
is "what a reload says" "$(cat /tmp/said)" ""

# A later change that fails undoes them
run 0 netns-exec mgmt -- sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
settings 'vlans_eth1="10 pvid untagged"' 'config_br0="2001:db8::1/64"'
run 111 netns-setup reload mgmt
says "have been undone"
is "all of them" "$(listed)" "$untold"
run 0 netns-setup down mgmt
