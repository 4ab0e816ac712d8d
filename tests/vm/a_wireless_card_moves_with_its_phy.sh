#!/bin/sh
# A wireless NIC is moved in with its phy and comes back as it was, no matter who deletes
# the namespace. The radios are the kernel's own (mac80211_hwsim); judged by iw(8) and
# ip(8).
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

iw=/judge/iw
modprobe mac80211_hwsim radios=2
eventually "there are two cards" test -d /sys/class/net/wlan1
phy=$(cat /sys/class/net/wlan0/phy80211/name)
other=$(cat /sys/class/net/wlan1/phy80211/name)

inside()
{
	$judge netns exec mgmt "$@"
}

# phys COMMAND... - print what iw finds there
phys()
{
	"$@" "$iw" phy | sed -n 's/^Wiphy //p' | sort | xargs
}
links()
{
	"$@" "$iw" dev | sed -n 's/^\t*Interface //p' | sort | xargs
}
all=$(phys env)

permanent=$(cat /sys/class/net/wlan0/address)
$judge link set wlan0 address 02:00:00:00:07:07
$judge addr add 203.0.113.7/24 brd 203.0.113.255 dev wlan0
$judge link set wlan0 up
$judge route add 198.51.100.0/24 via 203.0.113.1 metric 7 onlink dev wlan0
found()
{
	$judge -o -d link show dev wlan0 | sed 's/state .* mode/mode/; s/ifindex//; s/^[0-9]*//'
	$judge -o -4 addr show dev wlan0 | sed 's/^[0-9]*//'
	$judge -4 route show
}
before=$(found)
settings()
{
	cat >/etc/conf.d/netns.mgmt
}

# A wireless NIC needs type_IF="wireless", and no other NIC may have it
settings <<-'END'
	netns_links="wlan0"
END
run 111 netns-setup up mgmt
says "wlan0 is a wireless link, and cannot be moved without $phy"
says 'write type_wlan0="wireless"'
settings <<-'END'
	netns_links="eth1"
	type_eth1="wireless"
END
run 111 netns-setup up mgmt
says "eth1 on the host is not a wireless link"
is "the phys of the host" "$(phys env)" "$all"

# Up, again, changed, down
settings <<-'END'
	netns_links="wlan0"
	type_wlan0="wireless"
	config_wlan0="192.0.2.10/24"
	routes_wlan0="default via 192.0.2.1"
	mtu_wlan0=1400
	mac_wlan0=stable
	post_down_wlan0='echo "$NETNS_LINK: $(cat /sys/class/net/$NETNS_LINK/phy80211/name)" >>/tmp/hook'
END
run 0 netns-setup plan mgmt
says "+ iw phy $phy set netns name mgmt"
run 0 netns-setup up mgmt
is "the phys inside" "$(phys inside)" "$phy"
is "the links inside" "$(links inside)" wlan0
is "the phys of the host" "$(phys env)" "$other"
is "its mtu" "$($judge -n mgmt -j link show wlan0 | sed 's/.*"mtu":\([0-9]*\).*/\1/')" 1400
run 0 $judge -n mgmt -o addr show dev wlan0
says 192.0.2.10/24
run 0 $judge -n mgmt link show dev wlan0 up
says wlan0
run 0 netns-setup status mgmt
run 0 netns-setup up mgmt
is "what a second up says" "$(cat /tmp/said)" ""
sed -i 's/192.0.2.10/192.0.2.11/; /^mtu/d' /etc/conf.d/netns.mgmt
run 0 netns-setup reload mgmt
says_not phy
run 0 $judge -n mgmt -o addr show dev wlan0
says 192.0.2.11/24
says_not 192.0.2.10/24
is "its mtu" "$($judge -n mgmt -j link show wlan0 | sed 's/.*"mtu":\([0-9]*\).*/\1/')" 1500
run 0 netns-setup down mgmt
says "+ ip netns exec mgmt iw phy $phy set netns 1"
is "what post_down_wlan0 found on the host" "$(cat /tmp/hook)" "wlan0: $phy"
is "the phys of the host" "$(phys env)" "$all"
is "the card on the host" "$(found)" "$before"

