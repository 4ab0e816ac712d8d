# shellcheck shell=sh disable=SC2034
# Sourced by the scenarios of WireGuard: a tunnel between mgmt, created on the host, and
# far, created in the namespace "other", which stands for another machine on the LAN.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

wg=/judge/wg
nft=/judge/nft
mgmt="$judge netns exec mgmt"
umask 077

# key NAME - create a private and a public one
key()
{
	$wg genkey >"/tmp/$1.key"
	$wg pubkey <"/tmp/$1.key" >"/tmp/$1.pub"
}

# sections - print wg's text with one section on each line, all its words sorted
sections()
{
	awk 'BEGIN { RS = ""; }
	{
		gsub(/,/, " ")
		n = split($0, words, /[ \n]+/)
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && words[j] < words[j - 1]; j--) {
				word = words[j]; words[j] = words[j - 1]; words[j - 1] = word
			}
		for (i = 1; i <= n; i++) printf "%s ", words[i]
		print ""
	}' | sort
}

# as_wg_does FILE - whether the link in mgmt has the configuration that wg gives a new one
as_wg_does()
{
	$judge link add ref0 type wireguard
	$wg setconf ref0 "$1"
	$wg showconf ref0 | sections >/tmp/expected
	$judge link delete ref0
	$mgmt $wg showconf wg0 | sections >/tmp/got
	diff -U 0 /tmp/expected /tmp/got || fail "wg0 is not what wg makes of $1 (- wg, + netns-setup)"
	printf 'ok: wg0 is what wg makes of %s\n' "$1"
}

# reloaded - the change is made, and then there is nothing left to do
reloaded()
{
	run 0 netns-setup reload mgmt
	says "wg syncconf wg0"
	as_wg_does /etc/wireguard/near.conf
	run 0 netns-setup reload mgmt
	is "what a second reload says" "$(cat /tmp/said)" ""
}

# of_far WHAT - print what wg shows of the peer: latest-handshakes, endpoints, …
of_far()
{
	$mgmt $wg show wg0 "$1" | grep -F "$(cat /tmp/far.pub)" | cut -f 2
}

# Set once here, and changed piece by piece below
port=51820 mark='FwMark = 0xca6c' own=near shared="PresharedKey = $($wg genpsk)"
far_nets='10.9.0.2/32, 2001:db8:9::2/128' far_at=192.0.2.1:51821
third_nets='10.10.0.0/16,10.11.0.1' third_at='Endpoint = 192.0.2.9:7' third_more=
near()
{
	cat >/etc/wireguard/near.conf <<-END
		[Interface] # ours
		PrivateKey = $(cat /tmp/$own.key)
		listenport=$port
		$mark
		[Peer]
		PublicKey = $(cat /tmp/far.pub)
		$shared
		AllowedIPs = $far_nets
		Endpoint = $far_at
		$third_more
	END
	[ -z "$third_nets" ] || cat >>/etc/wireguard/near.conf <<-END
		[Peer]
		PublicKey = $(cat /tmp/third.pub)
		AllowedIPs = $third_nets
		$third_at
	END
	chmod 600 /etc/wireguard/near.conf
}

for who in near far third fourth; do key $who; done
mkdir -p /etc/wireguard

# The other machine on the LAN is the other NIC, in a namespace of its own
$judge netns add other
$judge link set eth0 netns other
$judge -n other addr add 192.0.2.1/24 dev eth0
$judge -n other link set eth0 up
$judge addr add 192.0.2.2/24 dev eth1
$judge link set eth1 up
near
cat >/etc/wireguard/far.conf <<-END
	[Interface]
	PrivateKey = $(cat /tmp/far.key)
	ListenPort = 51821
	[Peer]
	PublicKey = $(cat /tmp/near.pub)
	$shared
	AllowedIPs = 10.9.0.1, 2001:db8:9::1
END
chmod 600 /etc/wireguard/far.conf
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="wg0"
	type_wg0=wireguard
	wireguard_wg0=/etc/wireguard/near.conf
	config_wg0="10.9.0.1/24 2001:db8:9::1/64"
	routes_wg0="default dev wg0"
END
cat >/etc/conf.d/netns.far <<-'END'
	netns_links="wg0"
	type_wg0=wireguard
	wireguard_wg0=/etc/wireguard/far.conf
	link_netns_wg0=other
	config_wg0="10.9.0.2/24 2001:db8:9::2/64"
END
