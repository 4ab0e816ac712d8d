#!/bin/sh
# The main job, with the settings that the README shows.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
run 0 rc-service localmount start
remember

run 0 rc-service sshd start
pid=$(cat /run/sshd.pid)
is "the daemon's namespace" "$(netns_of "$pid")" "$(netns_named mgmt)"
is "the daemon's program" "$(readlink "/proc/$pid/exe")" /usr/sbin/dropbear
is "the addresses" "$($judge -n mgmt -o addr show dev eth1 scope global | awk '{ print $4 }' | sort | xargs)" \
	"192.0.2.10/24 2001:db8:10::10/64"
is "the routes" "$($judge -n mgmt route show | sed -n 's/ proto [a-z]*//; s/ *$//; / via /p' | sort)" \
	"198.51.100.0/24 via 192.0.2.254 dev eth1 metric 50
default via 192.0.2.1 dev eth1"
is "the mtu" "$($judge -n mgmt -o link show eth1 | sed 's/.* mtu \([0-9]*\) .*/\1/')" 1400
is "the name server" "$(nsenter -t "$pid" -m grep nameserver /etc/resolv.conf)" "nameserver 192.0.2.53"
is "the host's name servers" "$(cat /etc/resolv.conf)" ""

eventually "it listens inside" has_listeners 2
is "listeners on the host" "$(listeners env)" 0
eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
eventually "it answers by IPv6" greets far nc -w 2 2001:db8:10::10 22
! greets nc -w 2 127.0.0.1 22 || fail "it answers on the host"
! greets nc -w 2 192.0.2.10 22 || fail "the host reaches it"
run 0 rc-service sshd status
run 0 rc-service netns.mgmt status

run 0 rc-service netns.mgmt stop
is "the order" "$(grep -o -e 'Stopping sshd' -e 'Taking down' /tmp/said | xargs)" "Stopping sshd Taking down"
all_as_before
run 3 rc-service sshd status
run 3 rc-service netns.mgmt status

# OpenRC compares times in whole seconds: its list of dependencies can be older than
# netns=
: >/etc/conf.d/sshd
rc-update -u
echo 'netns="mgmt"' >/etc/conf.d/sshd
touch -t 200001010000 /etc/conf.d/sshd
run 0 rc-service sshd ineed
says_not netns.mgmt
run 0 rc-service sshd start
says "Making namespace mgmt"
is "the daemon's namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"
# dropbear misses a TERM that comes right before it waits for connections
eventually "it listens inside" has_listeners 2
run 0 rc-service sshd stop
