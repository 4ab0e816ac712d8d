#!/bin/sh
# This needs a kernel of its own: OpenRC's cgroups, here those of the whole machine, and
# VRFs. The services are written as Alpine's are; top-level code in them calls "ip netns
# exec".
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# service NAME SETTING...
service()
{
	cat >"/etc/init.d/$1" <<-'END'
		#!/sbin/openrc-run
		command=/bin/sleep
		command_args=1000
		command_background=yes
		pidfile="/run/$RC_SVCNAME.pid"
		[ "$supervisor" != supervise-daemon ] || pidfile="/run/supervise-$RC_SVCNAME.pid"
	END
	case $1 in
	*-own) cat >>"/etc/init.d/$1" <<-'END'
		# A start() of its own, so that the complete script runs inside
		start() { start-stop-daemon --start --background --make-pidfile --pidfile "$pidfile" --exec $command -- $command_args; }
		stop() { start-stop-daemon --stop --retry TERM/30 --pidfile "$pidfile"; }
	END
	esac
	chmod +x "/etc/init.d/$1"
	file=/etc/conf.d/$1
	shift
	printf '%s\n' "$@" >"$file"
}

# process NAME - print the process id of the service's daemon
process()
{
	case $1 in
	*-supervised) cat "/proc/$(cat "/run/supervise-$1.pid")/task/"*/children ;;
	*) cat "/run/$1.pid" ;;
	esac | tr -d ' '
}

# group NAME - print the parent of its cgroup
group()
{
	sed "s/$1/SERVICE/" "/proc/$(process "$1")/cgroup"
}

grep cgroup /proc/mounts || fail "no cgroups are mounted here"
$judge netns add blue
for kind in '' -supervised -own; do
	kind_setting=
	[ "$kind" != -supervised ] || kind_setting='supervisor=supervise-daemon'
	service "plain$kind" "$kind_setting"
	service "inside$kind" "$kind_setting" 'netns="blue"'
	run 0 rc-service "plain$kind" start
	run 0 rc-service "inside$kind" start
	eventually "both run" test -d "/proc/$(process "plain$kind")" -a -d "/proc/$(process "inside$kind")"
	pid=$(process "inside$kind")
	is "the namespace" "$(netns_of "$pid")" "$(netns_named blue)"
	is "the cgroup" "$(group "inside$kind")" "$(group "plain$kind")"
	case $(group "inside$kind") in
	*SERVICE*) ;;
	*) fail "a cgroup of no service: $(group "inside$kind")" ;;
	esac
	# The cgroup can be seen and used from inside.
	path=$(sed -n "s/^0:://p" "/proc/$pid/cgroup")
	run 0 nsenter -t "$pid" -m -n grep -x "$pid" "/sys/fs/cgroup$path/cgroup.procs"
done

# A person who tries settings in a session of a service is not killed with the cgroup of
# that service.
mkdir /sys/fs/cgroup/openrc.session
printf 'netns_links=""\n' >/etc/conf.d/netns.tried
# shellcheck disable=SC2016  # the inner shell's
run 0 sh -c 'echo $$ >/sys/fs/cgroup/openrc.session/cgroup.procs && exec netns-setup try tried --within 600'
read -r pid _ </run/netns-services/tried/trial
is "the cgroup of who tries it" "$(sed -n 's/^0:://p' "/proc/$pid/cgroup")" /
run 0 netns-setup confirm tried

# The address belongs to the VRF, which has a table of its own: without the VRF, there is
# no route to it.
$judge -n blue link set lo up
$judge -n blue link add red type vrf table 10
$judge -n blue link set red up
$judge -n blue link add d0 type dummy
$judge -n blue link set d0 master red up
$judge -n blue addr add 10.1.1.1/24 dev d0
[ -d /sys/module/vrf ] || fail "no /sys/module/vrf: what tells that there can be a VRF is not there"
refused netns-exec blue ping -c 1 -W 1 10.1.1.1
run 0 netns-exec --vrf red blue ping -c 1 -W 1 10.1.1.1
run 111 netns-exec --vrf d0 blue true
says 'blue: the VRF d0 is no VRF'

# The chain of commands on Alpine: ip netns exec blue ip vrf exec red start-stop-daemon
# ...
service bound 'netns="blue"' 'vrf="red"'
run 0 rc-service bound start
pid=$(cat /run/bound.pid)
is "the namespace" "$(netns_of "$pid")" "$(netns_named blue)"
case $(cat "/proc/$pid/cgroup") in
*/blue-ns/vrf/red) printf 'ok: it is in the cgroup of the VRF\n' ;;
*) fail "it is not: $(cat "/proc/$pid/cgroup")" ;;
esac
is "the cgroup, to ip(8)" "$(netns-exec --vrf red blue cat /proc/self/cgroup)" \
	"$(netns-exec blue "$judge" vrf exec red cat /proc/self/cgroup)"
run 0 netns-exec blue "$judge" vrf pids red
says "$pid"
run 0 rc-service bound stop

# A process that comes from a VRF into another namespace has left the VRF; otherwise it
# could reach nothing there.
$judge netns add green
$judge -n green link set lo up
$judge -n green addr add 10.2.2.2/32 dev lo
run 0 netns-exec --vrf red blue netns-exec green ping -c 1 -W 1 10.2.2.2
run 0 netns-exec --vrf red blue netns-exec green cat /proc/self/cgroup
says_not /vrf/
run 0 netns-exec --vrf red blue netns-exec --vrf red blue ping -c 1 -W 1 10.1.1.1
