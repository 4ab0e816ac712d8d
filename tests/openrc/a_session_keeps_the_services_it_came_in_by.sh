#!/bin/sh
# Stopping a namespace first stops the services in it, including the sshd through which
# its owner is logged in. That is an error before any of them is stopped, whichever
# command was typed, except at shutdown.
# shellcheck disable=SC2016,SC2209
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
may_log_in
for name in below beside; do
	script $name <<-'END'
		start() { :; }
		stop() { echo "$RC_SVCNAME is stopped"; }
	END
done
echo 'rc_need="sshd"' >/etc/conf.d/below
echo 'rc_need="netns.mgmt"' >/etc/conf.d/beside
run 0 rc-service below start
run 0 rc-service beside start
eventually "it answers" greets far nc -w 2 192.0.2.10 22
pid=$(cat /run/sshd.pid)

# Debian's su needs PAM, which is not in this root directory
su=sh
[ ! -e /etc/alpine-release ] || su='su root'
for verb in stop restart; do
	for command in "rc-service netns.mgmt $verb" "/etc/init.d/netns.mgmt --nocolor $verb" \
		"$su -c 'env -i PATH=\$PATH rc-service netns.mgmt $verb'" "netns-exec --host -- rc-service netns.mgmt $verb"; do
		refused session 192.0.2.10 "$command"
		says "mgmt: it would take away eth1, which carries your own connection from 192.0.2.1 port "
		says "netns-setup: log in another way, or write netns_move_my_connection=\"yes\" in /etc/conf.d/netns.mgmt"
		says_not "is stopped"
		for name in sshd below beside netns.mgmt; do
			run 0 rc-service -q $name status
		done
		is "the daemon" "$(cat /run/sshd.pid) $(netns_of "$pid")" "$pid $(netns_named mgmt)"
	done
done

# A service that is no namespace, or a session over another link, is not protected
run 0 rc-service below stop
run 0 session 192.0.2.10 "rc-service beside stop"
run 0 session 192.0.2.10 "rc-service beside start"
run 0 rc-service netns.mgmt stop
run 0 rc-service sshd start
eventually "it answers" greets far nc -w 2 192.0.2.10 22

# Typed in the session, at shutdown: as OpenRC calls it then
run 0 rc-service below start
echo shutdown >/run/openrc/softlevel
session 192.0.2.10 "rc-service netns.mgmt stop" >/tmp/said 2>&1 </dev/null
is_down()
{
	[ ! -e /run/netns/mgmt ]
}
eventually "it is down" is_down
