# shellcheck shell=sh disable=SC1090,SC2154,SC2034,SC2317  # used by OpenRC, conf.d and netns.conf
# Sourced by netns.conf: what a service's settings say about netns=. An explicit empty value,
# netns="", means the host. A value that only comes out empty is an error: a service that asks
# for a namespace never starts on the host instead.
# SPDX-License-Identifier: MIT OR Apache-2.0

# The settings have been read. Do they ask for a namespace, and in which line?
_netns_read()
{
	[ "$RC_SVCNAME" != netns-probe ] || { _netns_probe; return 0; }
	_netns_by_name
	if [ "$_netns_verb" = start ]; then
		_netns_refuse_doubt
		_netns_refuse_odd
		_netns_refuse_empty
		_netns_refuse_dropped
		_netns_refuse_unread
	fi
	[ -n "$netns" ] || return 0
	case $RC_SVCNAME in
	netns.*) ! _netns_is_ours netns || return 0 ;;   # netns-setup says what is wrong with that
	esac
	[ "$_netns_verb" != start ] || ! _netns_is_given_back || {
		RC_VRF_EXEC=${RC_VRF_EXEC#"ip netns exec $netns "}   # Alpine's
		netns='' _netns_was=''
		return 0
	}
	_netns_part inside
	if [ "$_netns_again" = yes ]; then
		_netns_begin_inside
	else
		_netns=$netns
		_netns_begin
	fi
}

# Was netns-setup try NAME --with SERVICE rolled back? Its process, an ancestor of this one,
# then starts the service on the host again, where it was.
_netns_is_given_back()
{
	[ -e "/run/netns-services/.undone/$netns" ] || return
	{
		read -r _netns_by _netns_at _netns_text
		while :; do
			read -r _netns_text || return
			[ "$_netns_text" != "$RC_SVCNAME" ] || break
		done
	} <"/run/netns-services/.undone/$netns"
	_netns_part caller
	_netns_pid=$$
	while _netns_above; do
		[ "$_netns_pid" = "$_netns_by" ] || continue
		read -r _netns_text <"/proc/$_netns_pid/stat"
		# shellcheck disable=SC2086  # its fields; the 22nd is its start time
		set -- ${_netns_text##*) }
		[ "${20}" = "$_netns_at" ] || return
		einfo "$RC_SVCNAME: on the host, where it was before netns-setup try $netns"
		return 0
	done
	return 1
}

# The name of our own firewall services, such as netns-nftables.mgmt, names the namespace.
_netns_by_name()
{
	case $RC_SVCNAME in
	netns-ipset.* | netns-iptables.* | netns-nftables.*) _netns_is_ours "${RC_SVCNAME%%.*}" || return 0 ;;
	*) return 0 ;;
	esac
	[ -z "$netns" ] || [ "$netns" = "${RC_SVCNAME#*.}" ] || [ "$_netns_verb" != start ] ||
		_netns_refuse " is not the namespace of $RC_SVCNAME" "remove it: the name of the service names the namespace"
	netns=${RC_SVCNAME#*.}
}

# Is the script our own of that name, or a link to it? (RC_SERVICE is the link in OpenRC
# 0.45, and its target in later versions.)
_netns_is_ours()
{
	# shellcheck disable=SC3013
	[ "$RC_SERVICE" -ef "${RC_SERVICE%/*}/$1" ]
}

# End with an error for netns = "mgmt" with spaces, and for settings that cannot be read
_netns_refuse_doubt()
{
	for _netns_at in $_netns_doubt; do
		if [ -L "$_netns_at" ] && [ ! -e "$_netns_at" ]; then
			_netns_shorten
			eerror "$RC_SVCNAME: $_netns_at is a dangling symlink, so its netns= is unknown"
			eerror "$RC_SVCNAME: restore its target, or remove the symlink"
		else
			_netns_file=$_netns_at
			_netns_line '[^A-Za-z0-9_]netns[ 	]' || _netns_at=$_netns_file
			_netns_refuse_no_assignment
		fi
		exit 1
	done
}

