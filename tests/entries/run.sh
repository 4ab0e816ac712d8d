#!/bin/sh
# run.sh SHELL USERS - run the cells in the file /cells, in this host. A line of it has the
# number of the cell, the way, the place of the caller, the service, and "yes" if a daemon is to
# be waited for. Output, separated by tabs:
#   said NUMBER LINE                     each line that the command printed
#   cell NUMBER STATUS STATE WITNESS DAEMON...
# STATE is the state of the service according to OpenRC, started or stopped; WITNESS is the
# state of a service in no runlevel, runs or gone; a DAEMON is NAMESPACE/NAMESERVER. The caller
# judges the result.
# If SHELL is bash, bash runs OpenRC's scripts, as on Gentoo. USERS says whether this OpenRC has
# services of ordinary users, yes or no.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh
# shellcheck source=tests/entries/services.sh
. /t/services.sh

tab=$(printf '\t')

prepare()
{
	mkdir -p /run/cells
	on_the_host
	in_mgmt
	refused_ones
	with_a_start_of_their_own
	needing
	of_the_runner
	namespaces
	settings_of_openrc
	a_root_to_change_to
	services_of_a_user
	later
	rc-update -u
	openrc default
	is "services of ordinary users" "$users" "$1"
	run 0 rc-service -N netns.mgmt start
	run 0 rc-service -N netns.blue start
}

# /etc/rc.conf, as the way needs it. All settings are older than the list of dependencies,
# which OpenRC updates for a newer one.
settings_of_openrc()
{
	echo 'rc_hotplug="*"' >>/etc/rc.conf
	for text in plain 'rc_env_allow="*"' 'netns_from_inside="stay"'; do
		name=/etc/rc.conf.${text%%=*}
		cp /etc/rc.conf "$name"
		[ "$text" = plain ] || echo "$text" >>"$name"
		touch -d '2020-01-01 00:00:00' "$name"
	done
	openrc_has plain
}

openrc_has()
{
	[ "${has-}" = "$1" ] || cp -p "/etc/rc.conf.$1" /etc/rc.conf
	has=$1
}

