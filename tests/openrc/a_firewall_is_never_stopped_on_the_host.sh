#!/bin/sh
# The namespace is deleted, and its firewall service is stopped: it must neither flush nor
# save the host's rules, and not overwrite the rule file.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
export PATH="$PATH:/judge"
script fw <<'END'
extra_started_commands="save"
: ${save_on_stop:=yes}
nft=/judge/nft
start() { $nft -f "$rules_file"; }
save() { $nft list ruleset >"$rules_file"; }
stop() { [ "$save_on_stop" != yes ] || save; $nft flush ruleset; }
END
ln -s fw /etc/init.d/fw.mgmt
printf 'netns="mgmt"\nrules_file=/run/mgmt.nft\nsave_on_stop=yes\n' >/etc/conf.d/fw.mgmt
printf 'rules_file=/run/host.nft\n' >/etc/conf.d/fw
rules() { printf 'table inet %s {\n\tchain in {\n\t\ttype filter hook input priority filter; policy accept;\n\t\ttcp dport %s drop\n\t}\n}\n' "$1" "$2"; }
rules host 23 >/run/host.nft
rules mgmt 42 >/run/mgmt.nft
cp /run/mgmt.nft /run/mgmt.before
$judge netns add mgmt

run 0 rc-service fw start
run 0 rc-service fw.mgmt start
nft list ruleset >/tmp/host
grep -q 'table inet host' /tmp/host || fail "the host has no rules"
! grep -q mgmt /tmp/host || fail "the namespace's rules are the host's"
is "the rules inside" "$($judge netns exec mgmt /judge/nft list ruleset)" "$(cat /run/mgmt.nft)"

untouched()
{
	is "the host's rules" "$(nft list ruleset)" "$(cat /tmp/host)"
	is "the rule file" "$(cat /run/mgmt.nft)" "$(cat /run/mgmt.before)"
}

$judge netns del mgmt
run 0 rc-service fw.mgmt status
refused rc-service fw.mgmt save
says 'netns="mgmt"'
untouched
run 0 rc-service fw.mgmt stop
untouched
run 3 rc-service fw.mgmt status
refused rc-service fw.mgmt start
untouched

# The same while netns-setup has not completed the namespace.
$judge netns add mgmt
run 0 rc-service fw.mgmt start
mkdir -p /run/netns-services/mgmt
refused rc-service fw.mgmt save
run 0 rc-service fw.mgmt stop
untouched
rmdir /run/netns-services/mgmt

run 0 rc-service fw.mgmt start
run 0 rc-service fw.mgmt zap
run 3 rc-service fw.mgmt status
run 0 rc-service fw.mgmt start
run 0 rc-service fw.mgmt stop
is "the rules inside" "$($judge netns exec mgmt /judge/nft list ruleset)" ""
is "the host's rules" "$(nft list ruleset)" "$(cat /tmp/host)"
