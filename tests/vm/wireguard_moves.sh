#!/bin/sh
# A peer that is given by a host name has a new address: watch resolves the name once a minute,
# and updates the tunnel only if the peer has not been heard of for more than two minutes. The
# test sets the machine's clock forward to make these minutes pass.
# shellcheck source=tests/vm/tunnel.sh
. /t/tunnel.sh

$judge -n other addr add 192.0.2.3/24 dev eth0
echo '192.0.2.1 far.example.org' >>/etc/hosts
far_at=far.example.org:51821
near
run 0 netns-setup up far
# (a busy machine may need more than one try to start the program that resolves names)
is_known()
{
	netns-setup up mgmt >/tmp/said 2>&1
	[ "$(of_far endpoints)" = 192.0.2.1:51821 ]
}
eventually "it knows where the other end is" is_known
netns-setup watch mgmt >/tmp/watch 2>&1 &
watch=$!
begun=$(cut -d . -f 1 /proc/uptime)
# passed SECONDS - wait until the watch has run that long, measured by the uptime, not by the clock
passed()
{
	[ "$(cut -d . -f 1 /proc/uptime)" -ge $((begun + $1)) ] || sleep $((begun + $1 - $(cut -d . -f 1 /proc/uptime)))
}
run 0 netns-exec mgmt -- ping -c 1 -W 10 10.9.0.2
is "the endpoint" "$(of_far endpoints)" 192.0.2.1:51821

# The name has another address, but the peer is heard of
sed -i 's/^192.0.2.1 far/192.0.2.3 far/' /etc/hosts
passed 66
is "the endpoint after the first look" "$(of_far endpoints)" 192.0.2.1:51821
[ "$(of_far latest-handshakes)" -gt 0 ] || fail "it is not heard of"

# The peer answers only at the new address of the name, and has been silent
$judge -n other addr del 192.0.2.1/24 dev eth0
$judge -n other addr add 192.0.2.3/24 dev eth0 2>/dev/null
refused netns-exec mgmt -- ping -c 1 -W 2 10.9.0.2
date -s "@$(($(date +%s) + 200))" >/dev/null
passed 110
is "the endpoint before the second look" "$(of_far endpoints)" 192.0.2.1:51821
is_found()
{
	[ "$(of_far endpoints)" = 192.0.2.3:51821 ]
}
passed 135
eventually "the tunnel goes where the name leads" is_found
run 0 netns-exec mgmt -- ping -c 3 -W 10 10.9.0.2
grep -qF "wg set wg0 peer $(cat /tmp/far.pub) endpoint far.example.org:51821" /tmp/watch || fail "watch said: $(cat /tmp/watch)"
kill $watch
wait $watch
is "what it ends with" "$?" 0
