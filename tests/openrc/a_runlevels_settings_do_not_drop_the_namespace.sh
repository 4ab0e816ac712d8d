#!/bin/sh
# OpenRC reads conf.d/SVC.RUNLEVEL instead of conf.d/SVC. If that has no netns=, the
# daemon would silently start on the host.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
# dropbear ignores a TERM that arrives before it listens
listens()
{
	grep -q ' 0A ' "/proc/$(cat /run/sshd.pid)/net/tcp"
}

sshd
$judge netns add mgmt
$judge netns add blue
echo 'command_args="-F -E -R -p 2222"' >/etc/conf.d/sshd.default
refused rc-service sshd start
says '/etc/conf.d/sshd:1'
says '/etc/conf.d/sshd.default'
is_gone dropbear || fail "the daemon runs"

echo 'netns="blue"' >/etc/conf.d/sshd.default
run 0 rc-service sshd start
is "the namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named blue)"
eventually "sshd listens" listens
run 0 rc-service sshd stop

# An explicit empty value is what the owner wants
echo 'netns=""' >/etc/conf.d/sshd.default
run 0 rc-service sshd start
is "the namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$host"
eventually "sshd listens" listens
run 0 rc-service sshd stop

rm /etc/conf.d/sshd.default
run 0 rc-service sshd start
is "the namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"
eventually "sshd listens" listens
run 0 rc-service sshd stop
