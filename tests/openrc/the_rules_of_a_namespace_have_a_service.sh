#!/bin/sh
# netns-nftables.mgmt: Alpine's verbs and settings, inside. Its rule file is checked
# before it replaces any rules, and the namespace is closed if it cannot be loaded.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
card
mgmt
sshd
ln -s netns-nftables /etc/init.d/netns-nftables.mgmt
file=/etc/netns/mgmt/nftables.nft
mkdir -p /etc/netns/mgmt
nft add table inet host
nft list ruleset >/tmp/host

# rules PORT - accept new connections only to PORT
rules()
{
	cat <<-END
		table inet fw {
			chain input {
				type filter hook input priority filter; policy drop;
				ct state established,related accept
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
				tcp dport $1 accept
			}
		}
	END
}

inside()
{
	$judge netns exec mgmt /judge/nft list ruleset
}

is_reached()
{
	greets far nc -w 1 192.0.2.10 22
}

# The name of the service contains the namespace, and the service needs it.
rules 22 >$file
run 0 rc-service netns-nftables.mgmt start
says 'Making namespace mgmt'
inside | grep -q 'tcp dport 22' || fail "the rules are not inside"
run 0 rc-service sshd start
eventually "it is reached" is_reached

# Twice is once.
run 0 rc-service netns-nftables.mgmt restart
is "the rules" "$(inside | grep -c 'tcp dport')" 1
run 0 rc-service netns-nftables.mgmt list
says 'tcp dport 22 accept'

rules 23 >$file
run 0 rc-service netns-nftables.mgmt reload
! is_reached || fail "the new rules are not in force"
$judge netns exec mgmt /judge/nft add rule inet fw input tcp dport 22 accept
run 0 rc-service netns-nftables.mgmt save
grep -q 'tcp dport 22 accept' $file || fail "the rules are not saved"
is "what a save leaves beside the file" "$(ls $file.* 2>/dev/null)" ""
eventually "it is reached" is_reached

# An error in the file: the loaded rules stay.
echo 'table inet fw { chain input { oops } }' >>$file
refused rc-service netns-nftables.mgmt check
refused rc-service netns-nftables.mgmt reload
says "$file:"
refused rc-service netns-nftables.mgmt restart
says "$file:"
run 0 rc-service netns-nftables.mgmt status
eventually "it is reached" is_reached

# A start with it closes the namespace, except for established connections, which
# continue. (A stop would save valid rules over the file.)
echo 'save_on_stop=no' >/etc/conf.d/netns-nftables.mgmt
far sh -c '{ until [ -e /run/go ]; do sleep 0.1; done; echo hello; sleep 30; } |
	nc 192.0.2.10 22 >/tmp/held' &
held() { [ -s /tmp/held ]; }
eventually "a connection is held" held
run 0 rc-service netns-nftables.mgmt stop
is "the rules" "$(inside)" ""
refused rc-service netns-nftables.mgmt start
says "$file:"
says 'is closed'
! is_reached || fail "it is open"
touch /run/go
# the SSH server closes a connection that does not speak its protocol
is_answered() { ! $judge netns exec mgmt /judge/ss -Hnt state established 2>/dev/null | grep -q ':22 '; }
eventually "what was established goes on" is_answered
refused rc-service netns-nftables.mgmt save

rules 22 >$file
run 0 rc-service netns-nftables.mgmt start
eventually "it is reached" is_reached
! inside | grep -q netns_closed || fail "it is still closed"

run 0 rc-service netns-nftables.mgmt panic
! is_reached || fail "it is reached"
run 0 rc-service netns-nftables.mgmt start
eventually "it is reached" is_reached
is "the host's rules" "$(nft list ruleset)" "$(cat /tmp/host)"

later
echo 'netns="blue"' >/etc/conf.d/netns-nftables.mgmt
run 0 rc-service netns-nftables.mgmt stop
refused rc-service netns-nftables.mgmt start
says '/etc/conf.d/netns-nftables.mgmt:1'
refused rc-service netns-nftables start
says 'ln -s netns-nftables'
