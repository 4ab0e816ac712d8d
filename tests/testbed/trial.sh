# shellcheck shell=sh
# Sourced by the scenarios of try --with: somebody is logged in over eth1 through the
# host's sshd, and moves that sshd into mgmt, over the same NIC. The script of each init
# system defines how sshd runs:
#   asks_for_mgmt    its settings say that it is to be inside
#   sshd_pid         its process
#   all_started      the services that the init system runs, sorted

# over_the_card - write settings with which mgmt takes eth1, and its address on the host, too
over_the_card()
{
	cat >/etc/conf.d/netns.mgmt <<-'END'
		netns_links="eth1"
		config_eth1="203.0.113.7/24"
		routes_eth1="default via 203.0.113.1"
	END
	far $judge addr add 203.0.113.1/24 dev far
	$judge route add default via 203.0.113.1
}

# A terminal that stays; input comes only through >&8
mkfifo /tmp/terminal
exec 8<>/tmp/terminal

# types COMMAND - type it in a session of its own, which may hang
types()
{
	session 203.0.113.7 "$1" >/tmp/typed 2>&1 </tmp/terminal &
	typed=$!
}

has_said() { grep -qF -e "$1" /tmp/typed; }

is_inside()
{
	[ -e /run/netns/mgmt ] && pid=$(sshd_pid 2>/dev/null) && [ -n "$pid" ] && [ "$(netns_of "$pid")" = "$(netns_named mgmt)" ] &&
		has_listeners 2
}

# is_back - whether everything is as before: the host's sshd answers over the NIC, and
# mgmt does not exist
is_back()
{
	[ ! -e /run/netns/mgmt ] && pid=$(sshd_pid 2>/dev/null) && [ -n "$pid" ] && [ "$(netns_of "$pid")" = "$host" ] &&
		[ "$(listeners)" = 2 ] && greets far nc -w 2 203.0.113.7 22 && [ "$(all_started)" = "$before" ] &&
		$judge route show default | grep -q 'via 203.0.113.1 dev eth1' && ends
}

# Wait until the process of the trial has ended
ends()
{
	! grep -qsx netns-setup /proc/[0-9]*/comm
}

# nothing_was_done
nothing_was_done()
{
	eventually "nothing was done" is_back
	is "sshd is the same process" "$(sshd_pid)" "$was"
}

wrong_calls_do_nothing()
{
	was=$(sshd_pid)
	for service in nosuch -x ../sshd cron; do
		run 100 session 203.0.113.7 "netns-setup try mgmt --with=$service"
		says "mgmt: --with $service: "
		nothing_was_done
	done
	run 100 session 203.0.113.7 'echo mtu_eth1=x >>/etc/conf.d/netns.mgmt; netns-setup try mgmt --with sshd'
	sed -i '/^mtu/d' /etc/conf.d/netns.mgmt
	sed -i s/eth1/eth9/ /etc/conf.d/netns.mgmt
	run 111 session 203.0.113.7 'netns-setup try mgmt --with sshd'
	sed -i s/eth9/eth1/ /etc/conf.d/netns.mgmt
	nothing_was_done
}

what_is_not_confirmed_is_undone()
{
	types 'netns-setup try mgmt --with sshd --within 3'
	eventually "what to type is said in time" has_said "netns-setup: netns-setup confirm mgmt"
	eventually "sshd is inside" is_inside
	run 0 session 203.0.113.7 'readlink /proc/self/ns/net'
	says "$(netns_named mgmt)"
	eventually "it is undone" is_back
	refused session 203.0.113.7 'netns-setup confirm mgmt'
	says "mgmt: the trial was rolled back, because it was not confirmed in time"
}

# The session in which it was typed ends at once, with all its processes
what_was_typed_by_who_is_gone_is_undone()
{
	types 'netns-setup try mgmt --with sshd --within 2'
	eventually "it is tried" test -e /run/netns-services/mgmt/trial
	for pid in $(pidof dbclient) $(pidof netns-setup); do
		is_trial "$pid" || kill -9 "$pid"
	done
	eventually "sshd is inside" is_inside
	eventually "it is undone" is_back
}

# No carrier: nobody can log in to confirm it
what_nobody_can_reach_is_undone()
{
	types 'touch /run/typed; sleep 1; netns-setup try mgmt --with sshd --within 1'
	eventually "it is typed" test -e /run/typed
	far $judge link set far down
	eventually "it is tried" test -e /run/netns-services/mgmt/trial
	eventually "sshd is inside" is_inside
	eventually "it is decided" test -e /run/netns-services/.undone/mgmt
	far $judge link set far up
	eventually "it is undone" is_back
}

# What the daemon reads inside is invalid: this is reported, and undone at once
what_does_not_start_is_undone()
{
	mkdir -p /etc/netns/mgmt
	echo garbage >/etc/netns/mgmt/key
	run 111 netns-setup try mgmt --with sshd --within 60
	says "sshd "
	says "changes were made and have been undone"
	rm -r /etc/netns/mgmt
	eventually "it is undone" is_back
}

what_is_confirmed_stays()
{
	types 'netns-setup try mgmt --with sshd --within 20'
	eventually "sshd is inside" is_inside
	run 0 session 203.0.113.7 'netns-setup confirm mgmt'
	eventually "the trial is over" no_trial
	is_inside || fail "sshd is not inside"
	[ "$(listeners)" = 0 ] || fail "the host's sshd is there still"
	run 0 session 203.0.113.7 'netns-setup try mgmt --with sshd'
	says "mgmt: nothing to try: it already matches its settings"
	run 0 session 203.0.113.7 'netns-setup confirm mgmt'
	says "mgmt: no trial is running, and nothing was rolled back"
}

is_trial() { tr '\0' ' ' <"/proc/$1/cmdline" | grep -q keep-trial; }

no_trial()
{
	for pid in $(pidof netns-setup); do
		! is_trial "$pid" || return 1
	done
}

can_log_in() { session 203.0.113.7 true >/dev/null 2>&1 </dev/null; }

# a_session_is_never_lost - after any command in a session, a new session is possible, at
# once or when the trial was undone
a_session_is_never_lost()
{
	while read -r command; do
		types "$command"
		wait "$typed"
		cat /tmp/typed
		eventually "after $command, one can log in" can_log_in
	done
}
