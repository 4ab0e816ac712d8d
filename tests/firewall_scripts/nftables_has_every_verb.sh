#!/bin/sh
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft
services nftables
others
mkdir -p "$folder"
rules=$folder/nftables.nft
# drops UDP $1
drops()
{
	printf 'table inet fw {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tudp dport %s counter drop\n\t}\n}\n' "$1"
}

# As netns_publish makes it; it stays, whatever the service does
replies='table inet netns_replies {
	chain output {
		type route hook output priority mangle; policy accept;
		ct direction reply ct mark & 0x40000000 == 0x40000000 meta mark set meta mark | 0x40000000
	}
}'
has_replies()
{
	is "the table of answers" "$(inside /judge/nft list table inet netns_replies)" "$replies"
}
echo "$replies" | inside /judge/nft -f -

refused rc-service netns-nftables.mgmt start
says "$rules: there is no such file"
closed
drops 42 >"$rules"
run 0 rc-service netns-nftables.mgmt check
run 0 rc-service netns-nftables.mgmt start
run 0 rc-service netns-nftables.mgmt list
says 'udp dport 42 counter'
is "the tables" "$(inside /judge/nft list tables | grep -v replies)" "table inet fw"
has_replies
open || fail "it is closed"
run 0 rc-service netns-nftables.mgmt status
hosts_as_before

{ echo 'flush ruleset'; drops 43; } >"$rules"
run 0 rc-service netns-nftables.mgmt reload
has_replies
is "the rules" "$(inside /judge/nft -s list ruleset | grep dport | xargs)" "udp dport 43 counter drop"

# An included file is the namespace's, by either path
mkdir /etc/nftables.d "$folder/nftables.d"
echo 'table inet hosts { }' >/etc/nftables.d/a.nft
drops 44 >"$folder/nftables.d/a.nft"
printf 'include "/etc/nftables.d/*.nft"\ninclude "more.nft"\n' >"$folder/nftables.conf"
echo 'table inet more { }' >"$folder/more.nft"
mv "$rules" /tmp/rules
run 0 rc-service netns-nftables.mgmt reload
is "the rules" "$(inside /judge/nft -s list ruleset | grep dport | xargs)" "udp dport 44 counter drop"
is "the tables" "$(inside /judge/nft list tables | grep -v replies | xargs)" "table inet fw table inet more"
rm "$folder/nftables.conf"
mv /tmp/rules "$rules"
drops 43 >"$rules"
run 0 rc-service netns-nftables.mgmt reload

echo 'table inet fw { chain input { nonsense; } }' >"$rules"
refused rc-service netns-nftables.mgmt reload
says "$rules:1:"
refused rc-service netns-nftables.mgmt check
says "$rules:1:"
refused rc-service netns-nftables.mgmt restart
is "the rules" "$(inside /judge/nft -s list ruleset | grep dport | xargs)" "udp dport 43 counter drop"
run 0 rc-service netns-nftables.mgmt status

later
echo 'save_options=--nonsense' >/etc/conf.d/netns-nftables.mgmt
refused rc-service netns-nftables.mgmt save
says "$rules has not changed"
grep -q nonsense "$rules" || fail "a save that failed has changed the file"
later
rm /etc/conf.d/netns-nftables.mgmt
saves netns-nftables.mgmt "$rules"
! grep replies "$rules" || fail "the table of answers is saved"
run 0 rc-service netns-nftables.mgmt stop
is "the rules" "$(inside /judge/nft list ruleset)" "$replies"
run 0 rc-service netns-nftables.mgmt start
is "the rules" "$(inside /judge/nft -s list ruleset | grep dport | xargs)" "udp dport 43 counter drop"

run 0 rc-service netns-nftables.mgmt panic
closed
refused rc-service netns-nftables.mgmt save
run 3 rc-service netns-nftables.mgmt status
run 0 rc-service netns-nftables.mgmt start
open || fail "it is closed"
is "the tables" "$(inside /judge/nft list tables | grep -v replies)" "table inet fw"
has_replies
hosts_as_before
