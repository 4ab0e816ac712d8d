# shellcheck shell=sh disable=SC2034,SC3013  # used by the sourcing files; dash, busybox ash and bash have -ef
# Sourced by the files beside it: which namespace they belong to. The directory is a copy of
# the template and is called netns-NAME. No other service may have the same supervise
# directory: a command that sv(8) writes there for one service would act on the other.
# SPDX-License-Identifier: MIT OR Apache-2.0

cd -P . || exit
service=${PWD##*/}
namespace=${service#netns-}
model=/usr/share/netns-services/runit/netns
directory=/etc/sv
[ -d "$directory" ] || directory=/etc/runit/sv

# The template itself, linked to where runit looks for services, belongs to no namespace.
must_have_a_name()
{
	[ "$namespace" = "$service" ] || [ -z "$namespace" ] || return 0
	is_linked || link=/var/service/NAME
	own=${link##*/}
	own=$directory/netns-${own#netns-}
	say "$PWD belongs to no namespace: its name is not netns-NAME" \
		"rm $link; cp -R $model $own; ln -s $own ${link%/*}/"
	exit 100
}

is_linked()
{
	for link in /etc/service/* /var/service/* /run/runit/service/* /service/*; do
		[ ! "$link" -ef . ] || return 0
	done
	return 1
}

# Set $other to the service that has the same supervise directory, also by a copied symlink.
is_shared()
{
	for other in ../* /etc/service/* /var/service/* /run/runit/service/* /service/*; do
		[ "$other" -ef . ] || [ ! "$other/supervise" -ef supervise ] || return 0
	done
	return 1
}

# Does the runsv of that supervise directory run this service, and not another one?
is_heard()
{
	read -r pid <supervise/pid || return
	while read -r key parent; do
		[ "$key" != PPid: ] || break
	done <"/proc/$pid/status"
	[ "/proc/$parent/cwd" -ef . ]
} 2>/dev/null

# Was the message already printed for this sv(8)? sv runs the check again and again.
is_told()
{
	read -r told <supervise/told && [ "$told" = "$service $PPID" ] && return
	printf '%s\n' "$service $PPID" >supervise/told
	return 1
} 2>/dev/null

say_shared()
{
	other=$(cd -P "$other" && pwd)
	say "$PWD/supervise also belongs to $other: sv cannot tell the two services apart" \
		"remove one of them and copy it again: rm -r DIRECTORY; cp -R $model DIRECTORY"
}

# may_end STATE - check, before anything ends, whether `down` would fail, and, unless STATE says
# "want down", whether `up` would fail. If the namespace is not ready, check only its settings:
# a restart may repair it.
may_end()
{
	case $1 in
	*"want down"*) ;;
	*)
		ask=check
		[ ! -e "/run/netns/$namespace" ] || [ ! -e "/run/netns-services/$namespace/ready" ] || ask=may-come
		netns-setup $ask "$namespace" || return
		;;
	esac
	netns-setup may-go "$namespace"
}

say()
{
	for line; do
		printf '%s\n' "$service: $line"
	done >&2
}
