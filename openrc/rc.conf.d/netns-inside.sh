# shellcheck shell=sh disable=SC2154,SC2034,SC2317  # OpenRC, conf.d and netns.conf set and use them
# Sourced by netns.conf for a service with netns=: what of it runs inside, and how.
# netns_mode="daemon" (what start-stop-daemon or supervise-daemon starts, the rest on
# the host) or "script" (the whole script); by itself: script where it has a start() of
# its own, starts something in a way that cannot be followed, or would test other files
# than the daemon reads, else daemon.
# SPDX-License-Identifier: MIT OR Apache-2.0

# The settings have been read, the script not yet.
_netns_begin()
{
	if [ "$_netns_verb" = start ]; then
		_netns_must_be_a_name
		_netns_must_not_be_a_users
		if [ -n "$_netns_asked" ]; then _netns_could_be_there; else _netns_must_be_there; fi
	fi
	read -r _netns_text <"$RC_SERVICE"
	case $_netns_text in
	*openrc-run* | *runscript*) ;;
	*) _netns_become_inside ;;   # a System V script, which OpenRC only hands the verb to
	esac
	alias start-stop-daemon='_netns_daemon start-stop-daemon'
	alias supervise-daemon='_netns_daemon supervise-daemon'
	ip() { _netns_ip "$@"; }
}

# The script runs inside, whole. A supervisor that it starts starts its daemon again in
# whatever namespace has the name by then.
_netns_begin_inside()
{
	_netns_inside=$netns
	netns='' RC_VRF_EXEC=''
	_netns_gone=$RC_NETNS_GONE
	[ -z "$_netns_gone" ] || save_on_stop=no SAVE_ON_STOP=no
	unset RC_NETNS_INSIDE RC_NETNS_GONE
	alias supervise-daemon=_netns_supervise
	_netns_part script
	_netns_begin_script
}

_netns_supervise()
{
	_netns=$_netns_inside
	_netns_each_time "$_netns" -- supervise-daemon "$@"
}

_netns_must_be_a_name()
{
	case $_netns in
	-* | *[!A-Za-z0-9_-]*) ;;
	*[!0-9]*) [ "${#_netns}" -gt 64 ] || return 0 ;;
	esac
	_netns_refuse " is not a name for a namespace" \
		"expected letters, digits, _ and -, at most 64, not digits alone"
}

_netns_must_not_be_a_users()
{
	! yesno "$RC_USER_SERVICES" ||
		_netns_refuse ": a service of a user cannot enter a namespace, only root can" \
			"make it a service of the system, with command_user=\"$(id -un)\""
}

_netns_must_be_there()
{
	if [ ! -e "/run/netns/$_netns" ]; then
		_netns_must_have_a_service
		# OpenRC did not start it, so its list of dependencies is older than this netns=
		# (it compares whole seconds)
		rc-update -u >/dev/null
		rc-service "netns.$_netns" start || exit 1
	fi
	_netns_must_be_whole
}

# It is not started yet: it could be, or its start would be refused.
_netns_could_be_there()
{
	[ -e "/run/netns/$_netns" ] || _netns_must_have_a_service
	if [ ! -x "${RC_SERVICE%/*}/netns.$_netns" ] || service_started "netns.$_netns"; then
		_netns_must_be_whole
	else
		netns-setup may-come "$_netns" || exit 1
	fi
}

_netns_must_have_a_service()
{
	[ -x "${RC_SERVICE%/*}/netns.$_netns" ] ||
		_netns_refuse ": there is no such namespace, and no service that makes it" \
			"write /etc/conf.d/netns.$_netns, and ln -s netns /etc/init.d/netns.$_netns"
}

_netns_must_be_whole()
{
	_netns_is_whole || _netns_refuse ": the namespace is there, but not whole" \
		"see what is missing by netns-setup status $_netns"
}

# As netns-exec sees it: without a folder of ours, it is somebody else's.
_netns_is_whole()
{
	[ -e "/run/netns/$_netns" ] || return
	[ ! -e "/run/netns-services/$_netns" ] || [ -e "/run/netns-services/$_netns/ready" ]
}

