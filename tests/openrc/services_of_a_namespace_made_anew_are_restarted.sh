#!/bin/sh
# Another program deletes the namespace while its services run. The watch recreates it.
# With netns_restart_services, the services left in the old namespace are restarted, so
# that the NIC is released too. Services on the host are not restarted.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
echo 'netns_restart_services="yes"' >>/etc/conf.d/netns.mgmt
sshd
# one without a process; one on the host that needs the namespace; one that needs sshd
script once <<-'END'
	start() { readlink /proc/self/ns/net >>/run/once; }
	stop() { :; }
END
echo 'netns="mgmt"' >/etc/conf.d/once
script other <<-'END'
	command=/bin/sleep
	command_args=600
	command_background=yes
	pidfile=/run/other.pid
	depend() { need netns.mgmt; }
END
script after <<-'END'
	depend() { need sshd; }
	start() { echo >>/run/after; }
	stop() { :; }
END
busybox syslogd -n -O /run/messages &
eventually "there is a log" test -S /dev/log
for service in other after once; do
	run 0 rc-service "$service" start
done
is_watched() { pgrep -f '^netns-setup watch mgmt$' >/dev/null; }
eventually "it is watched" is_watched
sleep 1
old=$(netns_named mgmt)
daemon=$(cat /run/sshd.pid)
other=$(cat /run/other.pid)
is "the daemon's namespace" "$(netns_of "$daemon")" "$old"

# a person's own process, in a session of a service of the host
netns-exec mgmt -- sleep 602 &
run 0 $judge netns delete mgmt
is_new() { [ -e /run/sshd.pid ] && [ "$(netns_of "$(cat /run/sshd.pid)")" = "$(netns_named mgmt)" ] && [ "$(netns_named mgmt)" != "$old" ]; }
kill $!
# Deleting the namespace gives real NICs back to the host, but deletes the veth that stands for
# one here
has_ended() { ! kill -0 "$daemon" 2>/dev/null; }
eventually "the old daemon has ended" has_ended
kill "$far"
plug_in
eventually "the daemon is in the new one" is_new
eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
is_twice() { [ "$(wc -l <"$1")" = 2 ]; }
eventually "what leaves no process was restarted" is_twice /run/once
is "where it was" "$(tail -n 1 /run/once)" "$(netns_named mgmt)"
eventually "what needs the daemon was restarted" is_twice /run/after
is "what is on the host" "$(cat /run/other.pid) $(netns_of "$other")" "$other $host"
is_started() { rc-service "$1" status >/dev/null 2>&1; }
for service in sshd once other after netns.mgmt; do
	eventually "$service is started" is_started "$service"
done
grep 'mgmt: is complete; starting .*sshd again' /run/messages || fail "that is not said"
