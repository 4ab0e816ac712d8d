#!/bin/sh
# WireGuard: two ends in namespaces of their own, each created where its network is.
# Nothing leaves beside the tunnel, and no process can see its keys.
# shellcheck source=tests/vm/tunnel.sh
. /t/tunnel.sh

run 0 netns-setup plan mgmt
says "+ ip link add name wg0 netns mgmt type wireguard"
says "+ ip netns exec mgmt wg syncconf wg0 /etc/wireguard/near.conf"
run 0 netns-setup up mgmt far
as_wg_does /etc/wireguard/near.conf
run 0 netns-setup up mgmt far
is "what a second up says" "$(cat /tmp/said)" ""
run 0 netns-setup status mgmt
says "no handshake, 0 B received, "
is "its mtu" "$($judge -n mgmt -j link show wg0 | sed 's/.*"mtu":\([0-9]*\).*/\1/')" 1420

# The packets of the tunnel itself use the network of the namespace it was created in
$nft -f - <<-'END'
	table inet count {
		counter tunnel { }
		counter plain { }
		chain out {
			type filter hook output priority 0
			oifname "eth1" udp dport 51821 counter name tunnel
			oifname "eth1" icmp type echo-request counter name plain
		}
		chain through {
			type filter hook forward priority 0
			oifname "eth1" counter name plain
		}
	}
END
count()
{
	$nft list counter inet count "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}
is "packets so far" "$(count tunnel)" 0
run 0 netns-exec mgmt -- ping -c 3 -W 5 10.9.0.2
run 0 netns-exec mgmt -- ping -c 1 -W 5 2001:db8:9::2
[ "$(count tunnel)" -ge 4 ] || fail "$(count tunnel) packets left by the host's card"
is "packets as they are" "$(count plain)" 0
run 0 netns-setup status mgmt
grep -q ' peer .* endpoint .*:[0-9]*, last handshake [0-9]* seconds* ago, .*B received, .*B sent' /tmp/said ||
	fail "status does not show the peer: $(cat /tmp/said)"

# A tunnel that is down, or does not answer, lets nothing out
$judge -n mgmt link set wg0 down
before=$(count tunnel)
for to in 10.9.0.2 192.0.2.1 198.51.100.1; do
	refused netns-exec mgmt -- ping -c 1 -W 1 $to
done
is "packets of the tunnel" "$(count tunnel)" "$before"
is "packets as they are" "$(count plain)" 0
run 0 netns-setup reload mgmt
refused netns-exec mgmt -- ping -c 1 -W 1 198.51.100.1
is "packets as they are" "$(count plain)" 0
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2

# Recreated by hand it is not ours, and was created in the wrong namespace
$judge -n mgmt link delete wg0
$judge -n mgmt link add wg0 type wireguard
run 111 netns-setup up mgmt
says "there is another link wg0, which netns-setup did not make"
run 1 netns-setup status mgmt
$judge -n mgmt link delete wg0
run 0 netns-setup up mgmt
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2

# No secret is told to anybody
secrets=$(cat /tmp/*.key; sed -n 's/^PresharedKey = //p' /etc/wireguard/near.conf)
{
	NETNS_LOG=trace netns-setup -v plan mgmt
	NETNS_LOG=trace netns-setup down mgmt
	NETNS_LOG=trace netns-setup -v up mgmt
	NETNS_LOG=trace netns-setup -v reload mgmt
	NETNS_LOG=trace netns-setup status --json mgmt
	cat /run/netns-services/*/*
} >/tmp/all 2>&1 </dev/null
grep -q 'hidden' /tmp/all || fail "the log has no state in it"
for secret in $secrets; do
	! grep -qF "$secret" /tmp/all || fail "a secret was told"
	bytes=$(echo "$secret" | base64 -d | od -An -tu1 -N 6 -j 3 | sed 's/^ *//; s/  */, /g')
	! grep -qF "$bytes" /tmp/all || fail "the bytes of a secret were told"
done
as_wg_does /etc/wireguard/near.conf

# The namespace in which far was created is deleted, and another one has its name: the link in
# far stays and carries nothing, until it is recreated
$judge netns delete other
eventually "the card is on the host" $judge link show eth0
is_dead()
{
	run 1 netns-setup status far
	says "wg0 was created in the namespace other, which is gone, and carries nothing"
	refused netns-exec mgmt -- ping -c 1 -W 1 10.9.0.2
}
is_dead
run 0 $judge netns add other
is_dead
run 1 netns-setup doctor far
says "wg0 was created in the namespace other, which is gone, and carries nothing"
$judge link set eth0 netns other
$judge -n other addr add 192.0.2.1/24 dev eth0
$judge -n other link set eth0 up
run 0 netns-setup up far
says "+ ip -n far link delete wg0"
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2
run 0 netns-setup status far

run 0 netns-setup down mgmt
run 0 netns-setup down far
is "the links of the host" "$($judge -o link show type wireguard)" ""
is "what is left of it" "$(ls /run/netns /run/netns-services)" "/run/netns:
other

/run/netns-services:"
