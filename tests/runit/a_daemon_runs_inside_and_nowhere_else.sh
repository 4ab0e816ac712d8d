#!/bin/sh
# The main job under runit, with the templates of run files unchanged.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
service netns-mgmt netns
sshd
runit
remember

run 0 sv start sshd
eventually "it listens" has_listeners 2
pid=$(pid_of sshd)
is "the daemon's program" "$(readlink "/proc/$pid/exe")" /usr/sbin/dropbear
is "the daemon's namespace" "$(netns_of "$pid")" "$(netns_named mgmt)"
is "the addresses" "$($judge -n mgmt -o addr show dev eth1 scope global | awk '{ print $4 }' | sort | xargs)" \
	"192.0.2.10/24 2001:db8:10::10/64"
is "listeners on the host" "$(listeners env)" 0
eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
eventually "it answers by IPv6" greets far nc -w 2 2001:db8:10::10 22
! greets nc -w 2 127.0.0.1 22 || fail "it answers on the host"
run 0 sv check netns-mgmt
is "what runit watches over" "$(readlink "/proc/$(pid_of netns-mgmt)/exe")" /usr/sbin/netns-setup

kill -9 "$pid"
is_another() { [ "$(pid_of sshd)" != "$pid" ] && has_listeners 2; }
eventually "it is back after a crash" is_another
is "the daemon's namespace" "$(netns_of "$(pid_of sshd)")" "$(netns_named mgmt)"
pid=$(pid_of sshd)
run 0 sv restart sshd
eventually "it is back after a restart" is_another
is "the daemon's namespace" "$(netns_of "$(pid_of sshd)")" "$(netns_named mgmt)"

run 0 sv stop sshd
run 0 sv stop netns-mgmt
all_as_before
run 0 sv start sshd
eventually "it is up again, namespace and all" has_listeners 2