# The script has been read too: what is to be inside, and how?
_netns_choose_mode()
{
	[ "$netns" = "$_netns" ] || [ "$_netns_verb" != start ] || _netns_of_the_script
	case $supervisor in
	'' | start-stop-daemon | supervise-daemon) ;;
	*)
		[ "$_netns_verb" != start ] ||
			_netns_refuse " does not reach what supervisor=\"$supervisor\" starts" \
				"write supervisor=\"supervise-daemon\", or netns-exec $_netns -- in its run file"
		;;
	esac
	_netns_own=script
	if ! command -v start >/dev/null; then
		_netns_own=daemon
		start() { default_start; }
	fi
	case ${netns_mode:-auto} in
	auto)
		netns_mode=$_netns_own
		[ "$netns_mode" = script ] || { _netns_is_followed && ! _netns_has_files; } || netns_mode=script
		;;
	script) ;;
	daemon) [ "$_netns_verb" != start ] || { _netns_is_followed && _netns_starts_something; } || _netns_refuse_unfollowed ;;
	*)
		[ "$_netns_verb" != start ] ||
			_netns_refuse " has the unknown netns_mode=\"$netns_mode\"" \
				"expected auto, daemon or script"
		netns_mode=$_netns_own
		;;
	esac
	[ -z "$_netns_asked" ] || exit 0
	[ "$_netns_verb:$netns_mode:$_netns_own" != start:script:daemon ] || _netns_may_be_confused
	[ "$netns_mode" = daemon ] || _netns_become_inside
	case $_netns_verb in
	start)
		_netns_tell_files
		_netns_may_be_confused
		_netns_pid_before=$_netns_pid
		trap _netns_look_again EXIT
		;;
	# called by supervise-daemon, whose own namespace may be one that is no more
	healthcheck | unhealthy) _netns_become_inside ;;
	esac
}

# Does the script start daemons only by start-stop-daemon and supervise-daemon as plain
# commands, which the aliases follow? Not by a path, a variable, in quotes or behind
# env, exec, setsid, sh -c... Say in _netns_at which line does not. What only stops or
# signals need not be followed.
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
			if (rest ~ /^[A-Za-z0-9_.)-]/) return 1   # another word, a pattern of case
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

# What of /etc is the namespace's own, but for what names are looked up by and the rules of
# a firewall? The daemon reads it, and so should what tests its settings: start_pre(),
# checkconfig(), required_files=... Say it in _netns_text.
_netns_has_files()
{
	_netns_text=
	for _netns_at in "/etc/netns/$_netns"/*; do
		case ${_netns_at##*/} in
		resolv.conf | hosts | nsswitch.conf) ;;
		ipset.conf | ipset.d | iptables | nftables.nft) ;;
		*) [ ! -e "$_netns_at" ] || _netns_text="$_netns_text${_netns_text:+, }${_netns_at##*/}" ;;
		esac
	done
	_netns_at=
	[ -n "$_netns_text" ]
}

# In daemon mode by the owner's word, they are tested on the host.
_netns_tell_files()
{
	_netns_has_files || return 0
	ewarn "$RC_SVCNAME: with netns_mode=\"daemon\", what tests its settings sees the host's /etc;" \
		"the daemon sees, of /etc/netns/$_netns, $_netns_text"
	ewarn "$RC_SVCNAME: write netns_mode=\"script\" in /etc/conf.d/$RC_SVCNAME, if that matters to it"
}

# A start() of its own that names neither has the work done by another file's functions.
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

# At the end of a start: is the daemon that it left in the pid file where it should be? A
# script can have ways that are not in its text.
_netns_look_again()
{
	_netns_status=$?
	_netns_pid=
	[ "$_netns_status" != 0 ] || [ ! -s "$pidfile" ] || read -r _netns_pid <"$pidfile" || :
	case $_netns_pid in
	'' | "$_netns_pid_before" | *[!0-9]*) exit "$_netns_status" ;;
	esac
	# shellcheck disable=SC3013
	[ -e "/proc/$_netns_pid/ns/net" ] && [ ! "/proc/$_netns_pid/ns/net" -ef "/run/netns/$_netns" ] ||
		exit "$_netns_status"
	eerror "$RC_SVCNAME: process $_netns_pid was started outside the namespace $_netns, and is stopped again"
	eerror "$RC_SVCNAME: write netns_mode=\"script\" in /etc/conf.d/$RC_SVCNAME"
	command start-stop-daemon --stop --pidfile "$pidfile"
	exit 1
}

# Who looks for a process does so in every namespace: warn where it may find another's.
_netns_may_be_confused()
{
	_netns_pid=
	[ -z "$pidfile" ] || [ ! -s "$pidfile" ] || read -r _netns_pid <"$pidfile" || :
	case $_netns_own:$supervisor:$pidfile in
	daemon:supervise-daemon:) ;;
	daemon:*:)
		[ -n "$command" ] || return 0
		ewarn "$RC_SVCNAME: netns=\"$_netns\" without pidfile=: start, status and stop also find" \
			"a ${command##*/} of the host or of another namespace"
		ewarn "$RC_SVCNAME: have it write its number to a file, and write" \
			"pidfile=\"/run/$RC_SVCNAME.pid\" in /etc/conf.d/$RC_SVCNAME"
		;;
	*)
		[ -d "/proc/${_netns_pid:-none}" ] || return 0
		# shellcheck disable=SC3013
		! [ "/proc/$_netns_pid/ns/net" -ef "/run/netns/$_netns" ] || return 0
		ewarn "$RC_SVCNAME: pidfile=\"$pidfile\" is that of process $_netns_pid," \
			"which is not in the namespace $_netns"
		ewarn "$RC_SVCNAME: each needs one of its own: write pidfile=\"/run/\$RC_SVCNAME.pid\"" \
			"in $RC_SERVICE, and have the daemon write that"
		;;
	esac
}

