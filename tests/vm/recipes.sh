#!/bin/sh
# What people do by hand with links that need a kernel of their own: README's daemon whose
# only route is the tunnel, and a VLAN whose MAC address stays. Each is made by
# netns-setup, by the real ip from its plan, and by the commands that people type.
# shellcheck source=tests/vm/tunnel.sh
. /t/tunnel.sh

# everything NETNS - print everything that ip does, without what the kernel numbers or
# learns
everything()
{
	for what in '-d link' address 'route show table all' '-6 route show table all' rule '-6 rule'; do
		# shellcheck disable=SC2086  # several words
		$judge -n "$1" -o $what
	done | sed 's/^[0-9]*: *//; s/@if[0-9]*:/:/; s/ link-netnsid [0-9]*//; s/ *valid_lft.*//; s/ tentative//' |
		grep -v -e fe80: -e ff00:
}

# settled FILE - whether the namespace is soon as FILE says
settled()
{
	everything "$netns" >/tmp/now
	cmp -s "$1" /tmp/now
}

# is_none TYPE - the kernel needs time to delete the links of a deleted namespace
is_none()
{
	[ -z "$($judge -o link show type "$1")" ] && ! $judge netns | grep -qw "$netns"
}

# three_ways TYPE <commands - set up the namespace $netns in three ways; TYPE is that of
# its link
three_ways()
{
	cat >/tmp/by-hand
	lines=$(wc -l </etc/conf.d/netns."$netns")
	[ "$lines" -le 12 ] || fail "$lines lines of settings"
	run 0 netns-setup plan --script "$netns"
	sed "s#^ip #$judge #; s# && ip # \&\& $judge #; s# | ip # | $judge #; s# wg syncconf # $wg syncconf #" /tmp/said >/tmp/plan
	run 0 netns-setup up "$netns"
	everything "$netns" >/tmp/ours
	cat /tmp/ours
	run 0 netns-setup down "$netns"
	for way in /tmp/plan /tmp/by-hand; do
		eventually "there is none" is_none "$1"
		run 0 sh -e $way
		if ! eventually_is settled /tmp/ours; then
			diff -U 0 /tmp/ours /tmp/now
			fail "$way makes another one (- netns-setup, + $way)"
		fi
		if [ "$1" = vlan ]; then
			run 0 netns-setup plan "$netns"
			is "what is left to do after $way" "$(cat /tmp/said)" ""
		else
			# Where another program's tunnel was created cannot be seen
			run 111 netns-setup plan "$netns"
			says "there is another link wg0, which netns-setup did not make"
		fi
		$judge netns delete "$netns"
		rm -rf "/etc/netns/$netns"
	done
	eventually "there is none" is_none "$1"
	run 0 netns-setup up "$netns"
}

