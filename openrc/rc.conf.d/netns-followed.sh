# shellcheck shell=sh disable=SC2154,SC2034,SC2317  # used by OpenRC, conf.d and netns.conf
# Sourced by netns-inside.sh for a service whose owner has chosen netns_mode="daemon": can the
# hook follow what its script starts?
# SPDX-License-Identifier: MIT OR Apache-2.0

# Does the script start daemons only with start-stop-daemon and supervise-daemon as plain
# commands, which the aliases follow? Not by a path or a variable, in quotes, or after env,
# exec, setsid, sh -c... Set _netns_at to the line that does otherwise. A command that only
# stops or signals need not be followed.
_netns_is_followed()
{
	_netns_at=$(awk '
		{ logical = logical $0 }
		!first { first = NR }
		/\\$/ { sub(/\\$/, " ", logical); next }
		{
			rest = logical; line = first; before = ""; logical = ""; first = 0
			sub(/^[ \t]*#.*/, "", rest)
			sub(/[ \t]#.*/, "", rest)
			while (match(rest, /(start-stop|supervise)-daemon/)) {
				before = before substr(rest, 1, RSTART - 1)
				word = substr(rest, RSTART, RLENGTH)
				rest = substr(rest, RSTART + RLENGTH)
				if (!is_followed()) { print line; exit }
				before = before word
			}
		}
		function is_followed() {
			if (rest ~ /^[A-Za-z0-9_.)-]/) return 1   # another word, or a pattern of case
			if (before ~ /supervisor:?=["\047]?$/ || before ~ /\[.*=[ \t]*["\047]?$/) return 1
			if (before ~ /(command -[vV]|type|which|hash)[ \t]+["\047]?$/) return 1
			if (rest ~ /--sto|--sig|[ \t]-K|[ \t]-s[ \t]/ && rest !~ /--sta|[ \t]-[A-Za-z]*S/) return 1
			if (rest !~ /^([ \t;&|)]|$)/) return 0
			sub(/([A-Za-z_][A-Za-z0-9_]*=[^ \t]*[ \t]+)+$/, "", before)
			return before ~ /(^|[;&|({`!])[ \t]*$/ ||
				before ~ /(^|[ \t;&|({])(then|do|else|elif|if|while|until|eval|!)[ \t]+$/
		}' "$RC_SERVICE")
	[ -z "$_netns_at" ]
}

# For netns_mode="daemon"
_netns_must_follow()
{
	{ _netns_is_followed && _netns_starts_something; } || _netns_refuse_unfollowed
}

# A start() that names none of these calls functions of another file.
_netns_starts_something()
{
	[ "$_netns_own" = daemon ] ||
		grep -qE 'start-stop-daemon|supervise-daemon|default_start|ssd_start|supervise_start' "$RC_SERVICE"
}

_netns_refuse_unfollowed()
{
	eerror "$RC_SVCNAME: $RC_SERVICE${_netns_at:+:$_netns_at}: netns_mode=\"daemon\" cannot follow what it starts" \
		"into the namespace $_netns"
	eerror "$RC_SVCNAME: write start-stop-daemon or supervise-daemon as a plain command, or" \
		"netns_mode=\"script\" in /etc/conf.d/$RC_SVCNAME"
	exit 1
}
