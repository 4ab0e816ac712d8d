#!/bin/sh
# The process of an init script has the name of the script. OpenRC's script sshd is called
# sshd, but is not a login session. If nobody is logged in, it starts, and its namespace
# takes the NIC that all default routes of the host use.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
$judge route add default dev eth1
run 0 rc-service sshd start
pid=$(cat /run/sshd.pid)
is "where sshd is" "$(netns_of "$pid")" "$(netns_named mgmt)"
$judge route add default dev eth1 2>/dev/null
run 0 rc-service sshd restart
# dpkg's start-stop-daemon finds the daemon only once it runs its own program
runs() { [ "$(readlink "/proc/$(cat /run/sshd.pid)/exe")" = /usr/sbin/dropbear ]; }
eventually "sshd runs" runs
run 0 rc-service netns.mgmt restart
eventually "sshd is up again" rc-service -q sshd status
