# shellcheck shell=sh disable=SC2154,SC2034,SC2317  # used by OpenRC, conf.d and netns.conf
# Sourced by netns.conf for a service with netns=: which part of it runs inside, and how.
# netns_mode="daemon": what start-stop-daemon or supervise-daemon starts, the rest on the
# host. "script": the whole script. "auto": script for a verb that calls a function of the
# script, or if OpenRC would check other files than the daemon reads; otherwise daemon.
# SPDX-License-Identifier: MIT OR Apache-2.0

# Only an error needs the rest of the part that says what is wrong with the settings.
command -v _netns_where >/dev/null || {
	_netns_where() { _netns_part settings && _netns_where; }
	_netns_refuse() { _netns_part settings && _netns_refuse "$@"; }
}

# The settings have been read, the script not yet.
_netns_begin()
{
	if [ "$_netns_verb" = start ]; then
		_netns_must_be_a_name
		_netns_must_not_be_a_users
		_netns_has_programs ||
			_netns_refuse ": netns-exec is not installed, and this hook of it still is" \
				"install netns-services again; or remove netns= here, to run on the host"
		if [ -n "$_netns_asked" ]; then _netns_could_be_there; else _netns_must_be_there; fi
	fi
	read -r _netns_text <"$RC_SERVICE"
	case $_netns_text in
	*openrc-run* | *runscript*) ;;
	*) _netns_become_inside ;;   # a System V script, to which OpenRC only passes the verb
	esac
	alias start-stop-daemon='_netns_daemon start-stop-daemon'
	alias supervise-daemon='_netns_daemon supervise-daemon'
	ip() { _netns_ip "$@"; }
}

# The whole script runs inside. If it starts a supervisor, that one restarts its daemon in
# the namespace that has the name then.
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
	case $_netns in
	*"$(printf '\r')")
		netns=${netns%?}
		_netns_refuse ": the line ends with a carriage return, as on Windows" \
			"remove it with: sed -i 's/\r\$//' /etc/conf.d/${_netns_file##*/}"
		;;
	esac
	_netns_refuse " is not a valid name of a namespace" \
		"expected at most 64 letters, digits, _ and -, not only digits"
}

_netns_must_not_be_a_users()
{
	! yesno "$RC_USER_SERVICES" ||
		_netns_refuse ": a user's service cannot join a namespace, only root can" \
			"make it a system service with command_user=\"$(id -un)\""
}

# When a package is removed, dpkg and others keep its files in /etc, and so this one.
_netns_has_programs() { command -v netns-exec >/dev/null; }

_netns_must_be_there()
{
	if [ ! -e "/run/netns/$_netns" ]; then
		_netns_must_have_a_service
		# OpenRC did not start the namespace, so its list of dependencies is older than this
		# netns= (it compares whole seconds)
		rc-update -u >/dev/null
		rc-service "netns.$_netns" start || exit 1
	fi
	_netns_must_be_whole
}

# The namespace may not be started yet. Check whether its start would succeed.
_netns_could_be_there()
{
	[ -e "/run/netns/$_netns" ] || _netns_must_have_a_service
	if [ ! -x "${RC_SERVICE%/*}/netns.$_netns" ]; then
		_netns_must_be_whole
	elif service_started "netns.$_netns"; then
		_netns_must_be_whole
		_netns_part caller
		_netns_must_be_read "$_netns"
	else
		netns-setup may-come "$_netns" || exit 1
	fi
}

# All settings could be read, and the script. If the namespace is there, check whether the daemon
# could be started in it: netns-exec also refuses one that another program has replaced, a VRF
# that is missing, and files of /etc/netns that it cannot mount.
_netns_could_join()
{
	[ "$_netns_asked" = restarted ] || ! _netns_is_whole ||
		_netns_exec ${vrf:+--vrf "$vrf"} "$_netns" -- true || exit
	exit 0
}

