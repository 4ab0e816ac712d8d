#!/bin/sh
# After a crash, supervise-daemon restarts the process in the namespace that has the name
# now, or not at all.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
mount -o remount,hidepid=2 /proc   # a user sees no process of others, as on hardened hosts
$judge netns add mgmt
script root <<'END'
supervisor=supervise-daemon
command=/bin/sleep
command_args="600 0"
respawn_delay=1
END
script user <<'END'
supervisor=supervise-daemon
command=/bin/sleep
command_args_foreground="'700' 0"
command_user=tester
respawn_delay=1
END
script missing <<'END'
supervisor=supervise-daemon
command=/bin/missing
END
for name in root user missing; do
	echo 'netns="mgmt"' >"/etc/conf.d/$name"
done
pid_of()
{
	pgrep -f "^/bin/sleep $1" | grep -vx "${pid-none}"
}
is_back()
{
	pid_of "$1" >/tmp/pid && [ -s /tmp/pid ]
}

run 0 rc-service root start
run 0 rc-service user start
refused rc-service missing start
for seconds in 600 700; do
	eventually "it runs" is_back "$seconds"
	pid=$(cat /tmp/pid)
	is "its namespace" "$(netns_of "$pid")" "$(netns_named mgmt)"
	kill -9 "$pid"
	eventually "it is back" is_back "$seconds"
	is "its namespace" "$(netns_of "$(cat /tmp/pid)")" "$(netns_named mgmt)"
	unset pid
done
is "whose process it is" "$(stat -c %U "/proc/$(cat /tmp/pid)")" tester

exec 9</run/netns/mgmt   # while it is there, its number is no other's
was=$(netns_named mgmt)
$judge netns del mgmt
$judge netns add mgmt
[ "$(netns_named mgmt)" != "$was" ] || fail "it is the same namespace"
kill -9 "$(pid_of 700)"
pid=$(pid_of 600)
kill -9 "$pid"
eventually "root's is back" is_back 600
is "its namespace" "$(netns_of "$(cat /tmp/pid)")" "$(netns_named mgmt)"
# Only root may join.
eventually "the user's is given up" gives_up user
[ -z "$(pid_of 700)" ] || fail "the user's is in another namespace"
run 0 rc-service user restart
eventually "the user's is back" is_back 700
is "its namespace" "$(netns_of "$(cat /tmp/pid)")" "$(netns_named mgmt)"
run 0 rc-service root stop
run 0 rc-service user stop
eventually "nothing is left" is_gone sleep
