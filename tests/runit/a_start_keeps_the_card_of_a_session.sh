#!/bin/sh
# A service that is linked into runit's directory starts automatically. It does not move
# the NIC over which somebody is logged in, except while the machine boots.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
far $judge addr add 203.0.113.1/24 dev far
service netns-mgmt netns
may_log_in
dropbear -F -E -R -p 22 >/tmp/dropbear 2>&1 &
eventually "sshd answers the other machine" greets far nc -w 2 203.0.113.7 22
runit
session 203.0.113.7 'sv up netns-mgmt; touch /run/here; sleep 100' >/tmp/said 2>&1 </dev/null &
eventually "somebody is logged in" test -e /run/here
if [ "$(cut -d . -f 1 /proc/uptime)" -lt 300 ]; then
	eventually "boot goes on" test -e /run/netns-services/mgmt/ready
	exit
fi

told()
{
	grep -q 'netns_links moves eth1, which carries the connection of somebody who is logged in, from 203.0.113.1 port .* to 203.0.113.7$' /tmp/log &&
		grep -q 'type netns-setup try mgmt --within 60 (.*; or write netns_move_my_connection="yes" in /etc/conf.d/netns.mgmt$' /tmp/log
}
eventually "it is told" told
# is_given_up - whether it is down and not about to be started, which sv calls down, too
is_given_up()
{
	sv status netns-mgmt | grep '^down: ' | grep -qv 'want up'
}
eventually "it is not tried again" is_given_up
if [ -e /run/netns/mgmt ]; then
	fail "something was made"
fi
echo 'netns_move_my_connection="yes"' >>/etc/conf.d/netns.mgmt
run 0 sv up netns-mgmt
eventually "it may be moved" test -e /run/netns-services/mgmt/ready

