#!/bin/sh
# Linux 6.1 has no listmount(2), and creates file systems by the older system calls.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

uname -r
$judge netns add blue
$judge -n blue link add inside type dummy
mkdir -p /etc/netns/blue
echo inside >/etc/netns/blue/resolv.conf
echo host >/etc/resolv.conf

run 0 netns-exec blue sh -c 'ls /sys/class/net; cat /etc/resolv.conf; ls /sys/fs/cgroup | head -n 1; ls -d /sys/class/net/inside/mtu'
says inside
says cgroup
run 0 netns-exec blue netns-exec blue grep -c ' /sys/class ' /proc/self/mountinfo
says 2

# The file is replaced by renaming, its bind mount is lost and bound again
mkfifo /tmp/go
netns-exec blue sh -c 'read -r go; cat /etc/resolv.conf' </tmp/go >/tmp/got &
service=$!
exec 9>/tmp/go
marked() { grep -q ' /etc/resolv.conf ' "/proc/$service/mountinfo"; }
eventually "it runs inside" marked
echo host >/etc/new
mv /etc/new /etc/resolv.conf
! marked || fail "nothing was lost"
run 0 netns-exec --heal blue
says "$service (sh)"
echo go >&9
wait "$service"
is "what the service reads" "$(cat /tmp/got)" inside

# No resolv.conf on the host: an overlay
rm /etc/resolv.conf
run 0 netns-exec blue cat /etc/resolv.conf /etc/passwd
says inside
says root:
is "what the host has" "$(ls /etc/resolv.conf 2>/dev/null)" ""
