#!/bin/sh
# NICs are found by permanent address and by bus path, and are recognized when they were
# unplugged and come back under another name. Real NICs: only these have permanent
# addresses.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# name_of LAST - print the name here of the NIC whose permanent address ends with this
# byte
name_of()
{
	for link in /sys/class/net/eth*; do
		link=${link##*/}
		if $judge -j link show dev "$link" | grep -q "\"\(permaddr\|address\)\":\"52:54:00:00:00:$1\""; then
			printf '%s' "$link"
		fi
	done
}

# is_there LAST
is_there()
{
	[ -n "$(name_of "$1")" ]
}

one=$(name_of 01)
pci=$(basename "$(dirname "$(readlink -f "/sys/class/net/$one/device")")")
is "where the second card is plugged in" "${pci%%:*}" 0000
$judge link set "$one" up
$judge addr add 203.0.113.7/24 dev "$one"
run 0 $judge link property add dev "$one" altname second

cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="lan0"
	match_lan0="mac 52:54:00:00:00:01"
	mac_lan0=52:54:00:00:00:aa
	config_lan0="192.0.2.10/24"
	post_down_lan0='test -d "/sys/class/net/$NETNS_LINK" && echo "$NETNS_LINK" >>/tmp/hook'
END
run 0 netns-setup plan mgmt
says "+ ip link set $one netns mgmt name lan0"
run 0 netns-setup up mgmt
run 0 $judge -n mgmt link show dev lan0 up
says 52:54:00:00:00:aa
run 0 netns-setup up mgmt
is "what a second up says" "$(cat /tmp/said)" ""
run 0 netns-setup reload mgmt
is "what a reload says" "$(cat /tmp/said)" ""
run 0 netns-setup status mgmt

# The settings want another NIC under the name of the present one: a reload does not do that
sed -i 's/00:01"/00:00"/' /etc/conf.d/netns.mgmt
run 111 netns-setup reload mgmt
says "lan0 in this namespace is another device"
run 0 $judge -n mgmt link show dev lan0 up
sed -i 's/00:00"/00:01"/' /etc/conf.d/netns.mgmt

run 0 netns-setup down mgmt
is "what post_down_lan0 found on the host" "$(cat /tmp/hook)" "$one"
run 0 $judge addr show dev "$one"
says 203.0.113.7/24
says 52:54:00:00:00:01
says_not 52:54:00:00:00:aa
run 0 $judge link show dev second up

# Another program deletes the namespace; the kernel gives the NIC back under its name inside.
# down gives it its own again, and runs the hook once. A network manager has set it up
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given it back" test -d /sys/class/net/lan0
run 0 $judge link set lan0 up
rm /tmp/hook
run 0 netns-setup down mgmt
says "+ ip link set lan0 down"
is "what post_down_lan0 found on the host" "$(cat /tmp/hook)" "$one"
is_as_before()
{
	run 0 $judge addr show dev "$one"
	says 203.0.113.7/24
	says 52:54:00:00:00:01
	run 0 $judge link show dev second up
	[ ! -e /sys/class/net/lan0 ] || fail "lan0 is on the host"
}
is_as_before
# The same with a reload that no longer lists it
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given it back" test -d /sys/class/net/lan0
rm /tmp/hook
cp /etc/conf.d/netns.mgmt /tmp/kept
echo "netns_links=" >/etc/conf.d/netns.mgmt
run 0 netns-setup reload mgmt
is "what post_down_lan0 found on the host" "$(cat /tmp/hook)" "$one"
rm /tmp/hook
run 0 netns-setup down mgmt
[ ! -e /tmp/hook ] || fail "the hook was run again"
is_as_before
# An up moves it in again, and runs no such hook
cp /tmp/kept /etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given it back" test -d /sys/class/net/lan0
run 0 netns-setup up mgmt
[ ! -e /tmp/hook ] || fail "the hook was run although the NIC is inside"
run 0 netns-setup down mgmt
is_as_before

# An up that fails gives it its own name, and runs the hook for that; the down does not run it
# again. The namespace was made again by others in between
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given it back" test -d /sys/class/net/lan0
echo 'netns_sysctl="net.ipv4.conf.lan0.rp_filter=none"' >>/etc/conf.d/netns.mgmt
rm /tmp/hook
run 111 netns-setup up mgmt
is "what post_down_lan0 found on the host" "$(cat /tmp/hook)" "$one"
is_as_before
cp /tmp/kept /etc/conf.d/netns.mgmt
rm /tmp/hook
run 0 netns-setup down mgmt
[ ! -e /tmp/hook ] || fail "the hook was run again"
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given it back" test -d /sys/class/net/lan0
$judge netns add mgmt
run 0 netns-setup down mgmt
is "what post_down_lan0 found on the host" "$(cat /tmp/hook)" "$one"
is_as_before
$judge netns delete mgmt

# The host has a link of the name inside: the kernel gives the NIC back as dev and its index
# inside, which is another one than on the host
sed -i 's/^netns_links=.*/netns_links="br2 br3 br4 br5 br6 lan0"/' /etc/conf.d/netns.mgmt
for link in br2 br3 br4 br5 br6; do
	echo "type_$link=bridge" >>/etc/conf.d/netns.mgmt
done
run 0 netns-setup up mgmt
run 0 $judge link add lan0 type bridge
$judge netns delete mgmt
has_dev()
{
	ls -d /sys/class/net/dev* >/dev/null 2>&1
}
eventually "the kernel has given it back" has_dev
run 0 netns-setup up mgmt
says "+ ip link set dev"
$judge netns delete mgmt
eventually "the kernel has given it back" has_dev
run 0 netns-setup down mgmt
run 0 $judge -d link show dev lan0
says bridge
run 0 $judge link delete lan0
is_as_before

# By its bus path; and if that matches several, it is an error
sed -i "s/^match.*/match_lan0=\"bus $pci\"/" /etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
says "+ ip link set $one netns mgmt name lan0"
run 0 netns-setup down mgmt
sed -i 's/^match.*/match_lan0="bus pci0000:00"/' /etc/conf.d/netns.mgmt
run 111 netns-setup up mgmt
says "devices on the host match: eth"
sed -i 's/^match.*/match_lan0="mac 52:54:00:00:00:77"/' /etc/conf.d/netns.mgmt
run 111 netns-setup up mgmt
says "no device on the host matches lan0"
run 0 $judge netns list
says_not mgmt

# A NIC is recognized again without match_IF
later
cat >/etc/conf.d/netns.mgmt <<-END
	netns_links="$one"
	config_$one="192.0.2.10/24"
	post_down_$one='echo "\$NETNS_LINK" >/tmp/hook'
END
run 0 netns-setup up mgmt
hotplug del nic1
run 111 netns-setup up mgmt
says "the host has no link $one"
# A different NIC gets the name meanwhile
hotplug add nic7 virtio-net-pci 52:54:00:00:00:07
eventually "a stranger is there" is_there 07
is "the stranger's name" "$(name_of 07)" "$one"
run 111 netns-setup up mgmt
says "$one on the host is not the device that was in this namespace"
run 0 $judge link show dev "$one"
hotplug add nic1 virtio-net-pci 52:54:00:00:00:01
eventually "the card is there again" is_there 01
again=$(name_of 01)
[ "$again" != "$one" ] || fail "it has its old name"
run 0 netns-setup up mgmt
says "+ ip link set $again netns mgmt name $one"
run 0 $judge -n mgmt addr show dev "$one"
says 192.0.2.10/24
run 0 netns-setup down mgmt
is "its name on the host" "$(name_of 01)" "$again"
is "the link of post_down_$one" "$(cat /tmp/hook)" "$again"

# A watch does the same by itself
netns-setup watch mgmt >/tmp/watch 2>&1 &
watch=$!
eventually "the namespace is ready" test -e /run/netns-services/mgmt/ready
run 0 $judge -n mgmt link show dev "$one"
is "the card in the namespace" "$($judge -n mgmt -j link show dev "$one" | grep -c 52:54:00:00:00:07)" 1
hotplug del nic7
hotplug add nic8 virtio-net-pci 52:54:00:00:00:08
eventually "another stranger is there" is_there 08
hotplug add nic7 virtio-net-pci 52:54:00:00:00:07
has_it()
{
	$judge -n mgmt -j addr show dev "$one" 2>/dev/null | grep -q 192.0.2.10
}
eventually "the card is inside again" has_it
is "the card in the namespace" "$($judge -n mgmt -j link show dev "$one" | grep -c 52:54:00:00:00:07)" 1
kill "$watch"
wait "$watch"
cat /tmp/watch
run 0 netns-setup down mgmt

# It is unplugged, and a stranger has its name on the host when the namespace goes down: the
# stranger gets nothing that the host had on the other
one=$(name_of 07)
run 0 $judge addr add 203.0.113.9/24 dev "$one"
run 0 $judge link set "$one" up
cat >/etc/conf.d/netns.mgmt <<-END
	netns_links="$one"
	post_down_$one='echo "\$NETNS_LINK" >>/tmp/stranger'
END
run 0 netns-setup up mgmt
hotplug del nic7
hotplug add nic9 virtio-net-pci 52:54:00:00:00:09
eventually "a stranger is there" is_there 09
is "the stranger's name" "$(name_of 09)" "$one"
before=$($judge addr show dev "$one")
run 0 netns-setup down mgmt
says "mgmt: $one is gone, and the host does not get back what it had on it"
says "when it is there again, type ip address add 203.0.113.9/24 dev $one"
is "the stranger" "$($judge addr show dev "$one")" "$before"
[ ! -e /tmp/stranger ] || fail "the hook was run for a stranger"

# The same with a bridge under its name
run 0 netns-setup up mgmt
hotplug del nic9
run 0 $judge link add "$one" type bridge
before=$($judge addr show dev "$one")
run 0 netns-setup down mgmt
is "the bridge" "$($judge addr show dev "$one")" "$before"
[ ! -e /tmp/stranger ] || fail "the hook was run for a bridge"
