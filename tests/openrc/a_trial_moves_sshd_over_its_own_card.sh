#!/bin/sh
# netns-setup try --with sshd, typed in a session of that sshd over the NIC that is moved:
# confirmed or not, from the old or a new session, with a service that breaks or cannot be
# reached.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
# shellcheck source=tests/testbed/trial.sh
. /testbed/trial.sh

asks_for_mgmt() { echo 'netns="mgmt"' >/etc/conf.d/sshd; }
sshd_pid() { cat /run/sshd.pid; }
all_started() { find /run/openrc/started -mindepth 1 | sort; }

card
mgmt
over_the_card
dropbearkey -t ed25519 -f /etc/key >/dev/null 2>&1 || fail "no key"
sshd
sed -i 's,-R,-r /etc/key,' /etc/init.d/sshd
cat >>/etc/init.d/sshd <<-'END'
	# As in Alpine's and Gentoo's script: a restart checks first
	stop_pre() { [ "$RC_CMD" != restart ] || [ ! -e /tmp/broken ]; }
END
: >/etc/conf.d/sshd
for name in below cron; do
	script $name <<-'END'
		start() { :; }
	END
done
echo 'rc_need="sshd"' >/etc/conf.d/below
may_log_in
run 0 rc-service localmount start
run 0 rc-service sshd start
run 0 rc-service below start
eventually "it answers" greets far nc -w 2 203.0.113.7 22
before=$(all_started)
run 100 session 203.0.113.7 'netns-setup try mgmt --with sshd'
says "mgmt: --with sshd: /etc/conf.d/sshd does not put it inside"
says "write netns=\"mgmt\" in /etc/conf.d/sshd"
later
asks_for_mgmt

wrong_calls_do_nothing
: >/tmp/broken
run 111 netns-setup try mgmt --with sshd
rm /tmp/broken
nothing_was_done
what_is_not_confirmed_is_undone
what_was_typed_by_who_is_gone_is_undone
what_nobody_can_reach_is_undone
what_does_not_start_is_undone
a_session_is_never_lost <<-'END'
	rc-service sshd restart
	rc-service netns.mgmt start
	rc-service netns.mgmt restart
	netns-setup up mgmt
	netns-setup reload mgmt
END
what_is_confirmed_stays
rc-service -q netns.mgmt status || fail "netns.mgmt is not started"
rc-service -q below status || fail "what needs sshd is not started"
a_session_is_never_lost <<-'END'
	rc-service sshd restart
	rc-service netns.mgmt restart
	rc-service netns.mgmt reload
	rc-service netns.mgmt stop
	netns-setup down mgmt
	echo mtu_eth1=x >>/etc/conf.d/netns.mgmt; rc-service sshd restart
	rc-service netns.mgmt reload
	rc-service netns.mgmt restart
	sed -i -e /^mtu/d -e s/eth1/eth9/ /etc/conf.d/netns.mgmt; rc-service netns.mgmt reload
	rc-service netns.mgmt restart
END

# At the console, as netns-setup(8) says in "When you are locked out"
sed -i s/eth9/eth1/ /etc/conf.d/netns.mgmt
session 203.0.113.7 'sleep 100' >/dev/null 2>&1 </dev/null &
run 0 netns-setup down --kill mgmt
run 0 rc-service sshd zap
run 0 rc-service netns.mgmt zap
later
sed -i '/^netns=/d' /etc/conf.d/sshd
run 0 rc-service sshd start
rc-service below start
eventually "the host has all of it again" is_back
