#!/bin/sh
# A machine that OpenRC has booted (tests/vm/boot) without the NIC of its namespace: the
# service is inactive, and the daemon inside waits. The NIC is plugged in, and everything
# comes up by itself. Then it is pulled out and plugged in twenty times while the daemon
# runs. Each time it is soon back, with its addresses, its routes and traffic.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh
PATH=/usr/local/sbin:$PATH
times=20

is_state() { [ -L "/run/openrc/$1/$2" ]; }

# The other machine on the LAN is the other NIC, in a namespace of its own
$judge netns add other
$judge link set eth0 netns other
$judge -n other addr add 192.0.2.1/24 dev eth0
$judge -n other link set eth0 up

is_state inactive netns.mgmt || fail "the namespace's service is not inactive"
is_gone dropbear || fail "the daemon runs"
[ ! -e /run/netns/mgmt ] || fail "there is a namespace"

$judge -ts monitor link >>/tmp/links 2>&1 &
plug_in() { run 0 hotplug add nic1 virtio-net-pci 52:54:00:00:00:01; }
has_come() { $judge -n mgmt route show default 2>/dev/null | grep -q via; }
reaches() { greets $judge netns exec other nc -w 2 192.0.2.10 22; }
plug_in
eventually "the daemon has started" is_state started sshd
is_state started netns.mgmt || fail "the namespace's service is not started"
eventually "it is reached over the card" reaches
daemon=$(cat /run/sshd.pid)
is "the daemon's namespace" "$(netns_of "$daemon")" "$(netns_named mgmt)"
is "what listens on the host" "$(listeners)" 0

# inside - print the addresses of the NIC, and the routes
inside()
{
	$judge -n mgmt -o addr show dev lan scope global | awk '{ print $4 }' | sort
	$judge -n mgmt route show
	$judge -n mgmt -6 route show default
	$judge -n mgmt -o link show dev lan | grep -o 'mtu 1400'
}
is_whole() { [ "$(inside 2>&1)" = "$whole" ]; }
is_out() { ! $judge -n mgmt link show lan >/dev/null 2>&1; }
whole=$(inside)
$judge -n mgmt -ts monitor route >>/tmp/routes 2>&1 &

# seconds FILE PATTERN - print when the first line with it was logged, in seconds since
# midnight
seconds()
{
	sed -n "s/^\[[^T]*T\([0-9:.]*\)\].*$2.*/\1/p" "$1" | head -n 1 | awk -F : '{ printf "%.6f\n", $1 * 3600 + $2 * 60 + $3 }'
}
for n in $(seq "$times"); do
	run 0 hotplug del nic1
	eventually "it is out" is_out
	: >/tmp/links
	: >/tmp/routes
	plug_in
	eventually "it is back ($n)" is_whole
	reaches || fail "it is not reached over the card"
	is "the daemon" "$(cat /run/sshd.pid)" "$daemon"
	echo "$(seconds /tmp/routes 'default via') $(seconds /tmp/links 'eth[0-9]*: <')" |
		awk '{ printf "%.3f\n", ($1 - $2 + 86400) % 86400 }' >>/tmp/took
done
is_state started netns.mgmt || fail "the namespace's service is not started"
sort -n /tmp/took | awk -v times="$times" '{ took[NR] = $1 }
	END { print "from the kernel'"'"'s word of the card to the last route, in s: median " took[int((NR + 1) / 2)] \
		", least " took[1] ", most " took[NR] " (" NR " times)"
		exit !(NR == times && took[1] > 0 && took[int((NR + 1) / 2)] < 5) }' || fail "it took too long"
