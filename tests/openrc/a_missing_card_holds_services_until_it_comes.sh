#!/bin/sh
# With netns_wait, a NIC that is missing at boot makes neither the service nor the boot
# fail: the service is inactive and the services that need it wait. When the NIC appears,
# all of them start. With "stop", they are stopped again when the NIC has disappeared for
# good.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
mgmt
cat >>/etc/conf.d/netns.mgmt <<-'END'
	netns_wait="yes"
	netns_pre_up="echo >>/run/pre_up"
END
sshd
# a service on the host that uses the namespace, and is not held
script other <<-'END'
	depend() { want netns.mgmt; }
	start() { :; }
END
busybox syslogd -n -O /run/messages &
eventually "there is a log" test -S /dev/log
run 0 rc-update add netns.mgmt default
run 0 rc-update add sshd default
run 0 rc-update add other default

watcher()
{
	pgrep -f '^netns-setup watch mgmt$'
}
is_watched() { watcher >/tmp/watcher; }
is_not_watched() { ! watcher >/dev/null; }
is_said() { grep -q "netns.mgmt: $1" /run/messages; }
times_said() { grep -c 'mgmt: is not complete yet' /run/messages; }
is_said_again() { [ "$(times_said)" -gt "$said" ]; }
is_started() { rc-service "$1" status >/dev/null 2>&1; }
# status_of SERVICE - print its status according to OpenRC
status_of() { rc-service "$1" status 2>&1 | sed -n 's/^.*status: *//p'; }
all_is_up()
{
	eventually "the daemon has started" is_started sshd
	is "the namespace's service" "$(status_of netns.mgmt)" started
	is "the daemon's namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"
	eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
}
all_is_held()
{
	is "the namespace's service" "$(status_of netns.mgmt)" inactive
	is "the daemon" "$(status_of sshd)" stopped
	is_gone dropbear || fail "the daemon runs"
	eventually "it is watched" is_watched
}

# The boot, without the NIC.
run 0 openrc default
says 'the host has no link eth1'
is "who is not held" "$(status_of other)" started
all_is_held
run 16 rc-service netns.mgmt status
says 'eth1'
eventually "that it waits is said" is_said 'netns-setup: mgmt: is not complete yet'
[ ! -e /run/netns/mgmt ] || fail "there is a namespace"
# nothing can join meanwhile, and a start waits
refused netns-exec mgmt -- true
refused rc-service sshd start
is_gone dropbear || fail "the daemon runs"

# A restart leaves them waiting, and a stop ends the wait.
run 1 rc-service netns.mgmt restart
all_is_held
run 0 rc-service netns.mgmt stop
is_not_watched || fail "it is watched still"
is "the namespace's service" "$(status_of netns.mgmt)" stopped
plug_in
is_quiet() { sleep 2 && [ ! -e /run/netns/mgmt ]; }
is_quiet || fail "it came up by itself after a stop"
plug_out
# Each time, wait until the new watch has reported that it waits
said=$(times_said)
run 0 openrc default
all_is_held
eventually "it waits" is_said_again
said=$(times_said)
run 1 rc-service netns.mgmt restart
all_is_held
eventually "it waits" is_said_again

# Another link that appears is not the NIC, and no hook is run for it.
runs_of_pre_up() { wc -l </run/pre_up; }
before=$(runs_of_pre_up)
$judge link add eth7 type veth peer name eth8
sleep 1
$judge link del eth7
is "how often pre_up was run" "$(runs_of_pre_up)" "$before"
plug_in
all_is_up
is "how often pre_up was run" "$(runs_of_pre_up)" "$before"
# The way it was started does not block TERM
is "the signals it blocks" "$(grep ^SigBlk "/proc/$(cat /run/sshd.pid)/status" | tr -d '\t')" SigBlk:0000000000000000

# Out and in again: with "yes", nothing is stopped.
pid=$(cat /run/sshd.pid)
plug_out
sleep 1
plug_in
eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
is "the daemon" "$(cat /run/sshd.pid)" "$pid"
# (dpkg's start-stop-daemon does not wait for what it stops)
run 0 rc-service sshd stop
eventually "the daemon has ended" is_gone dropbear
run 0 rc-service netns.mgmt restart
is "the namespace's service" "$(status_of netns.mgmt)" started
run 0 rc-service netns.mgmt stop
is_not_watched || fail "it is watched still"

# With "stop": stopped and held after it was missing for netns_timeout, and not before.
later
sed -i 's/netns_wait=.*/netns_wait="stop"\nnetns_timeout=2/' /etc/conf.d/netns.mgmt
run 0 rc-service sshd start
all_is_up
pid=$(cat /run/sshd.pid)
plug_out
sleep 0.5
plug_in
eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
is "the daemon" "$(cat /run/sshd.pid)" "$pid"
sleep 3
is "the daemon" "$(status_of sshd) $(cat /run/sshd.pid)" "started $pid"
plug_out
eventually "the daemon is stopped" is_gone dropbear
eventually "that is said" is_said 'mgmt: is not complete; its services are stopped until it is'
eventually "it is inactive" test -L /run/openrc/inactive/netns.mgmt
all_is_held
refused netns-exec mgmt -- true
plug_in
all_is_up
plug_out
eventually "the daemon is stopped" is_gone dropbear
eventually "it is inactive" test -L /run/openrc/inactive/netns.mgmt
# A stop removes everything, and so does the shutdown.
run 0 rc-service netns.mgmt stop
is_not_watched || fail "it is watched still"
[ ! -e /run/netns/mgmt ] || fail "the namespace is there"
run 0 openrc default
all_is_held
# (they would end this script)
rm -f /etc/runlevels/shutdown/*
echo 'no_umounts="/.*"' >>/etc/conf.d/localmount
run 0 openrc shutdown
is_not_watched || fail "it is watched still"
[ ! -e /run/netns/mgmt ] || fail "the namespace is there"
[ ! -L /run/openrc/inactive/netns.mgmt ] || fail "the service is inactive still"