eventually_is()
{
	for _ in $(seq 50); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

# A VLAN on a NIC: the switch, the DHCP lease and the licence depend on its MAC address
netns=lan
cat >/etc/conf.d/netns.lan <<-'END'
	netns_links="lan0"
	type_lan0="vlan"
	link_lan0="eth1"
	vlan_id_lan0=42
	mac_lan0="stable"
	config_lan0="10.6.0.2/24"
	routes_lan0="default via 10.6.0.1"
END
$judge -n other link add lan0 link eth0 type vlan id 42
$judge -n other addr add 10.6.0.1/24 dev lan0
$judge -n other link set lan0 up
run 0 netns-setup up lan
mac()
{
	$judge -n lan -o link show lan0 | sed 's/.* link.ether \([^ ]*\).*/\1/'
}
stable=$(mac)
run 0 netns-setup down lan
three_ways vlan <<-END
	$judge link add link eth1 name lan0 address $stable type vlan id 42
	$judge netns add lan
	$judge -n lan link set lo up
	$judge link set lan0 netns lan
	$judge -n lan addr add 10.6.0.2/24 dev lan0
	$judge -n lan link set lan0 up
	$judge -n lan route add default via 10.6.0.1
END
is "its hardware address" "$(mac)" "$stable"
run 0 netns-exec lan -- ping -c 1 -W 5 10.6.0.1
run 0 netns-setup down lan

netns=tunnel
readme tunnel
# As every machine has it
[ -e /dev/stdin ] || ln -s /proc/self/fd/0 /dev/stdin
mkdir /etc/wireguard/netns
cat >/etc/wireguard/netns/wg0.conf <<-END
	[Interface]
	Address = 10.9.0.1/24
	DNS = 10.9.0.2
	PrivateKey = $(cat /tmp/near.key)
	ListenPort = 51820
	[Peer]
	PublicKey = $(cat /tmp/far.pub)
	$shared
	AllowedIPs = 0.0.0.0/0
	Endpoint = 192.0.2.1:51821
END
grep -v -e ^Address -e ^DNS /etc/wireguard/netns/wg0.conf >/etc/wireguard/wg0.conf
three_ways wireguard <<-END
	$judge link add wg0 type wireguard
	$wg setconf wg0 /etc/wireguard/wg0.conf
	$judge netns add tunnel
	$judge -n tunnel link set lo up
	$judge link set wg0 netns tunnel
	$judge -n tunnel addr add 10.9.0.1/24 dev wg0
	$judge -n tunnel link set wg0 up
	$judge -n tunnel route add default dev wg0
END

run 0 netns-setup up far
run 0 netns-exec tunnel -- ping -c 1 -W 5 10.9.0.2
run 0 netns-setup doctor tunnel
is "what doctor says" "$(cat /tmp/said)" ""

# What leaves through the host's NIC: the tunnel's own packets, and no others
$nft -f - <<-'END'
	table inet count {
		counter tunnel { }
		counter other { }
		chain out {
			type filter hook postrouting priority 0
			meta nfproto ipv4 oifname "eth1" udp dport 51821 counter name tunnel accept
			meta nfproto ipv4 oifname "eth1" counter name other
		}
	}
END
count()
{
	$nft list counter inet count "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}
run 0 netns-exec tunnel -- ping -c 3 -W 5 10.9.0.2
[ "$(count tunnel)" -ge 3 ] || fail "$(count tunnel) packets of the tunnel"
is "other packets" "$(count other)" 0

# shellcheck disable=SC2016  # for the sh inside
everywhere()
{
	run 0 netns-exec tunnel -- sh -c 'for to in 10.9.0.2 192.0.2.1 192.0.2.2 198.51.100.1; do
		ping -c 1 -W 1 $to >/dev/null 2>&1 && echo "$to answers" &
	done; wait; echo asked'
	is "what comes back" "$(cat /tmp/said)" asked
}

# The other end is gone: the tunnel sends handshakes, and nothing leaves beside it
$judge -n far link set wg0 down
everywhere
is "other packets" "$(count other)" 0

# The tunnel is down, then deleted: nothing leaves
$judge -n tunnel link set wg0 down
before=$(count tunnel)
everywhere
$judge -n tunnel link delete wg0
everywhere
is "packets of the tunnel" "$(count tunnel)" "$before"
is "other packets" "$(count other)" 0

# The namespace is deleted: the daemon does not start elsewhere
run 0 netns-setup down tunnel
run 111 netns-exec tunnel -- ping -c 1 -W 1 192.0.2.1
is "other packets" "$(count other)" 0
run 0 ping -c 1 -W 5 192.0.2.1
is "other packets, now the host's own" "$(count other)" 1

# The host has no route but the tunnel: as WireGuard's page does it by hand ("The New
# Namespace Solution")
$nft flush ruleset
$judge link set wg0 up 2>/dev/null
run 0 netns-setup reload far
readme physical
of_host()
{
	$judge -o link show wg0 | sed 's/^[0-9]*: //; s/ link-netns.*//'
	for what in address route '-6 route'; do
		# shellcheck disable=SC2086  # several words
		$judge -o $what | sed 's/^[0-9]*: //' | grep -v fe80:
	done
}
$judge -4 -o address show eth1 | sed 's/^[0-9]*: //' >/tmp/eth1
run 0 netns-setup plan physical
says "+ ip -n physical link add name wg0 netns 1 type wireguard"
says "+ ip route add default dev wg0"
run 0 netns-setup up physical
of_host >/tmp/ours
run 0 netns-setup status physical
says "wg0 on the host  wireguard  up"
run 0 ping -c 1 -W 5 10.9.0.2
is "the way of the host to the world" "$($judge route get 198.51.100.1 | head -n 1 | cut -d ' ' -f 1-3)" \
	"198.51.100.1 dev wg0"
run 0 netns-exec physical -- ping -c 1 -W 5 192.0.2.1
run 0 netns-setup doctor physical
is "what doctor says" "$(cat /tmp/said)" ""
refused ping -c 1 -W 1 192.0.2.1

# The tunnel's link is deleted, and recreated
$judge link delete wg0
run 1 netns-setup status physical
run 0 netns-setup up physical
run 0 ping -c 1 -W 5 10.9.0.2

# The tunnel's link is deleted with the namespace, and the NIC is as it was
run 0 netns-setup down physical
refused $judge link show wg0
is "the card" "$($judge -4 -o address show eth1 | sed 's/^[0-9]*: //')" "$(cat /tmp/eth1)"
run 0 ping -c 1 -W 5 192.0.2.1

$judge netns add physical
$judge link set eth1 netns physical
$judge -n physical link set lo up
$judge -n physical addr add 192.0.2.2/24 dev eth1
$judge -n physical link set eth1 up
$judge -n physical route add default via 192.0.2.1
$judge -n physical link add wg0 type wireguard
$judge -n physical link set wg0 netns 1
$wg setconf wg0 /etc/wireguard/wg0.conf
$judge addr add 10.9.0.1/24 dev wg0
$judge link set wg0 up
$judge route add default dev wg0
of_host >/tmp/by-hand
diff -U 0 /tmp/ours /tmp/by-hand || fail "the commands make another one (- netns-setup, + by hand)"
