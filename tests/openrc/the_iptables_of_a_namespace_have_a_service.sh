#!/bin/sh
# netns-iptables.mgmt: Alpine's verbs and settings for IPv4 and IPv6 in one service,
# inside. Its files are checked before they replace any rules, and the namespace is closed
# if they cannot be loaded.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	[ -e /usr/sbin/$tool ] || ln -s /judge/$tool /usr/sbin/$tool
done
card
mgmt
sshd
ln -s netns-iptables /etc/init.d/netns-iptables.mgmt
folder=/etc/netns/mgmt/iptables
mkdir -p $folder
/judge/iptables-save >/tmp/host

# rules PORT - accept new connections only to PORT
rules()
{
	printf '%s\n' '*filter' ':INPUT DROP [0:0]' ':FORWARD ACCEPT [0:0]' ':OUTPUT ACCEPT [0:0]' \
		'-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT' \
		"-A INPUT -p tcp --dport $1 -j ACCEPT" COMMIT
}

both()
{
	rules "$1" >$folder/rules.v4
	rules "$1" | sed '/^-A INPUT -m/i -A INPUT -p icmpv6 -j ACCEPT' >$folder/rules.v6
}

inside()
{
	$judge netns exec mgmt "/judge/$1-save" 2>/dev/null | grep -v '^#'
}

is_reached()
{
	greets far nc -w 1 192.0.2.10 22
}

is_reached_by_ipv6()
{
	greets far nc -w 1 2001:db8:10::10 22
}

both 22
run 0 rc-service netns-iptables.mgmt start
says 'Making namespace mgmt'
run 0 rc-service sshd start
eventually "it is reached" is_reached
eventually "it is reached by IPv6" is_reached_by_ipv6
run 0 rc-service netns-iptables.mgmt restart
is "the rules" "$(inside iptables | grep -c dport) $(inside ip6tables | grep -c dport)" "1 1"

both 23
run 0 rc-service netns-iptables.mgmt reload
! is_reached || fail "the new rules are not in force"
! is_reached_by_ipv6 || fail "the new rules of IPv6 are not in force"
$judge netns exec mgmt /judge/iptables -A INPUT -p tcp --dport 22 -j ACCEPT
run 0 rc-service netns-iptables.mgmt save
grep -q 'dport 22' $folder/rules.v4 || fail "the rules are not saved"
is "what a save leaves beside the files" "$(find $folder -name "*.v?.*")" ""
eventually "it is reached" is_reached

# An error in one of the two files: the loaded rules of both families stay.
inside iptables >/tmp/before.rules
rules 25 >$folder/rules.v4
echo 'oops' >>$folder/rules.v6
for verb in check reload restart; do
	refused rc-service netns-iptables.mgmt $verb
	says "$folder/rules.v6:"
done
is "the rules" "$(inside iptables | grep -c dport)" "$(grep -c dport /tmp/before.rules)"
eventually "it is reached" is_reached

# A start with it closes the namespace, except for established connections, which
# continue.
echo 'SAVE_ON_STOP=no' >/etc/conf.d/netns-iptables.mgmt
far sh -c '{ until [ -e /run/go ]; do sleep 0.1; done; echo hello; sleep 30; } |
	nc 192.0.2.10 22 >/tmp/held' &
held() { [ -s /tmp/held ]; }
eventually "a connection is held" held
run 0 rc-service netns-iptables.mgmt stop
is "the rules" "$(inside iptables | grep -c -e dport -e DROP)" 0
refused rc-service netns-iptables.mgmt start
says 'is closed'
! is_reached || fail "it is open"
! is_reached_by_ipv6 || fail "it is open by IPv6"
touch /run/go
# the SSH server closes a connection that does not speak its protocol
is_answered() { ! $judge netns exec mgmt /judge/ss -Hnt state established 2>/dev/null | grep -q ':22 '; }
eventually "what was established goes on" is_answered
refused rc-service netns-iptables.mgmt save
run 0 rc-service netns-iptables.mgmt zap

both 22
run 0 rc-service netns-iptables.mgmt start
eventually "it is reached" is_reached
eventually "it is reached by IPv6" is_reached_by_ipv6
! inside iptables | grep -q netns_closed || fail "it is still closed"

run 0 rc-service netns-iptables.mgmt panic
! is_reached || fail "it is reached"
! is_reached_by_ipv6 || fail "it is reached by IPv6"
# Files without a table filter open the namespace too
printf '*mangle\nCOMMIT\n' >$folder/rules.v4
rm $folder/rules.v6
run 0 rc-service netns-iptables.mgmt start
eventually "it is reached" is_reached
eventually "it is reached by IPv6" is_reached_by_ipv6
run 0 rc-service netns-iptables.mgmt stop
is "the rules" "$(inside iptables | grep -c -e dport -e DROP)" 0
is "the host's rules" "$(/judge/iptables-save)" "$(cat /tmp/host)"
refused rc-service netns-iptables start
says 'ln -s netns-iptables'
