#!/bin/sh
# netns.mgmt loads the same files before its first link comes up. Tests a broken file at
# start and at reload.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft
card
ln -s netns /etc/init.d/netns.mgmt
settings
mkdir -p "$folder"
rules=$folder/nftables.nft
printf 'table inet fw {\n\tchain input {\n\t\tnonsense\n\t}\n}\n' >"$rules"
remember

refused rc-service netns.mgmt start
says "$rules:3"
says_not ' link set eth1 up'
run 3 rc-service netns.mgmt status
[ ! -e /run/netns/mgmt ] || fail "the namespace is there"
all_as_before

sed -i 's/nonsense/type filter hook input priority 0; policy drop;/' "$rules"
run 0 rc-service -v netns.mgmt start
sed -n '/nft -f/=' /tmp/said >/tmp/load
sed -n '/link set eth1 up/=' /tmp/said >/tmp/up
[ "$(cat /tmp/load)" -lt "$(cat /tmp/up)" ] || fail "the link came up first"
! open || fail "a packet came in"
before=$(inside /judge/nft list ruleset)

sed -i 's/drop/dropp/' "$rules"
refused rc-service netns.mgmt reload
says "$rules:3"
is "the rules" "$(inside /judge/nft list ruleset)" "$before"
! open || fail "a packet came in"
run 0 rc-service -q netns.mgmt describe

sed -i 's/dropp/accept/' "$rules"
run 0 rc-service netns.mgmt reload
eventually "it is open" open
hosts_as_before
