#!/bin/sh
# A day of a daemon whose only route is a provider's tunnel, with a web page for the LAN.
# Prints a table of which place can reach which, for each state of the tunnel. Counted are
# the packets that leave the namespace through its veth and answer no request: there must
# be none.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

wg=/judge/wg
nft=/judge/nft
ln -s $nft /usr/sbin/nft
internet=203.0.113.1
on_lan()
{
	$judge netns exec lan "$@"
}

provider()
{
	$judge netns exec provider "$@"
}

inside()
{
	netns-exec torrents -- "$@"
}

# The LAN, whose router leads to the provider, which is also the internet
$judge netns add lan
$judge link set eth0 netns lan
$judge -n lan addr add 192.0.2.1/24 dev eth0
$judge -n lan addr add 2001:db8:10::1/64 dev eth0 nodad
$judge -n lan link set eth0 up
$judge addr add 192.0.2.2/24 dev eth1
$judge addr add 2001:db8:10::2/64 dev eth1 nodad
$judge link set eth1 up
$judge netns add provider
$judge -n lan link add pv0 type veth peer name pv1 netns provider
$judge -n lan addr add 198.51.100.2/24 dev pv0
$judge -n lan link set pv0 up
on_lan sysctl -qw net.ipv4.ip_forward=1
$judge route add default via 192.0.2.1
$judge -n provider link set lo up
$judge -n provider addr add 198.51.100.1/24 dev pv1
$judge -n provider addr add $internet/32 dev lo
$judge -n provider addr add 2001:db8:99::1/128 dev lo
$judge -n provider link set pv1 up
$judge -n provider route add default via 198.51.100.2
(umask 077; $wg genkey >/tmp/own.key; $wg genkey >/tmp/provider.key)
own=$($wg pubkey </tmp/own.key)
$judge -n provider link add wg0 type wireguard
$judge -n provider addr add 10.9.0.1/24 dev wg0
$judge -n provider addr add fd00:9::1/64 dev wg0 nodad
$judge -n provider link set wg0 up
# as KEY PORT - set up the provider's end
as()
{
	provider $wg set wg0 private-key "$1" listen-port "$2" \
		peer "$own" allowed-ips 10.9.0.2/32,fd00:9::2/128
}
as /tmp/provider.key 51820
provider dnsmasq --no-resolv --no-hosts --bind-interfaces --interface=wg0 --user=root \
	--conf-file=/dev/null --address=/day.example/$internet --address=/day.example/2001:db8:99::1 --pid-file=/tmp/dnsmasq.pid ||
	fail "no name server"

# The person's files: the provider's file, and README's lines
mkdir -p /etc/wireguard/netns
{
	echo '[Interface]'
	echo "PrivateKey = $(cat /tmp/own.key)"
	echo 'Address = 10.9.0.2/32, fd00:9::2/128'
	echo 'DNS = 10.9.0.1'
	echo '[Peer]'
	echo "PublicKey = $($wg pubkey </tmp/provider.key)"
	echo 'AllowedIPs = 0.0.0.0/0, ::/0'
	echo 'Endpoint = provider.example:51820'
} >/etc/wireguard/netns/wg0.conf
chmod 600 /etc/wireguard/netns/wg0.conf
echo '198.51.100.1 provider.example' >>/etc/hosts
readme torrents

# Counts what leaves through the veth and answers no request; neighbour discovery and
# multicast belong to the link itself
$nft -f - <<-'RULES' || fail "no counter"
	table inet judge {
		counter beside { }
		chain in {
			type filter hook prerouting priority -150
			iifname != "torrents-ve0" accept
			icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
			ct direction original counter name beside
		}
	}
RULES
beside()
{
	$nft list counter inet judge beside | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}

# page COMMAND... - whether it prints the page
page()
{
	[ "$("$@" 2>/dev/null)" = page ] && echo yes || echo no
}

