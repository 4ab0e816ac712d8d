#!/bin/sh
# Programs that look for a process look in every namespace. If they could find the process
# of another service, the start prints a warning with the line to write.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
$judge netns add mgmt

listens_here()
{
	[ "$(listeners)" = 2 ]
}

# A daemon that forks and writes no pid file.
script nameless <<'END'
command=/usr/sbin/dropbear
command_args="-R -p 22"
END
ln -s nameless /etc/init.d/nameless.mgmt
echo 'netns="mgmt"' >/etc/conf.d/nameless.mgmt
run 0 rc-service nameless.mgmt start
says 'without pidfile='
says 'pidfile="/run/nameless.mgmt.pid" in /etc/conf.d/nameless.mgmt'
# With KILL: dropbear ignores a TERM that arrives just before it first waits
kill -9 "$(pidof dropbear)"
eventually "it is gone" is_gone dropbear
run 0 rc-service nameless.mgmt zap

# With the line that the warning printed; and on the host there is no warning.
later
cat >>/etc/conf.d/nameless.mgmt <<'END'
pidfile="/run/nameless.mgmt.pid"
command_background=yes
start_stop_daemon_args=
END
sed -i 's/-R -p 22/-F &/' /etc/init.d/nameless
run 0 rc-service nameless.mgmt start
says_not 'pidfile='
# In the background: on a busy machine it has not started yet, nor written its pid file
eventually "it listens" has_listeners 2
run 0 rc-service nameless.mgmt stop
eventually "it is gone" is_gone dropbear

# Both use one pid file: a warning says that the host's process could be taken for it.
script shared <<'END'
command=/usr/sbin/dropbear
command_args="-F -R -p 22"
command_background=yes
pidfile=/run/shared.pid
END
ln -s shared /etc/init.d/shared.mgmt
echo 'netns="mgmt"' >/etc/conf.d/shared.mgmt
later
run 0 rc-service shared start
says_not 'pidfile='
eventually "it listens" listens_here
pid=$(cat /run/shared.pid)
rc-service shared.mgmt start >/tmp/said 2>&1
cat /tmp/said
says "pidfile=\"/run/shared.pid\" belongs to process $pid"
# shellcheck disable=SC2016  # to be written just so
says 'pidfile="/run/$RC_SVCNAME.pid" in /etc/init.d/shared'
run 0 rc-service shared status
run 0 rc-service shared stop
eventually "it is gone" is_gone dropbear

# The old process has ended, and nobody has asked for its exit status yet. Most releases of
# start-stop-daemon take it for one that runs, but it belongs to no namespace.
sh -c 'sleep 0.2 & echo "$!" >/run/shared.pid; exec sleep 1000' &
parent=$!
has_ended() { grep -q '^State:	Z' "/proc/$(cat /run/shared.pid)/status"; }
eventually "it has ended" has_ended
rc-service shared.mgmt start >/tmp/said 2>&1
cat /tmp/said
says 'Starting shared.mgmt'
says_not 'belongs to process'
rc-service shared.mgmt stop
kill "$parent"