# The printed plan has the same result
netns-setup plan --script mgmt >/tmp/script
sed 's#^.*iw phy#/judge/iw phy#; s#^ip#/judge/ip#' /tmp/script >/tmp/judged
run 0 sh -ex /tmp/judged
is "the phys inside" "$(phys inside)" "$phy"
run 0 $judge netns delete mgmt
eventually "the kernel has given the card back" test -d /sys/class/net/wlan0
$judge link set wlan0 address 02:00:00:00:07:07
$judge addr add 203.0.113.7/24 brd 203.0.113.255 dev wlan0
$judge link set wlan0 up
$judge route add 198.51.100.0/24 via 203.0.113.1 metric 7 onlink dev wlan0
is "the card on the host" "$(found)" "$before"

# Another program deletes the namespace
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given the card back" test -d /sys/class/net/wlan0
rm /tmp/hook
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"
is "what post_down_wlan0 found on the host" "$(cat /tmp/hook)" "wlan0: $phy"
run 0 netns-setup up mgmt
$judge netns delete mgmt
eventually "the kernel has given the card back" test -d /sys/class/net/wlan0
run 0 netns-setup up mgmt
run 0 netns-setup status mgmt
is "the phys inside" "$(phys inside)" "$phy"
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"

# A watch moves it in again by itself
netns-setup watch mgmt >/tmp/watch 2>&1 &
watch=$!
run 0 netns-exec --wait 60 mgmt -- test -d /sys/class/net/wlan0
run 0 $judge netns delete mgmt
is_back()
{
	[ "$(links inside 2>&1)" = wlan0 ] && netns-exec mgmt -- true 2>/dev/null
}
eventually "all is made anew" is_back
kill $watch
wait $watch
is "what it ends with" "$?" 0
run 0 netns-setup status mgmt
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"

# A change that fails after the phy was moved is undone
echo 'mtu_wlan0=9000' >>/etc/conf.d/netns.mgmt
run 111 netns-setup up mgmt
says "+ iw phy $phy set netns name mgmt"
says 'mtu 9000'
is "the card on the host" "$(found)" "$before"

# A phy has several links: all of them are moved, or none
$iw phy "$phy" interface add wlan9 type managed
settings <<-'END'
	netns_links="wlan0"
	type_wlan0="wireless"
END
run 111 netns-setup up mgmt
says "wlan0 cannot be moved without all links of $phy, and its link wlan9 is not a wireless link of this namespace"
is "the phys of the host" "$(phys env)" "$all"
settings <<-'END'
	netns_links="wlan0 wlan9"
	type_wlan0="wireless"
	type_wlan9="wireless"
	config_wlan9="192.0.2.19/24"
END
run 0 netns-setup up mgmt
is "how often the phy was moved" "$(grep -c 'iw phy' /tmp/said)" 1
is "the links inside" "$(links inside)" "wlan0 wlan9"
run 0 netns-setup status mgmt
sed -i 's/ wlan9//; /wlan9/d' /etc/conf.d/netns.mgmt
run 111 netns-setup reload mgmt
says "wlan9 cannot be moved without all links of $phy, and its link wlan0 stays in this namespace"
is "the links inside" "$(links inside)" "wlan0 wlan9"
run 0 netns-setup down mgmt
is "the links of the host" "$(links env)" "wlan0 wlan1 wlan9"
is "the card on the host" "$(found)" "$before"
$iw dev wlan9 del

# Found by its own address, with another name inside, where another link has its name
settings <<-END
	netns_links="wlan0 radio0"
	type_wlan0="dummy"
	type_radio0="wireless"
	match_radio0="mac $permanent"
	config_radio0="192.0.2.10/24"
END
run 0 netns-setup up mgmt
is "the links inside" "$(links inside)" radio0
run 0 netns-setup status mgmt
# If its name on the host is in use meanwhile, a message says so, and the NIC stays inside
$judge link add wlan0 type dummy
run 111 netns-setup down mgmt
says "cannot go back to the host: there is another wlan0"
is "the links inside" "$(links inside)" radio0
$judge link del wlan0
run 0 netns-setup down mgmt
is "the card on the host" "$(found)" "$before"