can()
{
	"$@" >/dev/null 2>&1 && echo yes || echo no
}

# Bound to the address of the veth, and to the veth
try_the_veth()
{
	for to in $internet 192.0.2.1; do
		inside ping -c 1 -W 1 -I 10.8.0.2 "$to"
		inside ping -c 1 -W 1 -I ve0 "$to"
	done >/dev/null 2>&1
}

table=/tmp/table
printf '%-36s %-5s %-5s %-9s %-5s %-4s %-5s %s\n' 'the tunnel' own libc resolver host LAN LAN6 beside >$table
# row EXPECTED WHAT - test its own traffic, names resolved by libc and by a program's own
# resolver, and the page
row()
{
	# The first packet starts a handshake
	case $1 in
	yes*) eventually "the tunnel speaks" inside ping -c 1 -W 1 $internet >/dev/null ;;
	esac
	got="$(can inside ping -c 1 -W 2 $internet) $(can inside timeout 5 ping -c 1 -W 3 day.example)"
	got="$got $(can inside timeout 3 nslookup -type=a day.example)"
	got="$got $(page wget -qO- -T 5 http://192.0.2.2:9091/)"
	got="$got $(page on_lan wget -qO- -T 5 http://192.0.2.2:9091/)"
	got="$got $(page on_lan wget -qO- -T 5 'http://[2001:db8:10::2]:9091/')"
	try_the_veth
	# shellcheck disable=SC2086  # a word each
	printf '%-36s %-5s %-5s %-9s %-5s %-4s %-5s %s\n' "$2" $got "$(beside)" >>$table
	if [ "$got" != "$1" ] || [ "$(beside)" != 0 ]; then
		cat $table
		inside $wg show | grep -v key:
		$judge -n torrents route
		fail "$2: $got, expected $1"
	fi
}
all="yes yes yes yes yes yes"
page_alone="no no no yes yes yes"

cat >/tmp/nginx.conf <<-'CONF'
	daemon off;
	user root;
	events { }
	pid /tmp/nginx.pid;
	error_log /dev/null;
	http {
		access_log off;
		server { listen 9091; listen [::]:9091; location / { return 200 "page\n"; } }
	}
CONF
mkdir -p /var/lib/nginx /var/log/nginx
serve()
{
	inside nginx -c /tmp/nginx.conf >/tmp/nginx.said 2>&1 &
	eventually "the page is there" serves || cat /tmp/nginx.said
}
serves()
{
	[ "$(page inside wget -qO- http://127.0.0.1:9091/)" = yes ]
}

run 0 netns-setup up torrents
serve
row "$all" "is up"
run 0 netns-setup doctor torrents
is "what doctor says" "$(cat /tmp/said)" ""

$judge -n torrents link set wg0 down
row "$page_alone" "is down"
run 0 netns-setup reload torrents
row "$all" "is up again by reload"

$judge -n torrents link delete wg0
row "$page_alone" "is gone"
run 0 netns-setup up torrents
row "$all" "is made anew by up"

as /tmp/own.key 51820
row "$page_alone" "has a peer with another key"
as /tmp/provider.key 51821
row "$page_alone" "has a peer that is not there"
as /tmp/provider.key 51820
row "$all" "has its peer again"

run 0 netns-setup down --kill torrents
[ "$(beside)" = 0 ] || fail "$(beside) packets left beside the tunnel"
netns-setup watch torrents >/tmp/watch 2>&1 &
watch=$!
eventually "it is ready" test -e /run/netns-services/torrents/ready
serve
row "$all" "is watched"
$judge -n torrents link set wg0 down
row "$all" "was down, and is watched"
$judge -n torrents link delete wg0
row "$all" "was gone, and is watched"
inside /judge/nft flush ruleset
eventually "answers find their way again" inside /judge/nft list table inet netns_replies >/dev/null
row "$all" "rules were flushed, and is watched"
kill $watch
wait $watch
cat $table