# Begin the same verb of the same script again, inside. Where the namespace is gone, stop
# and status get an empty one without a name: what a stop flushes must not be the host's.
_netns_become_inside()
{
	[ -z "$_netns_asked" ] || exit 0
	[ "$_netns_verb" != describe ] || return 0
	_netns_must_be_a_name
	export RC_NETNS_INSIDE="$_netns $$"   # the process stays the same
	if _netns_is_whole; then
		exec netns-exec ${vrf:+--vrf "$vrf"} "$_netns" -- "$0" "$RC_SERVICE" "$_netns_verb"
	fi
	case $_netns_verb in
	stop | status) ;;
	*) _netns_refuse ": there is no such namespace, or it is not whole" \
		"see what is missing by netns-setup status $_netns" ;;
	esac
	export RC_NETNS_GONE=yes
	exec unshare -n "$0" "$RC_SERVICE" "$_netns_verb"
}

# start-stop-daemon or supervise-daemon ($1) with its arguments: inside if it starts
# something; on the host if it stops or signals, which finds processes everywhere.
_netns_daemon()
{
	for _netns_text; do
		case $_netns_text in
		--sta | --star | --start | -S* | -[!-]*S*)   # getopt takes what is unambiguous
			_netns_exec ${vrf:+--vrf "$vrf"} "$_netns" -- "$@"
			return
			;;
		--) break ;;
		esac
	done
	command "$@"
}

_netns_exec()
{
	_netns_each_time "$@" && return
	set -- $?
	case $1 in
	100 | 111 | 126 | 127)
		_netns_where
		eerror "$RC_SVCNAME: asked for by netns=\"$_netns\" at $_netns_at"
		;;
	esac
	return "$1"
}

# netns-exec [--vrf VRF] NAME -- COMMAND... Where that is "supervise-daemon SVC OPTIONS
# DAEMON... [-- ARGUMENTS]", netns-exec is put before DAEMON as well: when it is started
# again after a crash, the name may be another namespace's than the supervisor is in. (Not
# in a chroot, which has no netns-exec; and with a VRF only root can join.)
_netns_each_time()
{
	_netns_left=$#
	_netns_next=before
	[ -z "$chroot" ] && [ -z "${vrf:+$command_user}" ] || _netns_left=0
	while [ "$_netns_left" -gt 0 ]; do
		case $_netns_next:$1 in
		before:supervise-daemon) _netns_next=service ;;
		service:* | value:*) _netns_next=option ;;
		option:--sta | option:--start | option:--stop-group | option:--no-new-privs | option:--reexec | \
			option:--verbose | option:--quiet | option:--nocolor | option:--*=* | option:-) ;;
		option:--) _netns_next=daemon ;;
		option:--*) _netns_next=value ;;
		option:-*)
			_netns_text=${1#-}
			while :; do   # letters that take no value
				case $_netns_text in
				[SGKU3Cqv]?*) _netns_text=${_netns_text#?} ;;
				*) break ;;
				esac
			done
			case $_netns_text in
			[!SGKU3Cqv]) _netns_next=value ;;
			esac
			;;
		option:* | daemon:*)
			[ "$_netns_next" = option ] && _netns_next=words || _netns_next=arguments
			if command -v "$1" >/dev/null; then
				set -- "$@" netns-exec -- ${vrf:+--vrf "$vrf"} "$_netns" --
			else   # supervise-daemon says so
				_netns_next=arguments
			fi
			;;
		words:--)   # getopt would have taken it
			shift
			_netns_next=arguments
			_netns_left=$((_netns_left - 1))
			continue
			;;
		esac
		set -- "$@" "$1"
		shift
		_netns_left=$((_netns_left - 1))
	done
	netns-exec "$@"
}

# Alpine's OpenRC knows netns= and starts daemons by "ip netns exec NAME [ip vrf exec VRF]
# start-stop-daemon": the same by netns-exec, for its busybox's ip has no netns.
_netns_ip()
{
	case $1/$2 in
	netns/exec) ;;
	netns/add) [ "$3" = "$_netns" ]; return ;;   # some scripts make a bare one themselves
	*) command ip "$@"; return ;;
	esac
	_netns_text=$3
	shift 3
	case $1/$2/$3 in
	ip/vrf/exec)
		_netns_vrf=$4
		shift 4
		_netns_exec --vrf "$_netns_vrf" "$_netns_text" -- "$@"
		;;
	*) _netns_exec "$_netns_text" -- "$@" ;;
	esac
}

