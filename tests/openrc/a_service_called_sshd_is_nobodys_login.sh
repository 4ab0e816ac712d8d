#!/bin/sh
# A script has its own name as a process: OpenRC's of sshd is called sshd, and is no session
# of anybody. Where nobody is logged in, it starts, and takes the card that all default
# routes of the host go out by.
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
run 0 rc-service netns.mgmt restart
eventually "sshd is up again" rc-service -q sshd status
