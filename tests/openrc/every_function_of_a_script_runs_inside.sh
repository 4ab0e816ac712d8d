#!/bin/sh
# A script may leave the daemon to OpenRC, and have a few functions of its own: nginx -t before
# the start, rndc for a reload, a query after the start. Each of them, alone in its script, runs
# inside, and what OpenRC itself does for the other verbs is as before. With netns_mode="daemon",
# and without netns=, each of them runs on the host.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
$judge netns add mgmt
inside=$(netns_named mgmt)

# service SUPERVISOR FUNCTION FILE LINE... - write a service which has this function, in its
# script or in its conf.d file, and these settings
service()
{
	supervisor=$1 function=$2 file=$3
	shift 3
	name=s$(grep -c . /run/services)
	script "$name" <<-END
		command=/bin/sleep
		command_args=600
		command_background=yes
		pidfile=/run/$name.pid
		extra_commands=check
		extra_started_commands=reload
		seen() { echo "\$1 \$(readlink /proc/self/ns/net)" >>/run/seen; }
		check() { :; }
		reload() { :; }
	END
	[ "$supervisor" = start-stop-daemon ] ||
		sed -i "s/command_background=yes/supervisor=$supervisor/" "/etc/init.d/$name"
	case $function in
	start | stop | status) echo "$function() { seen $function; default_$function; }" ;;
	*) echo "$function() { seen $function; }" ;;
	esac >/tmp/function
	printf '%s\n' "$@" >"/etc/conf.d/$name"
	case $file in
	script) cat /tmp/function >>"/etc/init.d/$name" ;;
	conf.d) cat /tmp/function >>"/etc/conf.d/$name" ;;
	esac
	echo "$name $function" "$*" >>/run/services
}

is_running()
{
	pidof sleep >/dev/null
}

# cell NAME FUNCTION [SETTING...] - run all verbs, and check where the function and the daemon ran
cell()
{
	name=$1 function=$2
	shift 2
	daemon=$host where=$host
	case $*, in
	*netns_mode=*) daemon=$inside ;;
	*netns=*) daemon=$inside where=$inside ;;
	esac
	run 0 rc-service "$name" start
	eventually "the daemon runs" is_running
	is "the daemon's namespace" "$(netns_of "$(pidof sleep)")" "$daemon"
	case $function in
	check*) run 0 rc-service "$name" check ;;
	reload*) run 0 rc-service "$name" reload ;;
	esac
	run 0 rc-service "$name" status
	run 0 rc-service "$name" stop
	eventually "it is stopped" is_gone sleep
	is "where $function ran" "$(sort -u /run/seen)" "$function $where"
	rm /run/seen
}

echo none >/run/services
for function in start_pre start_post stop_pre stop stop_post status_pre status status_post \
	reload_pre reload reload_post check_pre check; do
	for supervisor in start-stop-daemon supervise-daemon; do
		service $supervisor "$function" script 'netns="mgmt"'
	done
	service start-stop-daemon "$function" script 'netns="mgmt"' 'netns_mode="daemon"'
	service start-stop-daemon "$function" script
done
for function in start_pre start_post stop_pre stop_post; do
	service start-stop-daemon "$function" conf.d 'netns="mgmt"'
done
sed -i 1d /run/services
later
while read -r line; do
	# shellcheck disable=SC2086  # words
	cell $line </dev/null
done </run/services
printf '%s cells, all of them right\n' "$(grep -c . /run/services)"
