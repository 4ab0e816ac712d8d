# shellcheck shell=sh disable=SC2154,SC2034,SC2317  # used by OpenRC, conf.d and netns.conf
# Sourced by netns.conf where OpenRC reads the dependencies of a service with netns=: it needs
# the namespace.
# SPDX-License-Identifier: MIT OR Apache-2.0

# For dependencies, conf.d has been read already. (An invalid name is an error at the start.)
# The current directory is that of the scripts.
_netns_depends()
{
	# shellcheck disable=SC3013
	case $RC_SVCNAME in
	netns.*) [ ! "./$RC_SVCNAME" -ef ./netns ] || return 0 ;;
	netns-ipset.* | netns-iptables.* | netns-nftables.*) netns=${RC_SVCNAME#*.} ;;
	esac
	case $netns in
	'') ;;
	-* | *[!A-Za-z0-9_-]*) ;;
	*)
		! _netns_is_in_the_environment netns ||
			grep -qs 'netns:\{0,1\}=' "../conf.d/${RC_SVCNAME%%.*}" "../conf.d/$RC_SVCNAME" /etc/rc.conf ||
			{ netns=''; return 0; }
		[ ! -x "./netns.$netns" ] || need "netns.$netns"
		_netns_is_its_net
		_netns_depends_as_firewall
		;;
	esac
	netns=''   # some scripts create the namespace while they are read
}

# For a script that needs net, its namespace is the network: it also starts when the host's
# network has failed. OpenRC reads rc_need after the script's depend(); if the owner writes net
# there, or in another place that OpenRC reads, that applies.
_netns_is_its_net()
{
	_netns_at=$(shell_var "$RC_SVCNAME")
	for _netns_at in "rc_${_netns_at}_need" rc_need "RC_${_netns_at}_NEED" RC_NEED; do
		eval "_netns_text=\$$_netns_at"
		[ -z "$_netns_text" ] || break
	done
	case " $_netns_text " in
	*" net "*) ;;
	*" "[!\ ]*) eval "$_netns_at=\"\$_netns_text !net\"" ;;
	*) rc_need='!net' ;;
	esac
}

# A distribution's firewall script, as BASE.NAME, is not the host's firewall: netns.NAME does
# not come after it, and it does not provide a firewall to services of the host.
_netns_depends_as_firewall()
{
	case $RC_SVCNAME in
	iptables.* | ip6tables.*) after "ipset.${RC_SVCNAME#*.}" ;;   # rules refer to sets
	ipset.* | nftables.*) ;;
	*) return 0 ;;
	esac
	before() { :; }
	provide() { :; }
}
