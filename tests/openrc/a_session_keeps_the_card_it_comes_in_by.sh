#!/bin/sh
# A person who is logged in over a NIC is not cut off by the service that would move it:
# in a session of a real sshd, through OpenRC, which empties the environment, and through
# su.
# shellcheck disable=SC2016,SC2209
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
run 0 rc-service localmount start
far $judge addr add 203.0.113.1/24 dev far
may_log_in
dropbear -F -E -R -p 22 >/tmp/dropbear 2>&1 &
eventually "sshd answers the other machine" greets far nc -w 2 203.0.113.7 22

run 0 session 203.0.113.7 true
# Debian's su needs PAM, which is not in this root directory
su=sh
[ ! -e /etc/alpine-release ] || su='su root'
for command in 'netns-setup up mgmt' 'rc-service netns.mgmt start' \
	"$su -c 'env -i PATH=\$PATH rc-service netns.mgmt start'" \
	'env -i PATH=$PATH netns-setup watch mgmt'; do
	refused session 203.0.113.7 "$command"
	says "netns_links moves eth1, which carries your own connection from 203.0.113.1 port "
	says "netns-setup: type netns-setup try mgmt --within 60"
done
run 100 session 203.0.113.7 'netns-setup up mgmt'
if [ -e /run/netns/mgmt ] || [ -e /run/netns-services/mgmt ]; then
	fail "something was made"
fi

# A person who is logged in over another link, or a boot, is not stopped
run 0 rc-service netns.mgmt start
run 0 rc-service netns.mgmt stop

echo 'netns_move_my_connection="yes"' >>/etc/conf.d/netns.mgmt
later
session 203.0.113.7 'rc-service netns.mgmt start' >/dev/null 2>&1 </dev/null &
is_up()
{
	$judge -n mgmt -o addr show dev eth1 2>/dev/null | grep -q 192.0.2.10/24
}
eventually "it may be moved" is_up
