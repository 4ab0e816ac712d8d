# shellcheck shell=sh disable=SC2034,SC3013  # read where it is sourced; dash, busybox ash and bash have -ef
# Sourced by the files beside it: whose they are. The folder is a copy of the model, it is
# called netns-NAME, and no other service may have the same supervise: what sv(8) writes
# there for one of them, the other would do.
# SPDX-License-Identifier: MIT OR Apache-2.0

cd -P . || exit
service=${PWD##*/}
namespace=${service#netns-}
model=/usr/share/netns-services/runit/netns
folder=/etc/sv
[ -d "$folder" ] || folder=/etc/runit/sv

# The model itself, linked to where runit looks for services, is no namespace's.
must_have_a_name()
{
	[ "$namespace" = "$service" ] || [ -z "$namespace" ] || return 0
	is_linked || link=/var/service/NAME
	own=${link##*/}
	own=$folder/netns-${own#netns-}
	say "$PWD belongs to no namespace: it is not called netns-NAME" \
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

# Say in $other which service has the same supervise: by a symlink that was copied, too.
is_shared()
{
	for other in ../* /etc/service/* /var/service/* /run/runit/service/* /service/*; do
		[ "$other" -ef . ] || [ ! "$other/supervise" -ef supervise ] || return 0
	done
	return 1
}

# Who writes to that supervise is heard by this service, and not by another?
is_heard()
{
	read -r pid <supervise/pid || return
	while read -r key parent; do
		[ "$key" != PPid: ] || break
	done <"/proc/$pid/status"
	[ "/proc/$parent/cwd" -ef . ]
} 2>/dev/null

# Has it been said to the sv(8) that asks? It asks again and again.
is_told()
{
	read -r told <supervise/told && [ "$told" = "$service $PPID" ] && return
	printf '%s\n' "$service $PPID" >supervise/told
	return 1
} 2>/dev/null

say_shared()
{
	other=$(cd -P "$other" && pwd)
	say "$PWD/supervise is that of $other, too: sv cannot tell one from the other" \
		"take one away, and make it anew: rm -r FOLDER; cp -R $model FOLDER"
}

# may_end STATE - it is asked before anything is ended whether `down` would be refused, and
# unless that is all (STATE says so), whether `up` would be. What is not whole is not asked
# whether it could come up: a restart may be what mends it.
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
