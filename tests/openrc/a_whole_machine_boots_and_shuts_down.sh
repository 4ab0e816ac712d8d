#!/bin/sh
# With runlevels alone: the NIC is in its namespace before the network is set up, and at
# shutdown a process that is left inside does not delay anything.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

# A namespace in the runlevel boot, or needed by a service there, waits until the root is
# writable: its name servers are written to /etc.
printf '%s\n' 'netns_links="ve9"' 'type_ve9="veth"' 'netns_dns="192.0.2.53"' >/etc/conf.d/netns.early
ln -s netns /etc/init.d/netns.early
script aaa <<-'END'
	depend() { need netns.early; }
	start() { [ -e /etc/netns/early/resolv.conf ]; }
END
rc-update add aaa boot
# Debian's stand-in; Alpine's own needs root, which does this
! grep -q stand-in /etc/init.d/localmount || script localmount <<-'END'
	start() { mount -o remount,rw /; }
	stop() { :; }
END
later
rc-update -u >/dev/null
mount -o remount,ro / || fail "the root is not read-only"
! touch /etc/new 2>/dev/null || fail "the root is not read-only"
openrc boot >/run/said 2>&1 </dev/null
cat /run/said
run 0 rc-service aaa status
rc-update del aaa boot
run 0 rc-service netns.early stop

card
mgmt
sshd
run 0 rc-update add netns.mgmt default
run 0 rc-update add sshd default
run 0 openrc default
is "the daemon's namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"

# one that is no service's
$judge netns exec mgmt sleep 601 &
is_inside() { $judge netns pids mgmt | xargs -I PID cat /proc/PID/cmdline | grep -q 601; }
eventually "a stranger is inside" is_inside
# They would end this script, and the host. localmount unmounts everything else, before the
# namespace is taken down
rm -f /etc/runlevels/shutdown/*
echo 'no_umounts="/[^r].*:/r[^u].*:/run/[^n].*"' >>/etc/conf.d/localmount
echo 'rc_after="netns.mgmt"' >>/etc/conf.d/localmount
rc-update -u >/dev/null
begun=$(date +%s)
run 0 openrc shutdown
[ $(($(date +%s) - begun)) -le 12 ] || fail "it took more than 10 s"
eventually "the card is back" test -d /sys/class/net/eth1
[ ! -e /run/netns/mgmt ] || fail "the name is still there"
