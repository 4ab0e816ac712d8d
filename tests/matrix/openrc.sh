#!/bin/sh
# The cells of OpenRC: on the host, SERVICE is the script SERVICE; in the namespace, it is
# a link to that script, with one line in conf.d.
# shellcheck source=tests/matrix/lib.sh
. /t/lib.sh

functions=/usr/libexec/rc/sh
[ -d "$functions" ] || functions=/lib/rc/sh
# Look for start-stop-daemon as rc-functions.sh does
ssd=${functions%sh}sbin/start-stop-daemon
[ -x "$ssd" ] || ssd=start-stop-daemon

# lacking VERB - print why there is no such cell, if there is none
lacking()
{
	case $service in
	notify-*)
		grep -q notify "$functions/supervise-daemon.sh" || {
			echo "this OpenRC has no notify="
			return
		}
		;;
	capabilities)
		"$ssd" --help 2>&1 | grep -q -e --capabilities || {
			echo "this start-stop-daemon has no --capabilities"
			return
		}
		;;
	esac
	case $place/$1 in
	host/rebuilt) echo "the host is never built anew" ;;
	*/reload) grep -q '^reload()' "/etc/init.d/$service" || echo "the service has no reload" ;;
	esac
}

is_respawned()
{
	[ "$service" != notify-fd ] && grep -q '^supervisor=' "/etc/init.d/$service"
}

place_service()
{
	name=$service
	[ "$place" = host ] || name=$service.mgmt
	[ "$service" != twins ] || {
		rc-service "$(name_at "$(other_place "$place")")" start >/tmp/cell 2>&1
		eventually "the twin" has_twin >/dev/null
	}
}

name_at()
{
	case $1 in
	host) echo "$service" ;;
	netns) echo "$service.mgmt" ;;
	esac
}

unplace_service()
{
	[ "$service" != twins ] || rc-service "$(name_at "$(other_place "$place")")" stop
	[ -z "$failed" ] || {
		# Its supervisor would start the daemon again
		kill -9 "$(cat "/run/supervise-$name.pid")"
		rc-service "$name" stop
	}
	rc-service "$name" zap
}

status_is()
{
	said rc-service "$name" status
	# On the host, OpenRC 0.56 once hung after its answer: ask again then
	if grep -q 'caught SIGTERM, aborting' /tmp/said; then
		sed 's/ [0-9]*$//' /tmp/codes >/tmp/codes.new && mv /tmp/codes.new /tmp/codes
		said rc-service "$name" status
	fi
	[ "$code" = "$1" ] || fail "the status is $code"
}

verb_start()
{
	well rc-service "$name" start
	case $service in
	notify-*) answers || fail "it was not ready when the start had ended" ;;
	esac
	is_in_place
}

verb_status()
{
	status_is 0
	grep -q started /tmp/said || fail "it is not called started"
	is_the_same
}

verb_restart()
{
	well rc-service "$name" restart
	eventually "it is another" is_another
	is_in_place
	status_is 0
}

verb_reload()
{
	well rc-service "$name" reload
	is_in_place
	status_is 0
}

# Under a supervisor, the daemon is started again by itself, otherwise by a restart.
verb_crash()
{
	if [ "$service" = healthcheck ]; then
		: >"/run/$name.ill"
	else
		# shellcheck disable=SC2046  # a list of numbers
		kill -9 $(own_processes)
	fi
	if is_respawned; then
		eventually "it comes back" is_another
	else
		eventually "it is gone" is_dead
		# OpenRC 0.63 fails to start it again (the descriptor is closed), and
		# gives up
		[ "$service" != notify-fd ] || eventually "it is given up" gives_up "$name"
		said rc-service "$name" status
		said rc-service "$name" restart
		if [ "$code" != 0 ]; then   # dpkg's start-stop-daemon cannot stop what is not there
			well rc-service "$name" zap
			well rc-service "$name" start
		fi
		eventually "it comes back" is_another
	fi
	is_in_place
	status_is 0
}

is_dead()
{
	[ ! -d "/proc/$(cat /tmp/pid)" ]
}

# The namespace is recreated, first with the services in it, then while they run.
verb_rebuilt()
{
	is_made_anew rc-service netns.mgmt restart
	# OpenRC does not wait for the services that it starts again
	eventually "it is started" rc-service "$name" status
	is_in_place
	verb_crash
	is_made_anew sh -c 'netns-setup down --force mgmt && netns-setup up mgmt'
	verb_crash
}

verb_stop()
{
	well rc-service "$name" stop
	eventually "nothing of it is left" nothing_is_left
	status_is 3
}

prepare
of_dpkg=''
if "$ssd" --version | grep -q Debian; then
	of_dpkg='s/start-stop-daemon --signal/start-stop-daemon --stop --signal/'
fi
for service in $services; do
	sed "$of_dpkg" "/t/init.d/$service" >"/etc/init.d/$service"
	chmod +x "/etc/init.d/$service"
	ln -s "$service" "/etc/init.d/$service.mgmt"
	echo 'netns="mgmt"' >"/etc/conf.d/$service.mgmt"
done
ln -s netns /etc/init.d/netns.mgmt
later
rc-update -u
run 0 rc-service netns.mgmt start
matrix