# Another file system, with everything of this one mounted below it
a_root_to_change_to()
{
	mkdir /chroot
	mount -t tmpfs chroot /chroot
	for entry in /*; do
		if [ -L "$entry" ]; then
			cp -P "$entry" /chroot/
		elif [ -d "$entry" ] && [ "$entry" != /chroot ]; then
			mkdir "/chroot$entry"
			mount --rbind "$entry" "/chroot$entry"
		fi
	done
}

services_of_a_user()
{
	rc=/home/tester/.config/rc
	mkdir -p $rc/init.d $rc/conf.d $rc/runlevels/default /run/user/1000
	for name in /run/cells/*; do
		name=${name##*/}
		sed 's,/run/,/run/user/1000/,' "/etc/init.d/$name" >$rc/init.d/"$name"
	done
	chmod +x $rc/init.d/*
	mv $rc/init.d/linked $rc/
	ln -s ../linked $rc/init.d/
	cp -P /etc/conf.d/* $rc/conf.d/
	rm -f $rc/conf.d/netns $rc/conf.d/netns.mgmt $rc/conf.d/netns.blue $rc/conf.d/netns.torn
	chown -R tester: /home/tester /run/user/1000
	users=no
	if rc-service --help 2>&1 | grep -q -e --user; then
		users=yes
		as_tester openrc --user default
	fi
}

# as_tester COMMAND WORD... - as an ordinary user who is logged in. (Debian's su needs
# PAM, which is not in this root directory.)
as_tester()
{
	if [ -e /etc/alpine-release ]; then
		set -- su tester -c "cd; XDG_RUNTIME_DIR=/run/user/1000 $*"
	else
		set -- setpriv --reuid=1000 --regid=1000 --clear-groups \
			env HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000 "$@"
	fi
	at "$@"
}

# at COMMAND... - run it in the place of the cell
at()
{
	set -- timeout 60 "$@"
	# shellcheck disable=SC2016  # for the inner shell
	case ${place-host} in
	host) "$@" ;;
	mgmt | blue) netns-exec "$place" -- "$@" ;;
	foreign) $judge netns exec foreign "$@" ;;
	ip-netns) $judge netns exec mgmt "$@" ;;
	net-only) netns-exec --net-only mgmt -- "$@" ;;
	unshared) netns-exec mgmt -- unshare -m "$@" ;;
	own-mounts)
		netns-exec --net-only mgmt -- unshare -m \
			sh -c 'mount --bind /etc/resolv.own /etc/resolv.conf && exec "$@"' sh "$@"
		;;
	esac
}

# entry - start the service in the way of the cell; return the exit status of that command
entry()
{
	# shellcheck disable=SC2016  # for the inner shell
	case $way in
	rc-service | stay) at rc-service "$service" start ;;
	direct | stay-direct) at "/etc/init.d/$service" start ;;
	runlevel | runlevel-stay) by_runlevel ;;
	ifnotstarted) at rc-service -N "$service" start ;;
	ifexists) at rc-service -i "$service" start ;;
	ifstarted) is_started && at rc-service -s "$service" restart ;;
	dry-run) at rc-service -Z "$service" start ;;
	nodeps) at rc-service -D "$service" start ;;
	needed) at rc-service "needing.$service" start ;;
	nested) by nesting ;;
	cron) by cron ;;
	respawn) at rc-service "$service" start && is_killed ;;
	remade) at rc-service "$service" start && is_remade && is_killed ;;
	user) as_tester rc-service --user "$service" start ;;
	hotplug) at env IN_HOTPLUG=1 "/etc/init.d/$service" start ;;
	restart)
		is_started
		at rc-service "$service" restart
		;;
	stale-inside) at env RC_NETNS_INSIDE=mgmt rc-service "$service" start ;;
	stale-gone) at env RC_NETNS_INSIDE=mgmt RC_NETNS_GONE=yes rc-service "$service" start ;;
	stale-netns) at env netns=mgmt rc-service "$service" start ;;
	# (the inner shell has the process id of OpenRC's own process)
	stale-pid) at sh -c 'RC_NETNS_INSIDE="mgmt $$" exec rc-service "$1" start' sh "$service" ;;
	chroot) at chroot /chroot rc-service "$service" start ;;
	chroot-direct) at chroot /chroot "/etc/init.d/$service" start ;;
	*) fail "$way: no such way" ;;
	esac
}

# is_started - start the service before, from the host, in the usual way
is_started()
{
	rc-service "$service" start && soon is_there
}

by_runlevel()
{
	rc-service -N witness start >/dev/null
	ln -s "/etc/init.d/$service" /etc/runlevels/default/
	at openrc default
	set -- $?
	rm "/etc/runlevels/default/$service"
	return "$1"
}

# by SERVICE - make a service of the test's own that starts the service inside blue
by()
{
	rm -f /run/nested.*
	echo "$service" >/run/nested
	at rc-service "$1" start >/tmp/outer 2>&1 || { cat /tmp/outer; return 99; }
	soon test -e /run/nested.status || soon test -e /run/nested.status || return 98
	cat /run/nested.said
	read -r inner </run/nested.status
	rc-service "$1" zap >/dev/null
	return "$inner"
}

# is_killed - kill the daemon; a new one may start
is_killed()
{
	soon is_there || return
	was=$pids
	# shellcheck disable=SC2086  # one number, or more
	kill -9 $pids
	soon is_another || :
}

is_there()
{
	daemons
	[ -n "$pids" ]
}

is_another()
{
	daemons
	[ -n "$pids" ] && [ "$pids" != "$was" ]
}

is_remade()
{
	soon is_there || return
	netns-setup down --force mgmt && netns-setup up mgmt
} >/tmp/remade 2>&1

# soon COMMAND... - wait up to five seconds for it
soon()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! "$@" || return 0
		sleep 0.01
	done
	for _ in $(seq 49); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

# daemons - print all daemons of the service, wherever they are. (Without a fork: the
# words of a command line without the NULs between them.)
daemons()
{
	pids=''
	for process in /proc/[0-9]*; do
		words=''
		{ read -r words <"$process/cmdline"; } 2>/dev/null
		case $words in
		"/bin/sleep$number" | "sleep$number") pids="$pids ${process#/proc/}" ;;
		esac
	done
}

# whereabouts - print the namespace and the name server of the daemons, as they see them
whereabouts()
{
	found=''
	for pid in $pids; do
		net=other
		for name in mgmt blue foreign; do
			# shellcheck disable=SC3013  # dash, busybox ash and bash have it
			[ ! "/proc/$pid/ns/net" -ef "/run/netns/$name" ] || net=$name
		done
		# shellcheck disable=SC3013
		[ ! "/proc/$pid/ns/net" -ef /proc/1/ns/net ] || net=host
		server=none
		while read -r word address; do
			[ "$word" != nameserver ] || server=$address
		done <"/proc/$pid/root"/etc/resolv.conf
		found="$found$tab$net/$server"
	done
}

# ended - end the service, whatever its state is
ended()
{
	while :; do
		left=''
		for process in /proc/[0-9]*; do
			words=''
			{ read -r words <"$process/cmdline"; } 2>/dev/null
			case $words in
			"/bin/sleep$number" | "sleep$number" | *supervise-daemon"$service"--st*)
				left="$left ${process#/proc/}"
				;;
			esac
		done
		[ -n "$left" ] || break
		# shellcheck disable=SC2086  # a list of numbers
		kill -9 $left 2>/dev/null
	done
	case $way in
	user) (unset place; as_tester rc-service --user "$service" zap) ;;
	*) rc-service "$service" zap ;;
	esac
	[ "$way" != needed ] || rc-service "needing.$service" zap
	rm -f /run/openrc/hotplugged/* "/run/$service.pid" "/run/user/1000/$service.pid"
} >/tmp/ended 2>&1

# is_waited_for - wait for a daemon that should exist, or that must not appear
is_waited_for()
{
	case $status/$waits in
	0/yes) soon is_there ;;
	0/no) for _ in 1 2 3 4 5 6; do is_there && break; sleep 0.05; done ;;
	*) sleep 0.05; daemons ;;
	esac
}

state_of_openrc()
{
	case $way in
	user) echo /run/user/1000/openrc ;;
	*) echo /run/openrc ;;
	esac
}

has_witness()
{
	pgrep -f "^/bin/sleep $(cat /run/cells/witness)$" >/dev/null
}

cell()
{
	read -r number <"/run/cells/$service"
	case $way in
	stale-*) openrc_has rc_env_allow ;;
	stay | stay-direct | runlevel-stay) openrc_has netns_from_inside ;;
	*) openrc_has plain ;;
	esac
	entry >/tmp/said 2>&1 </dev/null
	status=$?
	is_waited_for
	whereabouts
	state=stopped
	[ ! -e "$(state_of_openrc)/started/$service" ] || state=started
	witness=-
	case $way in
	runlevel) has_witness && witness=runs || witness=gone ;;
	esac
	ended
	sed "s/^/said$tab$cell$tab/" /tmp/said
	printf 'cell\t%s\t%s\t%s\t%s%s\n' "$cell" "$status" "$state" "$witness" "$found"
}

# nothing_is_left - whether nothing is left of any cell, except the witness
nothing_is_left()
{
	for name in /run/cells/*; do
		read -r number <"$name"
		daemons
		[ "${name##*/}" = witness ] || [ -z "$pids" ] || fail "${name##*/} runs after its cell"
	done
}

[ "$1" != bash ] || sed -i '1s,^#!/bin/sh,#!/bin/bash,' /usr/lib/rc/sh/*.sh
prepare "$2"
while IFS=$tab read -r cell way place service waits <&3; do
	cell 3<&-
done 3</cells
nothing_is_left
