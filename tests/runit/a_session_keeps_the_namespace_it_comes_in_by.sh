#!/bin/sh
# sv only leaves a command with runsv, and no person is among the ancestors of what runsv
# runs. So the sessions of all logged-in users are protected. The error is in runit's log,
# and everything stays up. sv exit and a shutdown are always possible.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
# stays - log somebody in who types nothing
stays()
{
	eventually "it answers" greets far nc -w 2 192.0.2.10 22
	session 192.0.2.10 'touch /run/here; sleep 100' >/dev/null 2>&1 </dev/null &
	eventually "somebody is logged in" test -e /run/here
	rm /run/here
}

card
settings
service netns-mgmt netns
sshd
may_log_in
runit
run 0 sv start sshd
stays
watch=$(pid_of netns-mgmt)

told()
{
	grep -q 'mgmt: it would take away eth1, which carries the connection of somebody who is logged in, from 192.0.2.1 port .* to 192.0.2.10$' /tmp/log &&
		grep -q 'log in another way, or write netns_move_my_connection="yes" in /etc/conf.d/netns.mgmt$' /tmp/log
}

is_kept()
{
	[ "$(pid_of netns-mgmt)" = "$watch" ] && sv status netns-mgmt | grep '^run: ' | grep -qv want
}

for command in down restart term; do
	: >/tmp/log
	session 192.0.2.10 "sv $command netns-mgmt" >/tmp/said 2>&1 </dev/null
	cat /tmp/said
	eventually "it is not ended" told
	eventually "it stays up" is_kept
done
: >/tmp/log
refused session 192.0.2.10 "sv -w 2 stop netns-mgmt"
eventually "it is not ended" told
eventually "it stays up" is_kept

kill "$(pidof dbclient)"
eventually "nobody is logged in" is_gone dbclient
# A client that has only connected is not logged in
far nc 192.0.2.10 22 </dev/zero >/dev/null 2>&1 &
run 0 sv restart netns-mgmt
is_another() { [ "$(pid_of netns-mgmt)" != "$watch" ]; }
eventually "it has been restarted" is_another
run 0 sv start netns-mgmt
run 0 sv restart sshd

stays
echo 'netns_move_my_connection="yes"' >>/etc/conf.d/netns.mgmt
run 0 sv down netns-mgmt
eventually "it may be cut" is_in down netns-mgmt
sed -i '/^netns_move/d' /etc/conf.d/netns.mgmt

run 0 sv start netns-mgmt
kill "$(pidof runsvdir)"
eventually "stage 2 is over" is_gone runsvdir
run 0 sv -w 9 force-stop netns-mgmt
run 0 is_in down netns-mgmt