_netns_refuse_no_assignment()
{
	_netns_shorten
	eerror "$RC_SVCNAME: $_netns_at: this is not an assignment in sh, so it does not set netns"
	eerror "$RC_SVCNAME: write netns=\"NAME\" on a line of its own, without spaces around the ="
	exit 1
}

# Print the lines, with their numbers, that may be meant as netns="mgmt" and do not set netns:
# netns= "mgmt", set netns="mgmt", local netns="mgmt", netns:mgmt, "netns"="mgmt", NETNS="mgmt"; a
# line that begins with the byte order mark of other systems' editors, or with another byte that
# is not visible; and netns="mgmt" blue, which sets it only for the command blue. Fails if a
# file cannot be read.
_netns_odd()
{
	LC_ALL=C awk '
		BEGIN {
			mark = "\357\273\277"
			word = "(\"[^\"]*(\"|$)|\047[^\047]*(\047|$)|\\\\.|\\\\$|[^ \t;&|#\"\047\\\\])*"
			one = "[A-Za-z_][A-Za-z0-9_]*=" word
			assigns = "^[ \t]*(" one "[ \t]+)*" one "[ \t]*($|[;#})]|&&|[|][|])"
		}
		function is_odd() {
			if (index($0, mark "netns") == 1 || $0 ~ "^" mark "[ \t]+netns") return 1
			if ($0 ~ /^[ \t]*(set|setenv|let|var|local|declare|typeset)[ \t]+(-[a-z]+[ \t]+)*netns([ \t=]|$)/) return 1
			if ($0 ~ /^[ \t]*[$]?netns[ \t:]/ || $0 ~ /[;&][ \t]*netns=[ \t]+[^ \t;&|#]/) return 1
			if ($0 ~ /^[ \t]*(export[ \t]+)?[Nn][Ee][Tt][Nn][Ss]=/ && $0 !~ /^[^=]*netns=/) return 1
			# A line that begins with netns, but for signs that begin no other command
			if ($0 !~ /^[^][A-Za-z0-9_#(){}&|;-]*netns[^A-Za-z0-9_=]*=/) return 0
			return $0 !~ /^[ \t]*netns=.*([$][(]|`)/ && $0 !~ assigns
		}
		is_odd() { print FNR ":" $0 }' "$@" 2>/dev/null
}

_netns_refuse_odd()
{
	[ -n "$_netns_new" ] || return 0
	case $RC_SVCNAME in
	netns.*) ! _netns_is_ours netns || _netns_confs= ;;   # netns-setup reads these
	esac
	_netns_mark=$(printf '\357\273\277')
	for _netns_file in $_netns_confs; do
		_netns_text=$(_netns_odd "$_netns_file" | tail -n 1)
		_netns_at=$_netns_file:${_netns_text%%:*}
		_netns_text=${_netns_text#*:}
		case ${_netns_text%%=*} in
		'') ;;
		"$_netns_mark"*) _netns_refuse_mark ;;
		*netns | *netns[!A-Za-z0-9_]*) _netns_refuse_no_assignment ;;
		*[Nn][Ee][Tt][Nn][Ss]) _netns_refuse_case ;;
		*) _netns_refuse_no_assignment ;;
		esac
	done
	_netns_remember
}

_netns_refuse_mark()
{
	_netns_shorten
	eerror "$RC_SVCNAME: $_netns_at: the file begins with a byte order mark, as on Windows, so this line does not set netns"
	eerror "$RC_SVCNAME: save the file as UTF-8 without it"
	exit 1
}

# NETNS="mgmt" is valid beside a netns=, and if the script or a file of settings uses a variable of
# that name
_netns_refuse_case()
{
	[ -z "$_netns_set" ] || return 0
	_netns_text=${_netns_text%%=*}
	_netns_text=${_netns_text##*[ 	]}
	# shellcheck disable=SC2086  # the files
	! grep -q "[\$]{\{0,1\}$_netns_text" "$RC_SERVICE" $_netns_confs || return 0
	_netns_shorten
	eerror "$RC_SVCNAME: $_netns_at: $_netns_text= does not set netns, and nothing uses it"
	eerror "$RC_SVCNAME: write netns=\"NAME\", in lower case"
	exit 1
}

# Record that the hook works, and which lines of /etc/conf.d are odd. Services that start at the
# same time (rc_parallel=) see the complete result or none: an empty file means that no line is odd.
_netns_remember()
{
	set -- /dev/null
	for _netns_text in /etc/conf.d/*; do
		# (An ordinary user may not read all of them, and has settings elsewhere)
		[ ! -f "$_netns_text" ] || [ ! -r "$_netns_text" ] || set -- "$@" "$_netns_text"
	done
	if _netns_odd "$@" >"$_netns_tried.$$"; then
		mv -f "$_netns_tried.$$" "$_netns_tried"
	else
		rm -f "$_netns_tried.$$"
	fi
	return 0
} 2>/dev/null

# An empty value is valid only as netns="".
_netns_refuse_empty()
{
	[ -n "$_netns_set" ] && [ -z "$netns" ] || return 0
	! _netns_is_literal || return 0
	_netns_where
	eerror "$RC_SVCNAME: $_netns_at: netns= comes out empty"
	eerror "$RC_SVCNAME: write netns=\"NAME\" there, or netns=\"\" to run on the host"
	exit 1
}

# Does the last netns= that $_netns_file executes assign a literal empty value? The trace of
# the shell tells which line that is. dash's trace has no line numbers; there it is the last
# netns= in the file.
_netns_is_literal()
{
	[ -n "$_netns_file" ] && [ -f "$_netns_file" ] || return
	_netns_text=$(
		unset netns
		exec 2>&1 >/dev/null
		PS4='+:$LINENO: '
		set -x
		. "$_netns_file"
	)
	_netns_number=$(printf '%s\n' "$_netns_text" |
		sed -n 's/^+*:\([0-9]\{1,\}\): .*netns=.*/\1/p' | tail -n 1)
	if [ -n "$_netns_number" ]; then
		_netns_text=$(sed -n "${_netns_number}p" "$_netns_file")
	else
		_netns_text=$(grep 'netns=' "$_netns_file" | grep -v '^[ 	]*#' | tail -n 1)
	fi
	case " ${_netns_text}" in
	*[!A-Za-z0-9_]netns=\"\"[!\"\'\$\`A-Za-z0-9_]* | *[!A-Za-z0-9_]netns=\"\") ;;
	*[!A-Za-z0-9_]netns=\'\'[!\"\'\$\`A-Za-z0-9_]* | *[!A-Za-z0-9_]netns=\'\') ;;
	*[!A-Za-z0-9_]netns=[\ \;\&\#]* | *[!A-Za-z0-9_]netns=) ;;
	*) false ;;
	esac
}

# OpenRC reads conf.d/SVC.RUNLEVEL instead of conf.d/SVC, whose netns= must not be lost
# silently. To know whether it has one, read it.
_netns_refuse_dropped()
{
	[ -z "$netns$_netns_set" ] || return 0
	for _netns_variant in $_netns_variants; do
		_netns_file=${_netns_variant%."$RC_RUNLEVEL"}
		_netns_asks "$_netns_file" || continue
		_netns_where
		_netns_plain=$_netns_at
		_netns_at=$_netns_variant
		_netns_shorten
		eerror "$RC_SVCNAME: $_netns_plain has a netns=, and $_netns_at, which" \
			"replaces it in this runlevel, has none"
		eerror "$RC_SVCNAME: write the same line there, or netns=\"\" to run on the host"
		exit 1
	done
}

# OpenRC looks for conf.d beside the script, and before 0.64 nowhere else: for a link from
# /etc/init.d to a script in another directory it reads nothing of /etc/conf.d.
_netns_refuse_unread()
{
	[ -z "$netns$_netns_set" ] || return 0
	_netns_refuse_drop_ins
	case $RC_SERVICE in
	/etc/init.d/*) return 0 ;;
	esac
	for _netns_file in "/etc/conf.d/$RC_SVCNAME.$RC_RUNLEVEL" "/etc/conf.d/$RC_SVCNAME" "/etc/conf.d/${RC_SVCNAME%%.*}"; do
		! _netns_was_read || return 0
		_netns_asks "$_netns_file" || continue
		_netns_where
		eerror "$RC_SVCNAME: $_netns_at has a netns=, but OpenRC did not read it: the script" \
			"is $RC_SERVICE, and OpenRC looks for settings beside that"
		eerror "$RC_SVCNAME: copy the script to /etc/init.d/$RC_SVCNAME, or link" \
			"${RC_SERVICE%/*/*}/conf.d to /etc/conf.d"
		exit 1
	done
}

# A netns= in a file that other programs would read as a drop-in, and OpenRC does not. It is not
# executed here, because it may be a file of another kind.
_netns_refuse_drop_ins()
{
	for _netns_file in "/etc/conf.d/$RC_SVCNAME.conf" "/etc/conf.d/$RC_SVCNAME.d"/* "/etc/conf.d/$RC_SVCNAME"/*; do
		[ -f "$_netns_file" ] || continue
		[ ! -e "/etc/init.d/${_netns_file#/etc/conf.d/}" ] || continue
		grep -q "^[ 	]*netns=[\"']\{0,1\}[A-Za-z0-9]" "$_netns_file" || continue
		_netns_where
		eerror "$RC_SVCNAME: $_netns_at has a netns=, but OpenRC does not read that file"
		eerror "$RC_SVCNAME: write the line in /etc/conf.d/$RC_SVCNAME"
		exit 1
	done
}

_netns_was_read()
{
	for _netns_text in $_netns_confs; do
		# shellcheck disable=SC3013
		[ ! "$_netns_text" -ef "$_netns_file" ] || return 0
	done
	return 1
}

# Would reading the file $1 ask for a namespace?
_netns_asks()
{
	[ -f "$1" ] || return
	(
		unset netns
		. "$1"
		[ -n "$netns" ]
	) >/dev/null 2>&1
}

# The script has been read. A netns= in the script itself comes too late, for OpenRC's
# dependencies and for this hook.
_netns_of_the_script()
{
	if [ "$_netns_again" = yes ]; then
		[ -z "$_netns_inside" ] || _netns_set_files
		return 0
	fi
	[ "$_netns_verb" = start ] || return 0
	[ -z "$_netns_set" ] || { netns=''; return 0; }   # conf.d says netns=""
	_netns_file=$RC_SERVICE
	_netns_refuse " in the init script itself has no effect" \
		"write netns=\"$netns\" in /etc/conf.d/$RC_SVCNAME; or netns=\"\" there, to run on the host"
}

# Settings of ours that exist before any file of the service has been read come from rc.conf,
# for all services, or from the caller's environment, which has no effect.
_netns_of_rc_conf()
{
	_netns_file=/etc/rc.conf
	for _netns_text in netns netns_mode netns_from_inside netns_hook; do
		_netns_is_in_the_environment "$_netns_text" || continue
		unset "$_netns_text"
		eval "$_netns_text=\$(_netns_in_rc_conf $_netns_text)"
		eval "[ -n \"\$$_netns_text\" ]" || unset "$_netns_text"
	done
}

# Print the value that rc.conf alone gives to the variable $1
_netns_in_rc_conf()
{
	for _netns_file in /etc/rc.conf /etc/rc.conf.d/*.conf; do
		[ "$_netns_file" = "$_netns_parts/netns.conf" ] || [ ! -e "$_netns_file" ] || . "$_netns_file"
	done >/dev/null 2>&1
	eval "printf '%s' \"\$$1\""
}

# Check that netns.conf works on this machine, with this shell and this OpenRC: the same
# openrc-run.sh runs a service that only reports whether the hook noticed it.
_netns_try()
{
	if RC_SVCNAME=netns-probe "$0" "$_netns_parts/netns-probe" describe >/dev/null 2>&1; then
		_netns_remember
	elif [ -w "$RC_SVCDIR" ]; then   # an ordinary user starts nothing
		_netns_refuse_unnoticed
	fi
}

# Run by the service netns-probe: when _netns_choose_mode is called, the hook has noticed that
# conf.d and the script were read. Then it must notice both ways in which OpenRC starts a daemon.
_netns_probe()
{
	_netns=probe
	_netns_count=0
	alias start-stop-daemon=_netns_noticed supervise-daemon=_netns_noticed
	_netns_noticed() { _netns_count=$((_netns_count + 1)); }
	_netns_choose_mode()
	{
		command=/bin/true start_stop_daemon_args=--help supervise_daemon_args=--help
		ebegin() { :; }
		eend() { :; }
		service_set_value() { :; }
		ssd_start
		supervise_start
		[ "$_netns_count" = 2 ]
		exit
	}
}

# The hook will not notice anything after this file: fail now if a namespace is asked for.
_netns_refuse_unnoticed()
{
	_netns_asks_for_start || return 0
	eerror "$RC_SVCNAME: $_netns_at: netns= would have no effect: $0 does not work as" \
		"/etc/rc.conf.d/netns.conf expects"
	eerror "$RC_SVCNAME: expected OpenRC 0.45 or newer, run by dash, busybox ash or bash;" \
		"write netns-exec NAME -- before the command of your own script meanwhile"
	exit 1
}

# The same, because the owner has switched the hook off
_netns_refuse_switched_off()
{
	_netns_asks_for_start || return 0
	eerror "$RC_SVCNAME: $_netns_at: netns= would have no effect: netns_hook=\"$netns_hook\"" \
		"in /etc/rc.conf switches it off"
	eerror "$RC_SVCNAME: remove that line; or remove netns= here, to run on the host"
	exit 1
}

# Is this the start of a service whose settings ask for a namespace? Sets $_netns_at to their file.
_netns_asks_for_start()
{
	_netns_verb=$(tr '\0' '\n' <"/proc/$$/cmdline" | tail -n 1)
	[ "$_netns_verb" = start ] || return
	for _netns_text in "${RC_SERVICE%/*}/../conf.d" /etc/conf.d; do
		for _netns_at in "${RC_SVCNAME%%.*}" "$RC_SVCNAME"; do
			_netns_file=$_netns_text/$_netns_at.$RC_RUNLEVEL
			_netns_asks "$_netns_file" || _netns_file=$_netns_text/$_netns_at
			_netns_asks "$_netns_file" || continue
			_netns_where
			return 0
		done
	done
	# rc.conf has one for all services
	_netns_file=/etc/rc.conf
	[ -n "$netns" ] || return
	_netns_where
}

# Exit with an error: line 1 says what is wrong with netns=, line 2 what to do.
_netns_refuse()
{
	_netns_where
	eerror "$RC_SVCNAME: $_netns_at: netns=\"$netns\"$1"
	eerror "$RC_SVCNAME: $2"
	exit 1
}

# Set _netns_at to the file and line that asked for the namespace.
_netns_where()
{
	if [ -z "$_netns_file" ]; then
		_netns_at="its name"
	else
		_netns_line '[^A-Za-z0-9_]netns:\{0,1\}=' || _netns_at=$_netns_file
		_netns_shorten
	fi
}

# Set _netns_at to the last line of $_netns_file that the pattern matches, without comments.
_netns_line()
{
	_netns_at=$(sed 's/^/ /; s/[ 	]#.*//' "$_netns_file" | grep -n "$1" | tail -n 1)
	[ -n "$_netns_at" ] || return
	_netns_at=$_netns_file:${_netns_at%%:*}
}

# Shorten the path to what a person would write
_netns_shorten()
{
	case $_netns_at in
	*/init.d/../conf.d/*) _netns_at=${_netns_at%%/init.d/../*}/conf.d/${_netns_at##*/} ;;
	esac
}
