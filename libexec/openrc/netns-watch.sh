# shellcheck shell=sh disable=SC2154,SC3043  # OpenRC's variables and functions
# Sourced by netns: the watch that the service runs, if a setting asks for one, and the
# waiting for what is missing. Meanwhile the service is inactive, and OpenRC holds the
# services that need it.
# SPDX-License-Identifier: MIT OR Apache-2.0

watcher=$RC_SVCNAME.watch
watched=/run/$RC_SVCNAME.pid
held=/run/$RC_SVCNAME.held

waits()
{
	case $netns_wait in
	yes | stop) ;;
	*) false ;;
	esac
}

# The watch writes to syslog with logger(1), because not every supervise-daemon can. It has a
# service name of its own, because supervise-daemon marks its service as started.
keep()
{
	waits || yesno "${netns_watch:-no}" || yesno "${netns_restart_services:-no}" || return 0
	# shellcheck disable=SC2016  # the inner shell expands it
	RC_SVCNAME=$watcher supervise-daemon "$watcher" --start --pidfile "$watched" /bin/sh -- -c '
		rm -f "$2" && mkfifo -m 600 "$2" || exit
		logger -t "$1" <"$2" &
		exec netns-setup watch "${1#netns.}" >"$2" 2>&1' \
		sh "netns.$namespace" "/run/netns.$namespace.log"
}

let_go()
{
	[ -e "$watched" ] || return 0
	RC_SVCNAME=$watcher supervise-daemon "$watcher" --stop --pidfile "$watched"
	rm -f "/run/$RC_SVCNAME.log"
}

# Act on the exit status $1 of an up.
keep_or_wait()
{
	hold_again
	case $1 in
	0) keep ;;
	111)
		waits || return 111
		# Inactive before the watch runs, because the watch calls start when the namespace is up
		mark_service_inactive
		keep || { mark_service_stopped; return 1; }
		;;
	*) return "$1" ;;
	esac
}

# The watch has called start. If the namespace is no longer ready, it will call again.
has_come()
{
	[ -e "/run/netns-services/$namespace/ready" ] || mark_service_inactive
}

# The namespace must not come up while it is taken down.
let_go_of_waiting()
{
	service_wasinactive || return 0
	let_go
	# At a restart OpenRC forgets which services wait for an inactive one
	[ "$RC_CMD" != restart ] || ls "$RC_SVCDIR/scheduled/$RC_SVCNAME" >"$held" 2>/dev/null
}

hold_again()
{
	local service
	[ -e "$held" ] || return 0
	(umask 022 && mkdir -p "$RC_SVCDIR/scheduled/$RC_SVCNAME")
	while read -r service; do
		ln -sf "${RC_SERVICE%/*}/$service" "$RC_SVCDIR/scheduled/$RC_SVCNAME/"
	done <"$held"
	rm -f "$held"
}

# The namespace could not be taken down, with the status $1: the service is inactive again,
# and waits.
wait_on()
{
	! service_wasinactive || keep
	return "$1"
}

# The service's status is $1. If that is 16 (inactive), print what is missing.
say_why()
{
	local line failed="/run/netns-services/$namespace.failed"
	if [ "$1" = 16 ]; then
		netns-setup status "$namespace"
	elif [ -r "$failed" ]; then
		while read -r line; do
			eerror "$line"
		done <"$failed"
	fi
	return "$1"
}
