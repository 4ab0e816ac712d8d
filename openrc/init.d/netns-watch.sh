# shellcheck shell=sh disable=SC2154  # OpenRC's own words
# Sourced by netns: the watch that its service runs, if netns_watch asks for one.
# SPDX-License-Identifier: MIT OR Apache-2.0

watched=/run/$RC_SVCNAME.pid

# netns_watch: what it says goes to syslog. Not every supervise-daemon has loggers.
keep()
{
	yesno "${netns_watch:-no}" || return 0
	# shellcheck disable=SC2016  # the inner shell's
	supervise-daemon "$RC_SVCNAME" --start --pidfile "$watched" /bin/sh -- -c '
		rm -f "$2" && mkfifo -m 600 "$2" || exit
		logger -t "$1" <"$2" &
		exec netns-setup watch "${1#netns.}" >"$2" 2>&1' \
		sh "$RC_SVCNAME" "/run/$RC_SVCNAME.log"
}

let_go()
{
	[ -e "$watched" ] || return 0
	supervise-daemon "$RC_SVCNAME" --stop --pidfile "$watched"
	rm -f "/run/$RC_SVCNAME.log"
}
