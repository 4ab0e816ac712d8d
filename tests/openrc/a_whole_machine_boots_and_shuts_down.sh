#!/bin/sh
# With runlevels alone: the NIC is in its namespace before the network is set up, and at
# shutdown a process that is left inside does not delay anything.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
run 0 rc-update add netns.mgmt default
run 0 rc-update add sshd default
run 0 openrc default
is "the daemon's namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"

# one that is no service's
$judge netns exec mgmt sleep 601 &
is_inside() { $judge netns pids mgmt | xargs -I PID cat /proc/PID/cmdline | grep -q 601; }
eventually "a stranger is inside" is_inside
# the services of the runlevel shutdown would end this script, and the host
rm -f /etc/runlevels/shutdown/*
echo 'no_umounts="/.*"' >>/etc/conf.d/localmount
begun=$(date +%s)
run 0 openrc shutdown
[ $(($(date +%s) - begun)) -le 12 ] || fail "it took more than 10 s"
eventually "the card is back" test -d /sys/class/net/eth1
[ ! -e /run/netns/mgmt ] || fail "the name is still there"
