#!/bin/sh
# runit/firewall, the template of a firewall service, together with the rule files of the
# service of the namespace.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft
card
settings
mkdir -p "$folder"
printf 'table inet fw {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n' >"$folder/nftables.nft"
for name in netns firewall; do
	cp -R "/usr/share/netns-services/runit/$name" "/etc/sv/$name-mgmt"
	: >"/etc/sv/$name-mgmt/down"
	ln -s "/etc/sv/$name-mgmt" /etc/service/
done
rules=/etc/sv/firewall-mgmt/rules.nft
# counts PORT
counts()
{
	echo "table inet firewall { chain c { type filter hook input priority 0; udp dport $1 counter; }; }" >"$rules"
}
tables() { inside /judge/nft list tables | sed 's/^table inet //' | sort | xargs; }
has() { [ "$(tables)" = "$1" ]; }
counts 42
runsvdir -P /etc/service >/tmp/log 2>&1 &
for name in netns firewall; do
	eventually "$name is supervised" test -p "/etc/sv/$name-mgmt/supervise/ok"
done

run 0 sv start firewall-mgmt
eventually "all rules are there" has "firewall fw"
! open || fail "a packet came in"

# The rule files of the namespace: HUP reloads them; an invalid one changes nothing.
sed -i 's/drop/accept/' "$folder/nftables.nft"
run 0 sv hup netns-mgmt
eventually "the other machine is let in" open
before=$(inside /judge/nft list table inet fw)
sed -i 's/accept/acceptt/' "$folder/nftables.nft"
run 0 sv hup netns-mgmt
eventually "the log says the line" grep -qF "$folder/nftables.nft:3" /tmp/log
is "the rules" "$(inside /judge/nft list table inet fw)" "$before"

# The rules of the firewall service: also atomically; an invalid file leaves the loaded
# rules.
counts 43
seen() { inside /judge/nft list table inet firewall | grep -q "dport $1"; }
restarted()
{
	sv restart firewall-mgmt || return
	eventually "the new rules are there" seen 43
}
changes 1 restarted
inside /judge/nft 'delete table inet begin; delete table inet end'
echo nonsense >"$rules"
run 0 sv term firewall-mgmt
eventually "the log says the line" grep -qF "$rules:1" /tmp/log
run 0 sv stop firewall-mgmt
stopped() { sv status firewall-mgmt | grep '^down' | grep -qv want; }
eventually "runit tries it no more" stopped
counts 44
run 0 sv start firewall-mgmt
eventually "the rules are there" seen 44
run 0 sv stop firewall-mgmt
eventually "they are gone" has fw
run 0 sv stop netns-mgmt
hosts_as_before
