#!/bin/sh
# A daemon behind a real OpenVPN, with a web page for the LAN. The namespace has a route to the
# VPN's server only, so that nothing leaves beside the tunnel before the client runs, or after
# it was killed. Counted are the packets that leave through the veth, were sent from inside on
# their own account, and are not for the server: there must be none.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

nft=/judge/nft
lan="$judge netns exec lan"
provider="$judge netns exec provider"
internet=203.0.113.1
$judge netns add lan
$judge link add eth1 type veth peer name lan0 netns lan
$judge addr add 192.0.2.2/24 dev eth1
$judge link set eth1 up
$judge -n lan addr add 192.0.2.1/24 dev lan0
$judge -n lan link set lan0 up
$lan sysctl -qw net.ipv4.ip_forward=1
$judge route add default via 192.0.2.1
$judge netns add provider
$judge -n lan link add pv0 type veth peer name pv1 netns provider
$judge -n lan addr add 198.51.100.2/24 dev pv0
$judge -n lan link set pv0 up
$judge -n provider link set lo up
$judge -n provider addr add 198.51.100.1/24 dev pv1
$judge -n provider addr add $internet/32 dev lo
$judge -n provider link set pv1 up
$judge -n provider route add default via 198.51.100.2
openvpn --genkey secret /tmp/key 2>/dev/null || fail "no key"
static="--secret /tmp/key --cipher AES-256-CBC --port 1194"
# shellcheck disable=SC2086  # words
$provider openvpn --dev tun1 --dev-type tun --ifconfig 10.8.1.1 10.8.1.2 $static >/tmp/server 2>&1 &
server=$!

cat >/etc/conf.d/netns.vpn <<-'SETTINGS'
	netns_links="ve0"
	type_ve0="veth"
	config_ve0="10.8.0.2/24"
	peer_config_ve0="10.8.0.1/24"
	routes_ve0="198.51.100.1 via 10.8.0.1"
	netns_masquerade="yes"
	netns_publish="tcp/9091"
SETTINGS
$nft -f - <<-'RULES' || fail "no counter"
	table inet judge {
		counter beside { }
		set tcp_beside {
			typeof ip saddr . ip daddr . tcp sport . tcp dport . tcp flags . ct state
			flags dynamic
			size 100
		}
		set icmp_beside {
			typeof ip saddr . ip daddr . icmp type . icmp code . ct state
			flags dynamic
			size 100
		}
		set all_beside {
			typeof meta nfproto . meta l4proto . ct state
			flags dynamic
			size 100
		}
		chain in {
			type filter hook prerouting priority -150
			iifname != "vpn-ve0" accept
			udp dport 1194 accept
			# To the server, of packets that came for a client that was killed
			ip daddr 198.51.100.1 icmp type destination-unreachable accept
			icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
			ct direction original counter name beside jump listed
		}
		chain listed {
			add @all_beside { meta nfproto . meta l4proto . ct state counter }
			add @tcp_beside { ip saddr . ip daddr . tcp sport . tcp dport . tcp flags . ct state counter }
			add @icmp_beside { ip saddr . ip daddr . icmp type . icmp code . ct state counter }
		}
	}
RULES
beside()
{
	$nft list counter inet judge beside | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}
inside()
{
	netns-exec vpn -- "$@"
}
can()
{
	"$@" >/dev/null 2>&1 && echo yes || echo no
}
page()
{
	[ "$($lan nc -w 5 192.0.2.2 9091 </dev/null 2>/dev/null)" = page ]
}

printf '%-34s %-5s %-4s %s\n' OpenVPN own LAN beside >/tmp/table
# row OWN WHAT - test its own traffic, and the page from the LAN
row()
{
	[ "$1" = no ] || eventually "the tunnel speaks" inside ping -c 1 -W 1 $internet >/dev/null
	got=$(can inside ping -c 1 -W 1 $internet)
	eventually "the page is there for the LAN" page
	inside ping -c 1 -W 1 -I 10.8.0.2 $internet >/dev/null 2>&1
	inside ping -c 1 -W 1 -I ve0 $internet >/dev/null 2>&1
	printf '%-34s %-5s %-4s %s\n' "$2" "$got" yes "$(beside)" >>/tmp/table
	[ "$got $(beside)" = "$1 0" ] || {
		cat /tmp/table /tmp/client
		inside ip route
		$nft list sets table inet judge
		cat /tmp/watch
		fail "$2: own traffic $got, expected $1; $(beside) packets beside"
	}
}
client()
{
	# shellcheck disable=SC2086  # words
	inside openvpn --dev tun0 --dev-type tun --remote 198.51.100.1 --ifconfig 10.8.1.2 10.8.1.1 $static \
		--route 0.0.0.0 128.0.0.0 --route 128.0.0.0 128.0.0.0 --route-delay 0 >/tmp/client 2>&1 &
}

run 0 netns-setup up vpn
inside sh -c 'while :; do echo page | nc -l -p 9091; done' >/dev/null 2>&1 &
row no "is not there yet"
client
row yes "is there"
kill -KILL "$(pidof openvpn | tr ' ' '\n' | grep -vx $server)"
row no "was killed"
netns-setup watch vpn >/tmp/watch 2>&1 &
client
row yes "is there, and the namespace watched"
kill "$server"
wait $server
row no "has no server"
cat /tmp/table
