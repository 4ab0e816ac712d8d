#!/bin/sh
# WireGuard: status, list and metrics show of each peer what wg(8) shows, as text, as JSON and
# as numbers; and doctor reports a peer that does not answer, and no other.
# shellcheck source=tests/vm/tunnel.sh
. /t/tunnel.sh

# In the far end's file, nothing is known of the near end's address, as with a client that
# roams. The near end keeps the tunnel alive
third_more='PersistentKeepalive = 25'
near
echo netns_dns=10.9.0.2 >>/etc/conf.d/netns.mgmt
echo netns_dns=10.9.0.1 >>/etc/conf.d/netns.far
run 0 netns-setup up mgmt far

# as_wg_shows - print the peers as wg does, with the keys of the JSON
as_wg_shows()
{
	$mgmt $wg show wg0 dump | tail -n +2 | awk '
		function value(text, none) { return text == none ? "null" : text }
		{
			print "public_key " $1
			print "endpoint " value($3, "(none)")
			print "persistent_keepalive " value($8, "off")
			print "latest_handshake " value($5, "0")
			print "transfer_rx " $6
			print "transfer_tx " $7
		}'
}

in_json()
{
	netns-setup status --json mgmt |
		sed -n '/"peers": \[$/,/\]/s/^ *"\([a-z_]*\)": "*\([^",[]*\)"*,*$/\1 \2/p'
}

# metric NAME - print the values that metrics has of the peers, in wg's order
metric()
{
	netns-setup metrics >/tmp/metrics
	for key in $($mgmt $wg show wg0 peers); do
		grep -F "netns_wireguard_$1{netns=\"mgmt\",link=\"wg0\",public_key=\"$key\"} " /tmp/metrics |
			sed 's/.* //'
	done
}

# The counters go on between two calls: wg shows the same before and after
is_shown()
{
	as_wg_shows >/tmp/expected
	in_json >/tmp/got
	{
		metric latest_handshake_timestamp_seconds
		metric receive_bytes_total
		metric transmit_bytes_total
	} >/tmp/numbers
	as_wg_shows | cmp -s - /tmp/expected || return 1
	{
		sed -n 's/^latest_handshake //p' /tmp/expected | sed 's/null/0/'
		sed -n 's/^transfer_rx //p' /tmp/expected
		sed -n 's/^transfer_tx //p' /tmp/expected
	} >/tmp/expected_numbers
	diff -U 0 /tmp/expected /tmp/got && diff -U 0 /tmp/expected_numbers /tmp/numbers
}

is_shaken()
{
	[ "$(of_far latest-handshakes)" -gt 0 ]
}
eventually "far has answered" is_shaken
eventually "JSON and metrics have what wg shows" is_shown
is "the number of peers" "$(grep -c public_key /tmp/got)" 2
grep -q "persistent_keepalive 25" /tmp/got || fail "no keepalive: $(cat /tmp/got)"
run 0 netns-exec mgmt -- ping -c 3 -W 5 10.9.0.2
eventually "JSON and metrics have what wg shows" is_shown

run 0 netns-setup status mgmt
for who in far third; do
	says "peer $(cat /tmp/$who.pub) endpoint "
done
says "endpoint 192.0.2.1:51821, last handshake "
says "endpoint 192.0.2.9:7, no handshake, 0 B received, 0 B sent"
run 0 netns-setup list
says "wg0 10.9.0.1/24 2001:db8:9::1/64"
run 0 netns-setup graph
says "wg0  wireguard, sends through the host"
says "wg0  wireguard, sends through other"

# Nothing was sent to the third peer, and the far end knows no address of its peer: no fault
run 0 netns-setup doctor mgmt far
is "what doctor says" "$(cat /tmp/said)" ""

# Two handshakes without an answer are one
refused netns-exec mgmt -- ping -c 1 -W 1 10.10.0.1
is_silent()
{
	netns-setup doctor mgmt >/tmp/said
	grep -qF "the peer $(cat "/tmp/$1.pub") at $2 of wg0 does not answer" /tmp/said
}
eventually "doctor reports the third peer" is_silent third 192.0.2.9:7
is "the number of findings" "$(grep -c '^mgmt: ' /tmp/said)" 1
echo 'netns_doctor_accept="no-handshake"' >>/etc/conf.d/netns.mgmt
run 0 netns-setup doctor mgmt
sed -i '/netns_doctor_accept/d' /etc/conf.d/netns.mgmt

# The far end is gone: for the clock, ten minutes ago. There, a peer without a keepalive has
# had nothing to send since
third_nets=
near
run 0 netns-setup reload mgmt
run 0 netns-setup doctor mgmt
$judge -n far link set wg0 down
date -s "@$(($(date +%s) + 600))" >/dev/null
eventually "doctor reports the far end" is_silent far 192.0.2.1:51821
is "the number of findings" "$(grep -c '^mgmt: ' /tmp/said)" 1
run 0 netns-setup reload far
run 0 netns-setup doctor far
