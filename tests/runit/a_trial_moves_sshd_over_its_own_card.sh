#!/bin/sh
# netns-setup try --with sshd, typed in a session of that sshd over the NIC that is moved:
# confirmed or not, from the old or a new session, with a service that breaks or cannot be
# reached.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
# shellcheck source=tests/testbed/trial.sh
. /testbed/trial.sh

# run_of_sshd [PREFIX...]
run_of_sshd()
{
	cat >/etc/sv/sshd/run <<-END
		#!/bin/sh
		exec 2>&1
		${1:+sv start netns-mgmt || exit 1}
		exec $* /usr/sbin/dropbear -F -E -r /etc/key -p 22
	END
}

asks_for_mgmt() { run_of_sshd netns-exec mgmt --; }
all_started() { (cd /etc/service && sv status ./* | grep -o '^run: [^:]*'); }

# sshd_pid - print the pid of sshd; during the trial, it is not the process that runit
# supervises
sshd_pid()
{
	for pid in $([ ! -e /run/netns/mgmt ] || pidof dropbear); do
		[ "$(netns_of "$pid")" != "$(netns_named mgmt)" ] || { echo "$pid"; return; }
	done
	pid_of sshd
}

card
over_the_card
dropbearkey -t ed25519 -f /etc/key >/dev/null 2>&1 || fail "no key"
service netns-mgmt netns
sshd
service cron daemon
printf '#!/bin/sh\nexec sleep 1000\n' >/etc/sv/cron/run
run_of_sshd
may_log_in
runit
run 0 sv start sshd
eventually "it answers" greets far nc -w 2 203.0.113.7 22
before=$(all_started)
run 100 session 203.0.113.7 'netns-setup try mgmt --with sshd'
says "/sshd/run does not put it inside"
asks_for_mgmt

wrong_calls_do_nothing
what_is_not_confirmed_is_undone
what_was_typed_by_who_is_gone_is_undone
what_nobody_can_reach_is_undone
what_does_not_start_is_undone
a_session_is_never_lost <<-'END'
	sv start netns-mgmt
	netns-setup up mgmt
	netns-setup reload mgmt
END
eventually "runit gives it up" is_in down netns-mgmt
# A run file that does something before its daemon, after the confirmation, too
sed -i 's/^exec 2.*/&\nsleep 1/' /etc/sv/sshd/run
what_is_confirmed_stays
is "what runit supervises is inside" "$(netns_of "$(pid_of sshd)")" "$(netns_named mgmt)"
run 0 is_in run netns-mgmt
a_session_is_never_lost <<-'END'
	sv restart sshd
	sv restart netns-mgmt
	sv hup netns-mgmt
	sv down netns-mgmt
	netns-setup down mgmt
	echo mtu_eth1=x >>/etc/conf.d/netns.mgmt; sv hup netns-mgmt
	sv restart netns-mgmt
	sed -i -e /^mtu/d -e s/eth1/eth9/ /etc/conf.d/netns.mgmt; sv hup netns-mgmt
	sv restart netns-mgmt
END

# At the console, as netns-setup(8) says in "When you are locked out"
sed -i s/eth9/eth1/ /etc/conf.d/netns.mgmt
run 0 netns-setup down --kill mgmt
run 0 sv down netns-mgmt
run_of_sshd
run 0 sv restart sshd
eventually "the host has all of it again" is_back
