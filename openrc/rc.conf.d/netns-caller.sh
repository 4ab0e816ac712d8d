# shellcheck shell=sh disable=SC2154,SC2034  # used by OpenRC, conf.d and netns.conf
# Sourced by netns.conf: where a script was called, and by which process. A login session,
# cron, a hook or a package manager can run inside a namespace; the services that they call
# are still the host's. A script begins on the host, and goes inside from there if its
# settings ask for it.
# SPDX-License-Identifier: MIT OR Apache-2.0

# The script was called in another network namespace than that of process 1.
_netns_called_elsewhere()
{
	! _netns_was_brought || { _netns_again=yes; return 0; }
	[ -e /proc/self/ns/net ] || { _netns_say_no_proc; return 0; }
	_netns_refuse_itself
	_netns_find_place
	[ -n "$_netns_place" ] && [ "$_netns_all_stay" != stay ] && _netns_can_leave || return 0
	case $RC_SVCNAME:$_netns_verb in
	netns-probe:*) return 0 ;;
	*:describe | *:depend) ;;
	*) _netns_refuse_runlevel ;;
	esac
	[ "$netns_from_inside" != stay ] || return 0
	[ "$RC_NETNS_HOST" != $$ ] || _netns_refuse_lost "the host"
	command -v netns-exec >/dev/null || { _netns_refuse_to_leave; return 0; }
	_netns_say_host
	export RC_NETNS_HOST=$$
	exec netns-exec --host $_netns_mounts -- "$0" "$RC_SERVICE" "$_netns_verb"
}

# Did netns-inside.sh start this process here? The variable may come from another process,
# so compare its process id and the present namespace.
_netns_was_brought()
{
	[ "${RC_NETNS_INSIDE#* }" = $$ ] || return
	# shellcheck disable=SC3013
	[ "$RC_NETNS_GONE" = yes ] || [ /proc/self/ns/net -ef "/run/netns/${RC_NETNS_INSIDE% *}" ] ||
		_netns_refuse_lost "the namespace ${RC_NETNS_INSIDE% *}"
}

# netns-exec has run, and this process is still not where it should be. Calling netns-exec
# again would loop for ever.
_netns_refuse_lost()
{
	eerror "$RC_SVCNAME: netns-exec did not move this script to $1, or /proc and /run/netns do not show it"
	eerror "$RC_SVCNAME: expected the host's /proc and /run/netns; see the output of mount"
	exit 1
}

# The package was removed, and its files in /etc are still there.
_netns_refuse_to_leave()
{
	case $_netns_verb in
	status | describe | depend) return 0 ;;
	esac
	eerror "$RC_SVCNAME: called inside the namespace $_netns_place, and netns-exec, which goes to the host, is not installed"
	eerror "$RC_SVCNAME: install netns-services again; or write nsenter -t 1 -m -n before this command"
	exit 1
}

# Set _netns_place to the namespace of netns-setup that this process is in, if any, and
# _netns_mounts to the option that keeps the mounts, unless netns-exec made them.
_netns_find_place()
{
	_netns_place=
	_netns_mounts=--net-only
	while read -r _netns_text; do
		case $_netns_text in
		*" - sysfs netns-exec:"*)
			_netns_mounts=
			_netns_place=${_netns_text##* - sysfs netns-exec:}
			_netns_place=${_netns_place%% *}
			;;
		esac
	done <"/proc/self/mountinfo"
	# A namespace is ours if it has a state directory. A namespace that lost its name is
	# known only by the mounts of its processes.
	for _netns_text in /run/netns-services/*/; do
		_netns_text=${_netns_text%/}
		_netns_text=${_netns_text##*/}
		# shellcheck disable=SC3013
		if [ "/run/netns/$_netns_text" -ef /proc/self/ns/net ]; then
			_netns_place=$_netns_text
			return
		fi
	done
	[ -e "/run/netns-services/${_netns_place:-/}" ] || _netns_place=
} 2>/dev/null

