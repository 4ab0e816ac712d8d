#!/bin/sh
# The template of a firewall service: its rules are loaded in the namespace while it is up. Rule
# files that users other than root may write to, or that point elsewhere, are never loaded.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
service netns-mgmt netns
service firewall-mgmt firewall
rules=/etc/sv/firewall-mgmt/rules.nft
echo 'table inet firewall { set s1 { type ipv4_addr; }; }' >"$rules"
chmod 666 "$rules"
runit

tables() { netns-exec mgmt -- nft list tables 2>/dev/null; }
has() { [ "$(tables)" = "$1" ]; }
told() { grep -qF "firewall-mgmt: $rules: users other than root may write to $1" /tmp/log; }

run 0 sv start netns-mgmt
run 0 sv up firewall-mgmt
eventually "it is refused" told "$rules"
is "the tables inside" "$(tables)" ""
chmod 644 "$rules"
chmod 777 /etc/sv/firewall-mgmt
eventually "its folder is refused" told /etc/sv/firewall-mgmt/
is "the tables inside" "$(tables)" ""
chmod 755 /etc/sv/firewall-mgmt
eventually "the rules are loaded" has "table inet firewall"
is "the tables of the host" "$(nft list tables)" ""
run 0 sv down firewall-mgmt
eventually "they are gone" has ""
