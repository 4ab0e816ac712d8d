#!/bin/sh
# netns-nftables.mgmt is for mgmt only: it needs netns.mgmt, and its rules stay until
# netns.mgmt is stopped.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft
card
ln -s netns /etc/init.d/netns.mgmt
settings
services nftables iptables ipset
mkdir -p "$folder"
echo 'table inet fw { chain c { type filter hook input priority 0; }; }' >"$folder/nftables.nft"

run 0 rc-service netns-nftables.mgmt ineed
says netns.mgmt
run 0 rc-service netns-iptables.mgmt ineed
says netns.mgmt
says netns-ipset.mgmt
run 0 rc-service netns-nftables.mgmt describe
run 0 rc-service netns-nftables.mgmt start
says 'Making namespace mgmt'
is "the tables" "$(inside /judge/nft list tables)" "table inet fw"
run 0 rc-service netns.mgmt status
run 0 rc-service netns.mgmt reload
hosts_as_before

# Of the two services that load the same file, neither leaves rules of the other behind.
sed -i 's/inet fw .*/inet mine { chain c { type filter hook input priority 0; udp dport 1 drop; }; }/' "$folder/nftables.nft"
run 0 rc-service netns-nftables.mgmt reload
sed -i 's/dport 1/dport 2/' "$folder/nftables.nft"
run 0 rc-service netns.mgmt reload
is "the rules" "$(inside /judge/nft list ruleset | grep dport | xargs)" "udp dport 2 drop"
sed -i 's/inet mine .*/inet fw { chain c { type filter hook input priority 0; }; }/' "$folder/nftables.nft"
run 0 rc-service netns.mgmt reload
is "the tables" "$(inside /judge/nft list tables)" "table inet fw"

# A restart changes the rules atomically.
changes 1 rc-service netns-nftables.mgmt restart

# The firewall service is stopped before the namespace, and its rules disappear with the
# namespace, not earlier.
nsenter --net=/run/netns/mgmt sleep 600 &
holds=$!
eventually "it holds on" is_elsewhere "$holds"
refused rc-service netns.mgmt stop
run 3 rc-service netns-nftables.mgmt status
inside /judge/nft list table inet fw >/dev/null || fail "the rules are gone"
kill "$holds"
eventually "it is gone" test ! -e "/proc/$holds"
run 0 rc-service netns.mgmt stop
hosts_as_before

# Another namespace than that of the name is an error, and no verb runs on the host.
later
printf '\nnetns="other"\n' >/etc/conf.d/netns-nftables.mgmt
refused rc-service netns-nftables.mgmt start
says '/etc/conf.d/netns-nftables.mgmt:2: netns="other"'
later
rm /etc/conf.d/netns-nftables.mgmt
for verb in start check list panic save; do
	refused rc-service netns-nftables $verb
	says 'ln -s netns-nftables /etc/init.d/netns-nftables.NAME'
done
later
mv /etc/rc.conf.d /etc/rc.conf.away
$judge netns add mgmt
for tool in nftables ipset iptables; do
	for verb in start check list panic save; do
		refused rc-service "netns-$tool.mgmt" $verb
		says '/etc/rc.conf.d/netns.conf'
	done
done
hosts_as_before
