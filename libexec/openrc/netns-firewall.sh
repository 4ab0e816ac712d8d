# shellcheck shell=sh disable=SC2034,SC2154,SC3043  # OpenRC's variables and functions
# Sourced by netns-ipset, netns-iptables and netns-nftables, which run inside the
# namespace that their name ends with: their common parts, without anything that only one
# tool understands. Each of them defines
#   load [check]   replace what is loaded by the file, or change nothing
#   unload, list, save
# and sets $file to what it loads, $saves and $forwards to the owner's settings.
# SPDX-License-Identifier: MIT OR Apache-2.0

# shellcheck source=netns-closed.sh
. /usr/libexec/netns-services/openrc/netns-closed.sh || exit
# shellcheck source=netns-trusted.sh
. /usr/libexec/netns-services/openrc/netns-trusted.sh || exit

namespace=${RC_SVCNAME#netns-*.}
tool=${RC_SVCNAME#netns-}
tool=${tool%%.*}
directory=/etc/netns/$namespace

extra_commands="check list panic save"
extra_started_commands="reload"
description_check="Checks the file and changes nothing."
description_list="Prints what is loaded."
description_panic="Drops every packet except on lo, until the next start."
description_save="Writes what is loaded to the file."
description_reload="Replaces what is loaded by the file; a file with an error changes nothing."

# Run before each verb: the host's rules must not change.
start_pre() { is_inside; }
stop_pre() { is_inside && { [ "$RC_CMD" != restart ] || check; }; }
reload_pre() { is_inside; }
check_pre() { is_inside; }
list_pre() { is_inside; }
panic_pre() { is_inside; }
save_pre() { is_inside; }

is_inside()
{
	if [ "$namespace" = "$RC_SVCNAME" ]; then
		eerror "$RC_SVCNAME: this script is a template: each namespace needs a link to it"
		eerror "$RC_SVCNAME: ln -s $RC_SVCNAME /etc/init.d/$RC_SVCNAME.NAME"
		return 1
	fi
	[ "$(readlink /proc/self/ns/net)" = "$(readlink /proc/1/ns/net)" ] || return 0
	eerror "$RC_SVCNAME: it runs on the host, and not in the namespace $namespace"
	eerror "$RC_SVCNAME: expected the installed /etc/rc.conf.d/netns.conf to start it inside"
	return 1
}

start()
{
	local how
	ebegin "Loading $file in $namespace"
	if load; then
		open_namespace
		! yesno "$forwards" || forwarding 1
	else
		how="closed until a start succeeds"
		close_namespace established || how="not closed: neither nft nor iptables could do it"
		eend 1 "$namespace is $how"
		return
	fi
	eend 0
}

reload()
{
	ebegin "Reloading $file in $namespace"
	load && open_namespace
	eend $? "what was loaded has not changed"
}

stop()
{
	! yesno "$saves" || save || return
	! stays || return 0
	ebegin "Removing what $tool loaded in $namespace"
	unload && { ! yesno "$forwards" || forwarding 0; }
	eend $?
}

check() { load check; }

panic()
{
	ebegin "Dropping all packets in $namespace"
	close_namespace && mark_service_stopped "$RC_SVCNAME"
	eend $?
}

# Keep what is loaded if the namespace itself is stopped or a start follows, so that
# nothing passes in between.
stays()
{
	[ "$RC_CMD" = restart ] || service_stopping "netns.$namespace"
}

# broken FILE TEXT - print what a program reported about a file, with the file's line
broken()
{
	local line said
	case $2 in
	*"$1:"*) said=$1:${2#*"$1:"} ;;
	*)
		line=$(printf '%s\n' "$2" | sed -n 's/.*line:\{0,1\} \([0-9]\{1,\}\).*/:\1/p' | head -n 1)
		said="$1$line: $2"
		;;
	esac
	eerror "$RC_SVCNAME: $(printf '%s\n' "$said" | head -n 1)"
	return 1
}

# there NAME OTHER... - print the first of these files of the namespace that exists; NAME,
# if none does
there()
{
	local default="$1" name
	for name; do
		[ ! -e "$directory/$name" ] || break
	done
	[ -e "$directory/$name" ] || name=$default
	printf '%s' "$directory/$name"
}

# missing FILE
missing()
{
	[ -e "$1" ] && return 1
	eerror "$RC_SVCNAME: $1: there is no such file"
	eerror "$RC_SVCNAME: write the rules there, or load them by hand and run rc-service $RC_SVCNAME save"
	return 0
}

# written FILE COMMAND... - write what the command prints to the file, all or nothing
written()
{
	local to="$1" new="$1.new.$$"
	shift
	if is_closed; then
		eerror "$RC_SVCNAME: the namespace is closed, so it cannot be saved; start the service first"
		return 1
	fi
	(umask 022 && mkdir -p "${to%/*}")
	ebegin "Saving to $to"
	(umask 077 && "$@" >"$new" && mv "$new" "$to")
	eend $? "$to has not changed" || { rm -f "$new" && return 1; }
}

forwarding()
{
	sysctl -q -w "net.ipv4.ip_forward=$1"
	[ ! -e /proc/sys/net/ipv6 ] || sysctl -q -w "net.ipv6.conf.all.forwarding=$1"
}
