#!/bin/sh
# Files as providers and routers hand them out: netns-setup makes the same of each as the
# real wg-quick does, in a namespace of its own. wg-quick needs no resolvconf here, and
# runs no commands: DNS and the commands are removed from its copy.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

wg=/judge/wg
umask 077
mkdir -p /etc/wireguard /tmp/quick
# Every machine has these links; bash and the printed script need them
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
[ -e /dev/stdin ] || ln -s fd/0 /dev/stdin

# link NAMESPACE LINK - print its addresses and its MTU
link()
{
	$judge -n "$1" -o address show dev "$2" | sed -n 's/.* \(inet6\? [^ ]*\).*/\1/p' | grep -v ' fe80' | sort
	$judge -n "$1" -j link show dev "$2" | sed 's/.*"mtu":\([0-9]*\).*/mtu \1/'
}

# routes NAMESPACE LINK - print its routes of all tables; wg-quick uses a table for its
# default routes, because its link is created in the namespace itself
routes()
{
	for family in -4 -6; do
		$judge -n "$1" $family route show table all dev "$2" |
			sed -n 's/^default/0::0/; / table local/d; /^multicast/d; /^local/d; /fe80::/d
				s/ table 51820//; s/^\([^ ]*\).*\( table [^ ]*\).*/\1\2/; s/^\([^ ]*\) \(proto\|scope\|metric\).*/\1/; p' |
			sed 's/ *$//'
	done | sort -u
}

# told NAMESPACE LINK - print the configuration of the link, without a port and a mark
# that wg-quick chooses; the networks of a peer are sorted
told()
{
	$judge netns exec "$1" $wg showconf "$2" | grep -v -e ^ListenPort -e ^FwMark | tr , '\n' |
		sed 's/^AllowedIPs = / /' | sort
}

cat >/etc/conf.d/netns.vpn <<'END'
netns_links="wg0"
type_wg0="wireguard"
wireguard_wg0="/etc/wireguard/wg0.conf"
END
# wg_quick up|down - with the real one
wg_quick()
{
	PATH=/judge:$PATH $judge netns exec quick bash /judge/wg-quick "$1" /tmp/quick/ref.conf >/tmp/quick/said 2>&1
}

# differs WHAT - record it, so that the other results are printed, too
differs()
{
	printf '%s\n' "$1" | tee -a /tmp/quick/differs
}

# A file takes some seconds in the machine: `make test-all` runs all of them
# shellcheck disable=SC2154  # of wireguard_quick_all.sh
case ${all-} in
'') set -- /t/quick/[b-d]*.conf /t/quick/[hk]*.conf /t/quick/no-prefix.conf /t/quick/table-number.conf ;;
*) set -- /t/quick/*.conf ;;
esac
for file; do
	name=${file##*/}
	cp "$file" /etc/wireguard/wg0.conf
	sed '/^ *\(DNS\|dns\|PreUp\|PostUp\|PreDown\|PostDown\)/d' "$file" >/tmp/quick/ref.conf

	$judge netns add quick
	wg_quick up || fail "wg-quick up $name: $(cat /tmp/quick/said)"
	run 0 netns-setup up vpn

	{ link quick ref; told quick ref; } >/tmp/quick/expected
	{ link vpn wg0; told vpn wg0; } >/tmp/quick/got
	# A file of wg(8)'s makes no routes
	if grep -qi '^address' "$file"; then
		routes quick ref >>/tmp/quick/expected
	fi
	routes vpn wg0 >>/tmp/quick/got
	diff -U 9 /tmp/quick/expected /tmp/quick/got >/tmp/quick/diff ||
		differs "$name is not what wg-quick makes of it (- wg-quick, + netns-setup)
$(cat /tmp/quick/diff)"
	printf 'ok: %s\n' "$name"

	dns=$(sed -n 's/\r//; s/^ *\(DNS\|dns\) *= *//p' "$file" | tr -s ', ' '\n' | grep -v '^$' | sort)
	is "name servers and domains of $name" \
		"$(sed -n 's/^\(nameserver\|search\) //p' /etc/netns/vpn/resolv.conf 2>/dev/null | tr ' ' '\n' | sort)" "$dns"
	run 0 netns-setup down vpn
	wg_quick down || fail "wg-quick down $name: $(cat /tmp/quick/said)"
	$judge netns del quick
done
is "files" $# "${all:-8}"
[ ! -e /tmp/quick/differs ] || fail "$(cat /tmp/quick/differs)"

# The output of plan --script has the same result
cp /t/quick/kill-switch.conf /etc/wireguard/wg0.conf
netns-setup plan --script vpn >/tmp/quick/script 2>/dev/null
PATH=/judge:$PATH sh -e /tmp/quick/script || fail "$(cat /tmp/quick/script)"
is "its address" "$(link vpn wg0 | head -n 1)" "inet 10.64.0.3/32"
is "its peer" "$($judge netns exec vpn $wg show wg0 endpoints | cut -f 2)" 192.0.2.11:51820
$judge netns del vpn

# The settings take precedence, and so does the owner's resolv.conf
rm -f /etc/netns/vpn/resolv.conf
cp /t/quick/both-families.conf /etc/wireguard/wg0.conf
cat >>/etc/conf.d/netns.vpn <<'END'
config_wg0="10.64.0.99/32"
routes_wg0="198.51.100.0/24"
mtu_wg0="1300"
netns_dns="192.0.2.77"
END
run 0 netns-setup up vpn
is "the link" "$(link vpn wg0)" "inet 10.64.0.99/32
mtu 1300"
is "its routes" "$(routes vpn wg0)" 198.51.100.0/24
is "the name server" "$(grep ^nameserver /etc/netns/vpn/resolv.conf)" "nameserver 192.0.2.77"
run 0 netns-setup down vpn
sed -i '/netns_dns/d' /etc/conf.d/netns.vpn
mkdir -p /etc/netns/vpn
echo 'nameserver 192.0.2.88' >/etc/netns/vpn/resolv.conf
run 0 netns-setup up vpn
is "the owner's resolv.conf" "$(cat /etc/netns/vpn/resolv.conf)" "nameserver 192.0.2.88"
run 0 netns-setup down vpn
