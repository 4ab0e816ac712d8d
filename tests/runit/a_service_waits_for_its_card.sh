#!/bin/sh
# The NIC is missing: the service of the namespace tries again or waits for it, the run
# file of the daemon asks again and again, and nothing runs on the host meanwhile. When
# the NIC appears, both come up by themselves.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
settings
service netns-mgmt netns
sshd
runit

# (To runit, a run file that waits for the namespace is running)
all_is_held()
{
	sv start sshd
	sleep 3
	is_gone dropbear || fail "the daemon runs"
	refused netns-exec mgmt -- true
}
all_is_up()
{
	eventually "it listens" has_listeners 2
	is "the daemon's namespace" "$(netns_of "$(pid_of sshd)")" "$(netns_named mgmt)"
	eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
	run 0 sv check netns-mgmt
}

# By default, runit runs ./run again.
all_is_held
[ "$(grep -c 'the host has no link eth1' /tmp/log)" -gt 1 ] || fail "it was tried but once"
plug_in
all_is_up
run 0 sv stop sshd
run 0 sv stop netns-mgmt
plug_out

# With netns_wait it waits, and reports that once.
printf 'netns_wait="stop"\nnetns_timeout=2\n' >>/etc/conf.d/netns.mgmt
: >/tmp/log
all_is_held
is "how often it was tried" "$(grep -c 'the host has no link eth1' /tmp/log)" 1
watch=$(pid_of netns-mgmt)
plug_in
all_is_up
is "what waited" "$(pid_of netns-mgmt)" "$watch"
daemon=$(pid_of sshd)

# Out and in; then out permanently: the daemon ends, and waits as at first.
plug_out
sleep 0.5
plug_in
sleep 3
all_is_up
is "the daemon" "$(pid_of sshd)" "$daemon"
plug_out
eventually "the daemon has ended" is_gone dropbear
sleep 2
is_gone dropbear || fail "it runs again"
refused netns-exec mgmt -- true
plug_in
all_is_up
