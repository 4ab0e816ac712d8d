#!/bin/sh
# A person who is logged in through the sshd in mgmt loads rules that drop their own packets. The
# rules are undone, and the person reads why in the same session.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1"
	config_eth1="203.0.113.7/24"
END
sshd
far $judge addr add 203.0.113.1/24 dev far
may_log_in
# On Alpine nft is not installed
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
rules=/etc/netns/mgmt/nftables.nft
mkdir -p /etc/netns/mgmt
with()
{
	echo "table inet fw { chain input { type filter hook input priority 0; $1; }; }" >$rules
}
loaded()
{
	nsenter --net=/run/netns/mgmt /judge/nft list table inet fw
}
with 'tcp dport 80 drop'
later
run 0 rc-service sshd start
eventually "it answers" greets far nc -w 2 203.0.113.7 22
loaded >/tmp/before

for rule in 'tcp dport 22 drop' 'policy drop' 'tcp dport 22 reject'; do
	with "$rule"
	run 100 session 203.0.113.7 'netns-setup reload mgmt'
	says "mgmt: it cut your own connection from 203.0.113.1 port "
	says "the other end has acknowledged nothing since then"
	says "have been undone"
	loaded | cmp -s - /tmp/before || fail "not the rules before: $(loaded)"
	refused session 203.0.113.7 'rc-service netns.mgmt reload'
	says "the other end has acknowledged nothing since then"
	loaded | cmp -s - /tmp/before || fail "not the rules before: $(loaded)"
	run 0 session 203.0.113.7 true
done

# Rules that let the session go on are loaded
with 'ct state established accept; tcp dport 22 drop'
run 0 session 203.0.113.7 'rc-service netns.mgmt reload'
says_not acknowledged
loaded | grep -q established || fail "they are not loaded"
