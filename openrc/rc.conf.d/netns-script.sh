# shellcheck shell=sh disable=SC2154,SC2034,SC2317  # used by OpenRC and conf.d
# Sourced by netns-inside.sh for a script that runs inside as a whole, after its settings and
# before the script: what the script's calls of itself and of other services mean; and, for a
# distribution's iptables, ip6tables, ipset and nftables, which files of the namespace it uses.
# SPDX-License-Identifier: MIT OR Apache-2.0

# A script that was written for the host uses the host's name for itself: in iptables.mgmt,
# service_started iptables asks about iptables.mgmt. All other names are services of the host,
# and are queried and started there.
_netns_begin_script()
{
	_netns_find_base
	if [ "$_netns_base" != "$RC_SVCNAME" ]; then
		for _netns_text in service_started service_starting service_stopping service_stopped \
			service_inactive service_wasinactive service_hotplugged service_crashed \
			service_started_daemon mark_service_started mark_service_starting mark_service_stopping \
			mark_service_stopped mark_service_inactive mark_service_hotplugged mark_service_failed; do
			eval "$_netns_text() { _netns_ask_state $_netns_text \"\$@\"; }"
		done
		# bash accepts no path as the name of an alias
		# shellcheck disable=SC2139  # expand the name now
		[ -n "$BASH_VERSION" ] || alias "/etc/init.d/$_netns_base=_netns_call_service $_netns_base"
	fi
	alias rc-service=_netns_call_service service=_netns_service
	_netns_own_files=
	_netns_is_firewall || return 0
	SVCNAME=$_netns_base   # the script uses this, OpenRC uses RC_SVCNAME
	_netns_choose_files
	_netns_set_files
}

# Set _netns_base to the name that the script uses for itself: BASE of the link BASE.NAME,
# otherwise the script's own name.
_netns_find_base()
{
	_netns_base=${RC_SVCNAME%%.*}
	[ "$_netns_base" = "$RC_SVCNAME" ] || [ ! -e "${RC_SERVICE%/*}/$_netns_base" ] || return 0
	_netns_base=$(readlink -f "$RC_SERVICE")
	_netns_base=${_netns_base##*/}
}

_netns_ask_state()
{
	_netns_text=$1
	shift
	if [ "$1" = "$_netns_base" ]; then
		shift
		set -- "$RC_SVCNAME" "$@"
	fi
	command "$_netns_text" "$@"
}

# rc-service [OPTION...] SERVICE VERB, called on the host, where services begin. From a
# namespace of ours a service goes there itself, and prints that, unless it is to stay; from a
# namespace of others it does not.
_netns_call_service()
{
	_netns_left=$#
	_netns_next=service
	while [ "$_netns_left" -gt 0 ]; do
		case $_netns_next:$1 in
		service:-*) set -- "$@" "$1" ;;
		service:"$_netns_base")
			set -- "$@" "$RC_SVCNAME"
			_netns_next=verb
			;;
		*)
			set -- "$@" "$1"
			_netns_next=verb
			;;
		esac
		shift
		_netns_left=$((_netns_left - 1))
	done
	# shellcheck disable=SC3013
	if { [ -z "$_netns_gone" ] && [ -d "/run/netns-services/$_netns_inside" ]; } ||
		[ "$netns_from_inside" = stay ] || [ ! / -ef /proc/1/root ]; then
		command rc-service "$@"
	else
		netns-exec --host ${_netns_gone:+--net-only} -- rc-service "$@"
	fi
}

# Another name of rc-service. A script may define a function of that name.
_netns_service()
{
	_netns_call_service "$@"
}

# Is this a link BASE.NAME to a distribution's own firewall script?
_netns_is_firewall()
{
	case $RC_SVCNAME in
	iptables.* | ip6tables.* | ipset.* | nftables.*) ;;
	*) return 1 ;;
	esac
	# shellcheck disable=SC3013
	[ "$RC_SERVICE" -ef "${RC_SERVICE%/*}/$_netns_base" ]
}

# If the settings name no file, or the same file as the host's service, set
# _netns_own_files to the namespace's file that replaces it.
_netns_choose_files()
{
	_netns_saves=$(_netns_setting save_on_stop SAVE_ON_STOP)
	case $_netns_base in
	iptables) _netns_choose_file iptables/rules-save IPTABLES_SAVE ;;
	ip6tables) _netns_choose_file iptables/rules6-save IP6TABLES_SAVE ;;
	ipset) _netns_choose_file ipset.d DIR ;;
	nftables)
		_netns_saves=${_netns_saves:-yes}
		_netns_choose_file nftables.nft rules_file NFTABLES_SAVE
		;;
	esac
}

# _netns_choose_file DEFAULT SETTING... - read the namespace's file if it exists, otherwise
# the host's. Always write the namespace's.
_netns_choose_file()
{
	_netns_file=$1
	shift
	_netns_text=$(_netns_setting "$@")
	[ -z "$_netns_text" ] || [ "$_netns_text" = "$(_netns_settings_of_the_host "$@")" ] || return 0
	case $_netns_text in
	/etc/netns/*) return 0 ;;
	/etc/*) _netns_file=${_netns_text#/etc/} ;;
	esac
	_netns_file=/etc/netns/$_netns_inside/$_netns_file
	if _netns_is_to_save; then
		case $_netns_base in
		ipset) (umask 022 && mkdir -p "$_netns_file") ;;
		*) (umask 022 && mkdir -p "${_netns_file%/*}") ;;
		esac || _netns_refuse_no_folder
	elif [ ! -e "$_netns_file" ]; then
		return 0
	fi
	_netns_own_files=$_netns_file
}

_netns_is_to_save()
{
	case $_netns_verb in
	save) ;;
	stop) [ -z "$_netns_gone" ] && yesno "${_netns_saves:-no}" ;;
	*) false ;;
	esac
}

_netns_refuse_no_folder()
{
	eerror "$RC_SVCNAME: cannot write $_netns_file, and what is loaded inside is not saved to the host's file"
	eerror "$RC_SVCNAME: expected a directory that root can create and write to; see ls -ld /etc/netns"
	exit 1
}

# Print the first of the settings that is not empty
_netns_setting()
{
	for _netns_text; do
		eval "_netns_text=\$$_netns_text"
		[ -z "$_netns_text" ] || break
	done
	printf '%s' "$_netns_text"
}

# Print the setting of the host's service, which reads the same /etc/conf.d/BASE
_netns_settings_of_the_host()
{
	(
		unset "$@"
		_netns_file=${RC_SERVICE%/*}/../conf.d/$_netns_base
		[ ! -e "$_netns_file.$RC_RUNLEVEL" ] || _netns_file=$_netns_file.$RC_RUNLEVEL
		# shellcheck disable=SC1090
		[ ! -e "$_netns_file" ] || . "$_netns_file" >/dev/null 2>&1
		_netns_setting "$@"
	)
}

# Set the script's variables for its files. Called before the script is read, because other
# variables of the script may depend on them, and again afterwards, because the script may have
# set them itself.
_netns_set_files()
{
	[ -n "$_netns_own_files" ] || return 0
	case $_netns_base in
	iptables) IPTABLES_SAVE=$_netns_own_files ;;
	ip6tables) IP6TABLES_SAVE=$_netns_own_files ;;
	ipset) DIR=$_netns_own_files ;;
	nftables) rules_file=$_netns_own_files NFTABLES_SAVE=$_netns_own_files ;;
	esac
}
