#!/bin/sh
# The process that keeps the namespace crashes, or is stopped while services are inside:
# the namespace and the services stay, and the next process continues with them.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
service netns-mgmt netns
sshd
runit
run 0 sv start netns-mgmt

# While it is incomplete, `sv start` of a service inside waits, and fails in the end.
mv /run/netns-services/mgmt/ready /run/away
run 1 sv -w 1 check netns-mgmt
mv /run/away /run/netns-services/mgmt/ready

inode=$(netns_named mgmt)
crash()
{
	watch=$(pid_of netns-mgmt)
	kill -9 "$watch"
	eventually "it is kept again" is_another
	is "the namespace" "$(netns_named mgmt)" "$inode"
}
# another process, which has finished its start: it reacts to HUP
is_another()
{
	pid=$(pid_of netns-mgmt)
	[ -n "$pid" ] && [ "$pid" != "$watch" ] &&
		grep -q '^SigCgt:.*[13579bdf]$' "/proc/$pid/status" 2>/dev/null
}
crash

run 0 sv start sshd
eventually "it listens" has_listeners 2
daemon=$(pid_of sshd)

same()
{
	is "the namespace" "$(netns_named mgmt)" "$inode"
	is "the daemon" "$(pid_of sshd) $(netns_of "$daemon")" "$daemon $inode"
	eventually "it answers" greets far nc -w 2 "${1-192.0.2.10}" 22
}

crash
same

sed -i 's,192.0.2.10/24,192.0.2.11/24,' /etc/conf.d/netns.mgmt
run 0 sv hup netns-mgmt
has_address() { $judge -n mgmt -o addr show dev eth1 | grep -qF " $1/24"; }
eventually "the new settings are in force" has_address 192.0.2.11
lacks_address() { ! has_address "$1"; }
eventually "the old address is gone" lacks_address 192.0.2.10
same 192.0.2.11

# `sv down` with a daemon inside: the daemon is not cut off.
run 0 sv stop netns-mgmt
same 192.0.2.11
run 0 sv start netns-mgmt
same 192.0.2.11
run 0 sv stop sshd
run 0 sv stop netns-mgmt
eventually "the card is back" test -d /sys/class/net/eth1
[ ! -e /run/netns/mgmt ] || fail "the name is still there"
