#!/bin/sh
# A stop by hand does not take down a namespace in use: it lists the processes inside with
# the services that started them, for all supervisors and all child processes.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd

# Supervised: the process inside is the child of the one that OpenRC has recorded.
script supervised <<'END'
supervisor=supervise-daemon
command=/bin/sleep
command_args=1000
END
echo 'netns="mgmt"' >/etc/conf.d/supervised
run 0 rc-service sshd start
run 0 rc-service supervised start
/usr/sbin/netns-exec mgmt -- sh -c 'echo $$ >/tmp/mine; exec sleep 1001' &
mine=$!
eventually "somebody's own is inside" [ -s /tmp/mine ]

is_named()
{
	netns-setup down mgmt >/tmp/said 2>&1
	grep -qF "$1" /tmp/said
}

# The supervisor of the service starts the process in the background
eventually "it has begun" is_named '(sleep, service supervised)'
run 111 netns-setup down mgmt
says "$(cat /run/sshd.pid) (dropbear, service sshd)"
says '(sleep, service supervised)'
says "$mine (sleep)"
says 'netns-setup down --kill'

kill "$mine"
wait "$mine"
run 0 rc-service sshd stop
run 0 rc-service supervised stop
run 0 netns-setup down mgmt
