#!/bin/sh
# The name is deleted, or /run/netns is emptied: status and stop still work for running
# services, and nothing new is started.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
sshd
script supervised <<'END'
supervisor=supervise-daemon
command=/bin/sleep
command_args=600
pidfile=/run/supervised.pid
END
echo 'netns="mgmt"' >/etc/conf.d/supervised
$judge netns add mgmt
run 0 rc-service sshd start
run 0 rc-service supervised start
eventually "it runs" runs sleep
$judge netns del mgmt

run 0 rc-service sshd status
run 0 rc-service supervised status
run 0 rc-service sshd stop
run 0 rc-service supervised stop
eventually "no dropbear is left" is_gone dropbear
eventually "no sleep is left" is_gone sleep
run 3 rc-service sshd status

refused rc-service sshd start
says '/etc/conf.d/sshd:1: netns="mgmt"'
[ -z "$(pidof dropbear)" ] || fail "the daemon runs"

$judge netns add mgmt
run 0 rc-service sshd start
$judge netns del mgmt
run 0 rc-service sshd zap
run 3 rc-service sshd status