_netns_say_no_proc()
{
	[ ! -d /run/netns-services ] ||
		ewarn "$RC_SVCNAME: there is no /proc, so the network namespace of this script is unknown"
}

# A caller with another root directory (a chroot, an installer) stays where it is.
_netns_can_leave()
{
	if [ ! -e /proc/1/root/. ]; then
		case $_netns_verb in
		describe | depend) ;;
		*) ewarn "$RC_SVCNAME: called inside the namespace $_netns_place, and stays there: only root can go to the host" ;;
		esac
		return 1
	fi
	# shellcheck disable=SC3013
	[ / -ef /proc/1/root/. ]
}

_netns_say_host()
{
	case $RC_CMD:$_netns_verb in
	*:status | *:describe | *:depend | restart:stop) return 0 ;;
	esac
	case $netns:$RC_SVCNAME in
	:netns.* | :netns-*.*) ;;
	:*) einfo "$RC_SVCNAME has no netns=, and was called inside the namespace $_netns_place: $_netns_verb on the host" ;;
	esac
}

# A script inside that calls itself in a way that netns-script.sh does not catch would call
# the host's service of that name.
_netns_refuse_itself()
{
	case $_netns_verb in
	describe | depend | status) return 0 ;;
	esac
	_netns_pid=$$
	while _netns_above; do
		read -r _netns_text <"/proc/$_netns_pid/cmdline" || :
		case $_netns_text in
		*/openrc-run.sh*) ;;
		*) continue ;;
		esac
		_netns_text=$(tr '\0' '\n' <"/proc/$_netns_pid/environ" | grep "^RC_SVCNAME=$RC_SVCNAME\.")
		[ -n "$_netns_text" ] || continue
		# shellcheck disable=SC3013
		[ "/proc/$_netns_pid/ns/net" -ef /proc/self/ns/net ] || continue
		_netns_text=${_netns_text#*=}
		eerror "$RC_SVCNAME: called by $_netns_text, which runs inside a namespace: this would start, stop or change the host's service"
		eerror "$RC_SVCNAME: write rc-service $_netns_text $_netns_verb in its script, as a plain command"
		exit 1
	done
}

# openrc RUNLEVEL, called inside, would start some services here and some there.
_netns_refuse_runlevel()
{
	_netns_pid=$$
	while _netns_above; do
		[ "$_netns_comm" != openrc ] || break
	done
	# shellcheck disable=SC3013
	if [ "$_netns_comm" != openrc ] || [ ! "/proc/$_netns_pid/ns/net" -ef /proc/self/ns/net ]; then
		# With rc_parallel=, openrc (RC_PID) may have called this script before it was killed
		_netns_text=
		[ ! -e "$RC_SVCDIR/netns-refused" ] || read -r _netns_text <"$RC_SVCDIR/netns-refused"
		[ "${_netns_text:-none}" != "$RC_PID" ] || _netns_leave_state
		return 0
	fi
	echo "$_netns_pid" >"$RC_SVCDIR/netns-refused"
	eerror "openrc: a runlevel belongs to the host, and openrc was called inside the namespace $_netns_place"
	eerror "openrc: write netns-exec --host -- openrc RUNLEVEL; or, to run all of it in" \
		"$_netns_place, netns_from_inside=\"stay\" in /etc/rc.conf"
	# Otherwise openrc would continue with all other services, and exit with 0
	kill "$_netns_pid"
	_netns_leave_state
}

# Nothing was done, so restore the service's state here: openrc-run may be killed together
# with openrc and its caller before it resets "starting" or "stopping".
_netns_leave_state()
{
	case $_netns_verb in
	stop) mark_service_started "$RC_SVCNAME" ;;
	start) mark_service_stopped "$RC_SVCNAME" ;;
	esac
	exit 1
}

