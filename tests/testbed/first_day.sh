# shellcheck shell=sh
# Sourced by the first days of OpenRC and of runit: the steps that both have in common.
# Each script defines
#   sshd_pid, web_pid   the processes of the two services
# The service web must stay on the host.

# type_at ADDRESS COMMAND - type it in a session; it must succeed
type_at()
{
	# What was typed before may have restarted sshd
	eventually "sshd answers" greets far nc -w 2 "$1" 22 >/dev/null
	run 0 session "$1" "$2"
}

all_is_on_the_host()
{
	is "sshd is where it was" "$(netns_of "$(sshd_pid)")" "$host"
	is "web is where it was" "$(netns_of "$(web_pid)")" "$host"
	[ ! -e /run/netns/mgmt ] || fail "there is a namespace"
}

all_is_in_its_place()
{
	eventually "sshd is inside, and web on the host" are_in_their_places
}

# A service that runit restarts is missing for a moment
are_in_their_places()
{
	[ "$(netns_of "$(sshd_pid)")" = "$(netns_named mgmt)" ] && [ "$(netns_of "$(web_pid)")" = "$host" ]
} 2>/dev/null

# One command moves the sshd of the person's own session; the person logs in again, and
# confirms it
moves_by_try()
{
	types "netns-setup try mgmt --with sshd --within $((patience * 4))"
	eventually "he reads in time what to type" has_said "netns-setup: netns-setup confirm mgmt"
	eventually "sshd is inside" is_inside
	type_at 203.0.113.7 'netns-setup confirm mgmt'
	eventually "the trial is over" no_trial
	all_is_in_its_place
	type_at 203.0.113.7 'netns-setup status mgmt'
	says "mgmt: ready, as its settings say"
}

# edits_an_address RELOAD - the session continues all the time
edits_an_address()
{
	mkfifo /tmp/another
	exec 7<>/tmp/another
	session 203.0.113.7 'touch /run/here; read line; echo "heard $line"' >/tmp/long 2>&1 </tmp/another &
	eventually "somebody is logged in" test -e /run/here
	later
	type_at 203.0.113.7 "sed -i 's,7/24,7/24 203.0.113.8/24,' /etc/conf.d/netns.mgmt; $1"
	eventually "it answers at both" greets far nc -w 2 203.0.113.8 22
	echo hello >&7
	eventually "he is still logged in" grep -q "heard hello" /tmp/long
	all_is_in_its_place
}

# mistypes_a_rule COMMAND... - each command fails or succeeds, and no session is cut off
mistypes_a_rule()
{
	was=$(sshd_pid)
	type_at 203.0.113.7 'mkdir -p /etc/netns/mgmt; echo "table inet fw { chain input { type filter hook input priority 0; policy acept; }; }" >/etc/netns/mgmt/nftables.nft'
	for command; do
		session 203.0.113.8 "$command" >/tmp/said 2>&1 </dev/null || :
		cat /tmp/said
		eventually "after $command, it answers" greets far nc -w 2 203.0.113.8 22
		all_is_in_its_place
	done
	refused session 203.0.113.8 'netns-setup check mgmt'
	says "/etc/netns/mgmt/nftables.nft:1"
	type_at 203.0.113.8 'sed -i s/acept/accept/ /etc/netns/mgmt/nftables.nft; netns-setup reload mgmt'
	$judge netns exec mgmt /judge/nft list table inet fw >/dev/null || fail "no rules"
}

# The cable is pulled out, and plugged in again
pulls_the_cable()
{
	far $judge link set far down
	eventually "nobody answers" cannot_connect
	netns-setup status mgmt
	far $judge link set far up
	eventually "it answers" greets far nc -w 2 203.0.113.8 22
	all_is_in_its_place
}

cannot_connect() { ! greets far nc -w 1 203.0.113.8 22; }

# On Alpine nft is not installed
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
