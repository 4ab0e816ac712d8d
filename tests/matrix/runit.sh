#!/bin/sh
# The cells of runit: on the host, SERVICE has the run file sv/SERVICE; in the namespace,
# the run file has the two additional lines that runit/daemon/run shows.
# shellcheck source=tests/matrix/lib.sh
. /t/lib.sh

# lacking VERB - print why there is no such cell, if there is none
lacking()
{
	case $service/$place/$1 in
	notify-*) echo "runit has no notify=, but ./check" ;;
	capabilities/*) echo "runit's chpst gives no capabilities" ;;
	healthcheck/*) echo "runit looks at no daemon's health" ;;
	forking/*) echo "runit supervises what stays in the foreground" ;;
	*/host/rebuilt) echo "the host is never built anew" ;;
	*/reload)
		case $service in
		sshd | dnsmasq | nginx) ;;
		*) echo "the service has no reload" ;;
		esac
		;;
	esac
}

name_at()
{
	case $1 in
	host) echo "$service" ;;
	netns) echo "$service-mgmt" ;;
	esac
}

place_service()
{
	name=$(name_at "$place")
	[ "$service" != twins ] || {
		sv start "$(name_at "$(other_place "$place")")" >/tmp/cell 2>&1
		eventually "the twin" has_twin >/dev/null
	}
}

unplace_service()
{
	[ "$service" != twins ] || sv stop "$(name_at "$(other_place "$place")")"
	[ -z "$failed" ] || sv force-stop "$name"
}

status_is()
{
	well sv status "$name"
	says "$1: $name: "
}

verb_start()
{
	well sv start "$name"
	is_in_place
	is "what runit supervises" "$(cat "/etc/sv/$name/supervise/pid")" "$pid"
}

verb_status()
{
	status_is run
	is_the_same
}

verb_restart()
{
	well sv restart "$name"
	eventually "it is another" is_another
	is_in_place
	status_is run
}

verb_reload()
{
	well sv hup "$name"
	is_in_place
	status_is run
}

verb_crash()
{
	# shellcheck disable=SC2046  # a list of numbers
	kill -9 $(own_processes)
	eventually "it comes back" is_another
	is_in_place
	status_is run
}

# The namespace was recreated while the daemon stayed in the old one.
verb_rebuilt()
{
	is_made_anew sh -c 'sv stop netns-mgmt && netns-setup down --force mgmt && sv start netns-mgmt'
	[ -d "/proc/$(cat /tmp/pid)" ] || fail "the daemon was stopped"
	verb_crash
}

verb_stop()
{
	well sv stop "$name"
	eventually "nothing of it is left" nothing_is_left
	status_is down
}

# sv_folder NAME - print the directory of a service that is down until it is told to start
sv_folder()
{
	: >"/etc/sv/$1/down"
	ln -s "/etc/sv/$1" /etc/service/
}

prepare
for file in /t/sv/*; do
	service=${file##*/}
	mkdir "/etc/sv/$service" "/etc/sv/$service-mgmt"
	cp "$file" "/etc/sv/$service/run"
	sed 's,^exec 2>&1$,&\nsv start netns-mgmt || exit 1,; s,^exec /,exec netns-exec mgmt -- /,' \
		"$file" >"/etc/sv/$service-mgmt/run"
	chmod +x "/etc/sv/$service-mgmt/run"
	sv_folder "$service"
	sv_folder "$service-mgmt"
done
cp -R /usr/share/netns-services/runit/netns /etc/sv/netns-mgmt
sv_folder netns-mgmt
runsvdir -P /etc/service >/tmp/log 2>&1 &
for folder in /etc/service/*; do
	eventually "${folder##*/} is supervised" test -p "$folder/supervise/ok"
done
run 0 sv start netns-mgmt
matrix
