#!/bin/sh
# A listener in the namespace has started an SSH server on the host. The server is no
# process of the namespace, and no table of the host lists its connection. The connection
# is protected nevertheless.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
service netns-mgmt netns
service sshd sshd-listen
sed -i "s,EXEC:.*,EXEC:'netns-exec --host -- /usr/sbin/dropbear -i -R -E'\,nofork," /etc/sv/sshd/run
may_log_in
runit
run 0 sv start sshd
eventually "it answers" greets far nc -w 2 192.0.2.10 22
is "where a session is" "$(session 192.0.2.10 'readlink /proc/self/ns/net' </dev/null 2>/dev/null)" "$host"
is "where the listener is" "$(netns_of "$(pid_of sshd)")" "$(netns_named mgmt)"
watch=$(pid_of netns-mgmt)

told()
{
	grep -q 'mgmt: it would take away eth1, which carries the connection of somebody who is logged in, from 192.0.2.1 port .* to 192.0.2.10$' /tmp/log
}

is_kept()
{
	[ "$(pid_of netns-mgmt)" = "$watch" ] && sv status netns-mgmt | grep '^run: ' | grep -qv want
}

: >/tmp/log
refused session 192.0.2.10 "exec env -i PATH=\$PATH sv -w 2 stop netns-mgmt"
eventually "it is not ended" told
eventually "it stays up" is_kept
run 0 sv start netns-mgmt

# A client that has only connected is not logged in
far nc 192.0.2.10 22 </dev/zero >/dev/null 2>&1 &
run 0 sv restart netns-mgmt
is_another() { [ "$(pid_of netns-mgmt)" != "$watch" ]; }
eventually "it has been restarted" is_another
