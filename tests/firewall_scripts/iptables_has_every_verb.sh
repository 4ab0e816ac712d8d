#!/bin/sh
# One service for both families, with Alpine's variables. Nothing is loaded in part.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore
services iptables
others
v4=$folder/iptables/rules.v4
v6=$folder/iptables/rules.v6
mkdir -p "$folder/iptables"

# drops PORT - print rules of the table filter that drop this UDP port
drops()
{
	printf '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:mine - [0:0]\n'
	printf -- '-A INPUT -j mine\n-A mine -p udp -m udp --dport %s -j DROP\nCOMMIT\n' "$1"
}
# rules - print all rules that name a port, or masquerade
rules()
{
	{
		inside /judge/iptables-save
		inside /judge/ip6tables-save
	} | sed -n -e 's/.*--dport \([0-9]*\).*/\1/p' -e 's/.*-j \(MASQ.*\)/\1/p' | xargs
}

refused rc-service netns-iptables.mgmt start
says "$v4: there is no such file"
closed
{
	drops 42
	printf '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n'
} >"$v4"
drops 64 >"$v6"
echo 'IPFORWARD="yes"' >/etc/conf.d/netns-iptables.mgmt
run 0 rc-service netns-iptables.mgmt check
run 0 rc-service netns-iptables.mgmt start
is "the rules" "$(rules)" "42 MASQUERADE 64"
open || fail "it is closed"
is "forwarding inside" "$(inside cat /proc/sys/net/ipv4/ip_forward)" 1
run 0 rc-service netns-iptables.mgmt list
says 'dport 64'
hosts_as_before

drops 43 >"$v4"
run 0 rc-service netns-iptables.mgmt reload
is "the rules" "$(rules)" "43 64"

# A file with a syntax error, and one that only the kernel rejects: of both files, nothing
# is loaded.
drops 44 >"$v4"
printf '*filter\n:INPUT DROP [0:0]\n-A INPUT --nonsense\nCOMMIT\n' >"$v6"
for verb in reload check restart; do
	refused rc-service netns-iptables.mgmt $verb
	says "$v6:3"
	is "the rules" "$(rules)" "43 64"
done
printf '*filter\n:INPUT DROP [0:0]\n-A INPUT -j MASQUERADE\nCOMMIT\n' >"$v6"
refused rc-service netns-iptables.mgmt reload
says "$v6"
is "the rules" "$(rules)" "43 64"
run 0 rc-service netns-iptables.mgmt status

saves netns-iptables.mgmt "$v4" "$v6"
grep -q 'dport 43' "$v4" || fail "not saved: $(cat "$v4")"
run 0 rc-service netns-iptables.mgmt stop
is "the rules" "$(rules)" ""
is "forwarding inside" "$(inside cat /proc/sys/net/ipv4/ip_forward)" 0
run 0 rc-service netns-iptables.mgmt start
is "the rules" "$(rules)" "43 64"

run 0 rc-service netns-iptables.mgmt panic
closed
run 3 rc-service netns-iptables.mgmt status
refused rc-service netns-iptables.mgmt save
run 0 rc-service netns-iptables.mgmt start
open || fail "it is closed"
is "the rules" "$(rules)" "43 64"
hosts_as_before
