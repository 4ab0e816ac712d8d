#!/bin/sh
# netns= names a namespace that no service of ours makes: it works, without a dependency.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
sshd
echo 'netns="blue"' >/etc/conf.d/sshd
$judge netns add blue
run 0 rc-service sshd start
is "the daemon's namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named blue)"
is "listeners on the host" "$(listeners env)" 0
inside_listens() { [ "$(listeners $judge netns exec blue)" != 0 ]; }
eventually "sshd listens" inside_listens
run 0 rc-service sshd stop
eventually "the daemon is gone" is_gone dropbear
[ -e /run/netns/blue ] || fail "the namespace of others is gone"
