#!/bin/sh
# Daemons are started inside, and found for status and stop, with every supervisor and
# every way to keep the process id.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
$judge netns add mgmt

# a daemon that goes into the background by itself, and writes its own pid file
script forking <<'END'
command=/usr/sbin/dropbear
command_args="-R -p 22 -P /run/forking.pid"
pidfile=/run/forking.pid
END
# one that does neither, runs as another user, and has arguments that need quotes
script background <<'END'
command=/bin/sleep
command_args="'600'"
command_user=tester
command_background=yes
pidfile=/run/background.pid
END
# one under supervise-daemon
script supervised <<'END'
supervisor=supervise-daemon
command=/usr/sbin/dropbear
command_args="-F -R -p 2222 -P /run/dropbear.pid"
pidfile=/run/supervised.pid
respawn_delay=1
END
# one whose script has functions of its own before the start and after the stop
script calling <<'END'
command=/bin/sleep
pidfile=/run/calling.pid
start_stop_daemon_args="--background --make-pidfile"
command_args="601"
start_pre() { readlink /proc/self/ns/net >/run/calling.pre; }
stop_post() { readlink /proc/self/ns/net >/run/calling.post; }
END
for name in forking background supervised calling; do
	echo 'netns="mgmt"' >"/etc/conf.d/$name"
done

inside()
{
	is "the namespace of $1" "$(netns_of "$2")" "$(netns_named mgmt)"
}

for name in forking background calling; do
	run 0 rc-service "$name" start
	eventually "$name has a pid" test -s "/run/$name.pid"
	pid=$(cat "/run/$name.pid")
	inside "$name" "$pid"
	run 0 rc-service "$name" status
done
is "whose process it is" "$(stat -c %U "/proc/$(cat /run/background.pid)")" tester
is "where start_pre runs" "$(cat /run/calling.pre)" "$(netns_named mgmt)"

run 0 rc-service supervised start
eventually "the supervised daemon is up" test -s /run/dropbear.pid
pid=$(cat /run/dropbear.pid)
inside supervised "$pid"
run 0 rc-service supervised status
kill -9 "$pid"
is_another() { [ -s /run/dropbear.pid ] && [ -d "/proc/$(cat /run/dropbear.pid)" ] && [ "$(cat /run/dropbear.pid)" != "$pid" ]; }
eventually "it is back after a crash" is_another
inside supervised "$(cat /run/dropbear.pid)"

for name in forking background calling supervised; do
	run 0 rc-service "$name" restart
	eventually "$name has a pid" test -s "/run/$name.pid"
	inside "$name" "$(cat "/run/$name.pid")"
	run 0 rc-service "$name" stop
	run 3 rc-service "$name" status
done
eventually "no sleep is left" is_gone sleep
eventually "no dropbear is left" is_gone dropbear
is "where stop_post runs" "$(cat /run/calling.post)" "$(netns_named mgmt)"