# Set _netns_pid to the parent of the process _netns_pid, and _netns_comm to its name. Fails
# if that parent is process 1.
_netns_above()
{
	_netns_comm=
	while read -r _netns_text _netns_pid; do
		[ "$_netns_text" != PPid: ] || break
	done <"/proc/$_netns_pid/status"
	[ "${_netns_pid:-0}" -gt 1 ] && read -r _netns_comm <"/proc/$_netns_pid/comm"
} 2>/dev/null

# A stop of netns.NAME, and a restart of any service, first stop what needs it. If that stop
# or the start after it would fail, fail now, while everything is still up.
_netns_may_stop()
{
	case $RC_RUNLEVEL:$_netns_again in
	shutdown:* | reboot:* | *:yes) return 0 ;;
	esac
	[ "$RC_CMD" != restart ] || _netns_may_start_again
	_netns_pid=$PPID   # the process that runs this service does not count
	while _netns_above; do
		# The shell drops the NULs between the arguments (and needs no fork)
		read -r _netns_text <"/proc/$_netns_pid/cmdline" || :
		case $_netns_text in
		*/openrc-run*/netns.*stop* | */openrc-run*restart*) _netns_ask ;;
		*/openrc-run*) ;;
		*) return 0 ;;
		esac
	done
	return 0
}

# A restart stops this service, and then starts it again.
_netns_may_start_again()
{
	case $_netns_set$_netns_doubt$_netns_variants$_netns_new:$RC_SVCNAME in
	:netns-*) ;;
	:*) return 0 ;;
	esac
	_netns_would_start "$RC_SERVICE" "$RC_SVCNAME"
}

# Run the checks of the service that the process _netns_pid stops or restarts.
_netns_ask()
{
	# shellcheck disable=SC2046  # its arguments
	set -- $(tr '\0' ' ' <"/proc/$_netns_pid/cmdline")
	while :; do
		case $1 in
		'') return 0 ;;
		*/openrc-run | */openrc-run.sh | */runscript) break ;;
		esac
		shift
	done
	_netns_script=$2
	for _netns_text; do
		case $_netns_text:${_netns_script##*/} in
		stop:netns.*)
			_netns_must_be_read "${_netns_script##*/netns.}"
			netns-setup may-go "${_netns_script##*/netns.}" || exit 1
			;;
		restart:netns.*)
			_netns_may_restart "${_netns_script##*/netns.}"
			_netns_asks=restarted
			;;
		restart:*) _netns_would_start "$_netns_script" "${_netns_script##*/}" ;;
		*) continue ;;
		esac
		[ "$_netns_text" != restart ] || _netns_may_start_again
		return 0
	done
}

# OpenRC sources the settings of the namespace $1 with the service. If the shell cannot read
# them, that service cannot be stopped, and the others cannot be started: to OpenRC, they need a
# service that does not exist.
_netns_must_be_read()
{
	for _netns_text in /etc/conf.d/netns "/etc/conf.d/netns.$1"; do
		# shellcheck source=/dev/null
		[ ! -e "$_netns_text" ] || (. "$_netns_text") >/dev/null || {
			netns-setup check "$1"
			exit 1
		}
	done
}

# The namespace $1 goes down and comes up again. If it is not ready, check only its settings:
# a restart may repair it.
_netns_may_restart()
{
	if [ -e "/run/netns/$1" ] && [ -e "/run/netns-services/$1/ready" ]; then
		netns-setup may-come "$1"
	else
		netns-setup check "$1"
	fi && netns-setup may-go "$1" || exit 1
}

# Begin a start of the service $2 with the script $1 that ends before anything is started.
_netns_would_start()
{
	RC_NETNS_ASK=${_netns_asks:-yes} RC_SERVICE=$1 RC_SVCNAME=$2 "$0" "$1" describe >/dev/null || {
		eerror "$RC_SVCNAME: not stopped: the restart of $2 would fail, because $2 could not be started again (see above)"
		exit 1
	}
}