_netns_must_have_a_service()
{
	_netns_text=${RC_SERVICE%/*}/netns.$_netns
	[ ! -x "$_netns_text" ] || return 0
	[ ! -e "$_netns_text" ] ||
		_netns_refuse ": there is no such namespace, and OpenRC cannot run its service" "run chmod +x $_netns_text"
	[ ! -L "$_netns_text" ] ||
		_netns_refuse ": there is no such namespace, and the link to its service leads nowhere" \
			"run ln -sf netns $_netns_text; if ${RC_SERVICE%/*}/netns is gone, install netns-services again"
	_netns_refuse ": there is no such namespace, and no service for it" \
		"write /etc/conf.d/netns.$_netns, and ln -s netns $_netns_text"
}

_netns_must_be_whole()
{
	! _netns_is_whole || return 0
	[ -e "/run/netns/$_netns" ] ||
		_netns_refuse ": there is no such namespace" \
			"to create it again, run netns-setup up $_netns; to see what is missing, netns-setup status $_netns"
	_netns_refuse ": the namespace exists, but is not ready" \
		"to see what is missing, run netns-setup status $_netns"
}

# The same check as in netns-exec: without a state directory the namespace is not ours.
_netns_is_whole()
{
	[ -e "/run/netns/$_netns" ] || return
	[ ! -e "/run/netns-services/$_netns" ] || [ -e "/run/netns-services/$_netns/ready" ]
}

# The script has been read too. Choose which part runs inside.
_netns_choose_mode()
{
	[ "$netns" = "$_netns" ] || [ "$_netns_verb" != start ] || {
		_netns_part settings
		_netns_of_the_script
	}
	case $supervisor in
	'' | start-stop-daemon | supervise-daemon) ;;
	*)
		[ "$_netns_verb" != start ] ||
			_netns_refuse " has no effect on what supervisor=\"$supervisor\" starts" \
				"write supervisor=\"supervise-daemon\", or netns-exec $_netns -- in its run file"
		;;
	esac
	_netns_find_functions
	case $netns_mode in
	daemon) [ "$_netns_verb" != start ] || { _netns_part followed && _netns_must_follow; } ;;
	script) ;;
	*)
		[ "${netns_mode:-auto}" = auto ] || [ "$_netns_verb" != start ] ||
			_netns_refuse " has the unknown netns_mode=\"$netns_mode\"" \
				"expected auto, daemon or script"
		netns_mode=daemon
		{ [ -z "$_netns_functions" ] && ! _netns_has_files; } || netns_mode=script
		;;
	esac
	[ -z "$_netns_asked" ] || _netns_could_join
	[ "$_netns_verb:$netns_mode:$_netns_own" != start:script:daemon ] || _netns_may_be_confused
	[ "$netns_mode" = daemon ] || _netns_become_inside
	case $_netns_verb in
	start)
		_netns_tell_files
		_netns_may_be_confused
		_netns_pid_before=$_netns_pid
		trap _netns_look_again EXIT
		;;
	# called by supervise-daemon, whose own namespace may be an old one
	healthcheck | unhealthy) _netns_become_inside ;;
	esac
}

# Does the verb call a function of the script, or only OpenRC's own start(), stop() and status()?
# These were unset before the script was read, and are set again here. A function may call what
# reaches the daemon or its addresses: nginx -t, rndc reload, ip address. Every verb of a script
# with a start() of its own counts. Set _netns_functions, and _netns_own to whose start() it is.
_netns_find_functions()
{
	_netns_own=script _netns_functions=yes
	command -v start || {
		_netns_own=daemon _netns_functions=
		start() { default_start; }
	}
	case $_netns_verb in
	start | describe) ;;
	stop | status) ! command -v "$_netns_verb" || _netns_functions=yes ;;
	*) _netns_functions=yes ;;
	esac
	! command -v "${_netns_verb}_pre" && ! command -v "${_netns_verb}_post" || _netns_functions=yes
	command -v stop || stop() { default_stop; }
	command -v status || status() { default_status; }
} >/dev/null

# Does the namespace have files of its own for /etc, other than those for name lookups and
# firewall rules? The daemon reads them, and so should the checks of its settings, such as
# required_files=. Set _netns_text to their names.
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

# If the owner set daemon mode, the checks run on the host.
_netns_tell_files()
{
	_netns_has_files || return 0
	ewarn "$RC_SVCNAME: with netns_mode=\"daemon\", the checks of its settings see the host's /etc;" \
		"the daemon sees these files of /etc/netns/$_netns: $_netns_text"
	ewarn "$RC_SVCNAME: write netns_mode=\"script\" in /etc/conf.d/$RC_SVCNAME, if the checks need them"
}

# At the end of a start, check whether the daemon in the pid file is inside. The script may
# have started it in a way that its text does not show.
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
	eerror "$RC_SVCNAME: process $_netns_pid was started outside the namespace $_netns, and was stopped again"
	eerror "$RC_SVCNAME: write netns_mode=\"script\" in /etc/conf.d/$RC_SVCNAME"
	command start-stop-daemon --stop --pidfile "$pidfile"
	exit 1
}

# start-stop-daemon looks for processes in every namespace: warn if it may find another one.
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
		ewarn "$RC_SVCNAME: make it write its process id to a file, and write" \
			"pidfile=\"/run/$RC_SVCNAME.pid\" in /etc/conf.d/$RC_SVCNAME"
		;;
	*)
		# A process that is ending has none any more
		[ -e "/proc/${_netns_pid:-none}/ns/net" ] || return 0
		# shellcheck disable=SC3013
		! [ "/proc/$_netns_pid/ns/net" -ef "/run/netns/$_netns" ] || return 0
		ewarn "$RC_SVCNAME: pidfile=\"$pidfile\" belongs to process $_netns_pid," \
			"which is not in the namespace $_netns"
		ewarn "$RC_SVCNAME: each service needs a pid file of its own: write pidfile=\"/run/\$RC_SVCNAME.pid\"" \
			"in $RC_SERVICE, and make the daemon write it"
		;;
	esac
}

# Run the same verb of the same script again, inside. If the namespace or netns-exec is gone, or
# if another program has replaced the namespace, stop and status run in an empty one without a
# name, because a stop must not flush the rules of the host or of others.
_netns_become_inside()
{
	[ -z "$_netns_asked" ] || _netns_could_join
	[ "$_netns_verb" != describe ] || return 0
	_netns_must_be_a_name
	export RC_NETNS_INSIDE="$_netns $$"   # the process stays the same
	if _netns_is_whole && _netns_has_programs && _netns_is_the_same; then
		# The process that calls exec cannot print which line asked for the namespace
		_netns_exec ${_netns_bare:+--net-only} ${vrf:+--vrf "$vrf"} "$_netns" -- true || exit
		[ -z "$_netns_bare" ] ||
			ewarn "$RC_SVCNAME: $_netns_verb runs in the namespace $_netns without its files of /etc/netns"
		exec netns-exec ${_netns_bare:+--net-only} ${vrf:+--vrf "$vrf"} "$_netns" -- "$0" "$RC_SERVICE" "$_netns_verb"
	fi
	case $_netns_verb in
	stop | status) ;;
	*) _netns_refuse ": there is no such namespace, or it is not ready" \
		"to see what is missing, run netns-setup status $_netns" ;;
	esac
	export RC_NETNS_GONE=yes
	exec unshare -n "$0" "$RC_SERVICE" "$_netns_verb"
}

# Is the namespace still the one that netns-setup set up? Every other verb fails if it is not, but
# a service must not be impossible to stop: not because of that, nor because its VRF is gone, nor
# because the files of /etc/netns cannot be mounted. Set _netns_bare if these are in the way.
_netns_is_the_same()
{
	_netns_bare=
	case $_netns_verb in
	stop | status) ;;
	*) return 0 ;;
	esac
	[ -z "$vrf" ] || netns-exec --net-only --vrf "$vrf" "$_netns" -- true || vrf=''
	netns-exec "$_netns" -- true || _netns_bare=yes
	[ -z "$_netns_bare" ] || netns-exec --net-only "$_netns" -- true
} 2>/dev/null

# Run start-stop-daemon or supervise-daemon ($1) with its arguments: inside if it starts
# something; on the host if it stops or signals, because it finds processes everywhere.
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

# Run netns-exec [--vrf VRF] NAME -- COMMAND... If the command is "supervise-daemon SVC
# OPTIONS DAEMON... [-- ARGUMENTS]", also put netns-exec before DAEMON: when the daemon is
# restarted after a crash, another namespace than the supervisor's may have the name. (Not in
# a chroot, which has no netns-exec; and with a VRF only root can join.)
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
			while :; do   # options that take no value
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
			else   # supervise-daemon reports the error
				_netns_next=arguments
			fi
			;;
		words:--)   # getopt would have removed it
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

# Alpine's OpenRC implements netns= and starts daemons with "ip netns exec NAME [ip vrf exec
# VRF] start-stop-daemon". Do the same with netns-exec, because busybox's ip has no netns.
_netns_ip()
{
	case $1/$2 in
	netns/exec) ;;
	netns/add) [ "$3" = "$_netns" ]; return ;;   # some scripts create the namespace themselves
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

