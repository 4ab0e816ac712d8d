#!/bin/sh
# Exit code 100 means that only a person can correct it: runit does not try forever, the
# daemon starts nowhere, and when the settings are correct again everything comes up.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
service netns-mgmt netns
sshd
runit
remember
cp /etc/conf.d/netns.mgmt /run/good
sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt

run 1 sv -w 3 start netns-mgmt
eventually "it is down" is_in down netns-mgmt
# sv check reports success for it, so run files use sv start
run 0 sv -w 1 check netns-mgmt
says "ok: down"
grep '/etc/conf.d/netns.mgmt:2' /tmp/log || fail "the log does not say where"
tries() { grep -c 'config_eth1: "192.0.2.10" has no prefix length' /tmp/log; }
is "how often it was tried" "$(tries)" 1

netns-setup status mgmt >/tmp/said 2>/dev/null
says "  its last start failed, less than a minute ago:"
says "  /etc/conf.d/netns.mgmt:2: config_eth1: \"192.0.2.10\" has no prefix length"

# The run file of the daemon asks for the namespace, and waits as long as sv does: seven
# seconds. The log shows that it asked.
sv start sshd >/dev/null
was_tried() { [ "$(tries)" = 2 ]; }
eventually "the namespace was asked for" was_tried
eventually "it is down" is_in down netns-mgmt
is_gone dropbear || fail "the daemon runs"
is "listeners on the host" "$(listeners env)" 0
run 0 sv stop sshd
rm /run/good
all_as_before

settings
run 0 sv start netns-mgmt
run 0 netns-setup status mgmt
says_not "its last start failed"
run 0 sv start sshd
eventually "it listens" has_listeners 2

# A failed reload changes nothing either, and its reason is kept.
is_told_of() { netns-setup status mgmt >/tmp/said 2>/dev/null; grep -qF -e "$1" /tmp/said; }
is_told_no_more() { ! is_told_of "$1"; }
cp /etc/conf.d/netns.mgmt /run/good
sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt
run 0 sv hup netns-mgmt
eventually "it is told" is_told_of "  its last reload failed, less than a minute ago:"
says "  /etc/conf.d/netns.mgmt:2: config_eth1: \"192.0.2.10\" has no prefix length"
cp /run/good /etc/conf.d/netns.mgmt
run 0 sv hup netns-mgmt
eventually "it is told no more" is_told_no_more failed

# If the start after it would fail, sv restart does not take the namespace down. If the down
# itself would fail, sv down ends nothing.
watch=$(pid_of netns-mgmt)
cp /etc/conf.d/netns.mgmt /run/good
is_kept() { [ "$(pid_of netns-mgmt)" = "$watch" ] && sv status netns-mgmt | grep '^run: ' | grep -qv want; }
told() { grep -q "$1" /tmp/log; }
sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt
: >/tmp/log
sv -w 1 restart netns-mgmt
eventually "the settings are told" told '/etc/conf.d/netns.mgmt:2'
run 0 is_kept
cp /run/good /etc/conf.d/netns.mgmt
mkdir -p /etc/netns/mgmt
echo 'table inet a { chain b { policy acept; }; }' >/etc/netns/mgmt/nftables.nft
: >/tmp/log
sv -w 1 restart netns-mgmt
eventually "the rules are told" told '/etc/netns/mgmt/nftables.nft'
run 0 is_kept
rm /etc/netns/mgmt/nftables.nft
sh -c 'exec 7</run/netns/mgmt; exec sleep 100' &
is_asleep() { [ "$(cat "/proc/$1/comm")" = sleep ]; }
eventually "it is held" is_asleep $!
: >/tmp/log
sv -w 1 down netns-mgmt
eventually "who holds it is told" told 'mgmt: held from outside by 1 process: .*(sleep)'
run 0 is_kept
kill $!
has_listeners 2 || fail "the daemon has ended"

# No settings, and no service that makes the namespace.
run 0 sv stop sshd
run 0 sv stop netns-mgmt
rm /etc/conf.d/netns.mgmt
run 1 sv -w 3 start netns-mgmt
eventually "it is down" is_in down netns-mgmt
grep '/etc/conf.d/netns.mgmt: ' /tmp/log || fail "the log does not say what is missing"
rm /etc/service/netns-mgmt
sv start sshd >/dev/null
eventually "the log says that there is no netns-mgmt" grep -q '^fail: netns-mgmt' /tmp/log
is_gone dropbear || fail "the daemon runs"
