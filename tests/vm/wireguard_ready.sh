#!/bin/sh
# netns_ready="handshake wg0": a namespace is ready when the other end of its tunnel has
# answered, and a process that waits for it continues then.
# shellcheck source=tests/vm/tunnel.sh
. /t/tunnel.sh

# Only this makes an end send first
third_more='PersistentKeepalive = 1'
near
cat >>/etc/conf.d/netns.mgmt <<-'END'
	netns_ready="handshake wg0"
	netns_timeout="2"
END

# The other end does not answer
run 111 netns-setup up mgmt
says 'mgmt: not ready after 2 s: handshake wg0 does not hold'
says 'asked for by netns_ready at /etc/conf.d/netns.mgmt:6'
run 1 netns-setup status mgmt
says 'handshake wg0'
run 111 netns-exec mgmt -- true
says 'mgmt is not ready'
run 111 netns-exec --wait 0.5 mgmt -- true
says 'mgmt is not ready after 0.5 s'

# The next up recreates nothing, and the namespace becomes ready when the other end answers
sed -i 's/^netns_timeout.*/netns_timeout="120"/; s/^\tnetns_timeout.*/netns_timeout="120"/' /etc/conf.d/netns.mgmt
netns-setup up mgmt >/tmp/up 2>&1 &
up=$!
netns-exec --wait 120 mgmt -- ping -c 1 -W 20 10.9.0.2 >/tmp/joined 2>&1 &
joined=$!
sleep 2
kill -0 $up || fail "it was ready without the other end: $(cat /tmp/up)"
[ ! -s /tmp/joined ] || fail "it was joined before: $(cat /tmp/joined)"
is "the handshake" "$(of_far latest-handshakes)" 0
run 0 netns-setup up far
# (the next try of the tunnel is up to six seconds away)
has_ended()
{
	! kill -0 "$1" 2>/dev/null
}
eventually "the tunnel's end has come, and with it the namespace" has_ended $up
wait $up
is "how up ended" "$?" 0
is "what it said" "$(cat /tmp/up)" ""
wait $joined
is "how what waited for it ended" "$?" 0
[ "$(of_far latest-handshakes)" -gt 0 ] || fail "there was no handshake"
run 0 netns-setup status mgmt
run 0 netns-exec mgmt -- true
