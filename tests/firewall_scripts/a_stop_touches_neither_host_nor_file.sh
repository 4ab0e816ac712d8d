#!/bin/sh
# The namespace is deleted: a stop neither removes nor saves the host's rules, and does
# not overwrite the rule file.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft ipset iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore
services nftables ipset iptables
mkdir -p "$folder/iptables"
echo 'table inet fw { chain c { type filter hook input priority 0; }; }' >"$folder/nftables.nft"
printf '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j DROP\nCOMMIT\n' >"$folder/iptables/rules.v4"
echo 'create a hash:ip' >"$folder/ipset.conf"
printf 'save_on_stop=yes\nenable_forwarding=yes\n' >/etc/conf.d/netns-nftables.mgmt
printf 'SAVE_ON_STOP=yes\nIPFORWARD=yes\n' >/etc/conf.d/netns-iptables.mgmt
printf 'SAVE_ON_STOP=yes\n' >/etc/conf.d/netns-ipset.mgmt
echo 1 >/proc/sys/net/ipv4/ip_forward
hosts >/tmp/host.before
sums() { find "$folder" -type f -exec md5sum {} + | sort; }
sums >/tmp/sums
$judge netns add mgmt
for tool in nftables ipset iptables; do
	run 0 rc-service "netns-$tool.mgmt" start
done
is "both firewalls" "$(inside /judge/nft list tables | xargs)" "table inet fw table ip filter"
# Neither removes the other's rules.
run 0 rc-service netns-nftables.mgmt reload
is "both firewalls" "$(inside /judge/nft list tables | sort | xargs)" "table inet fw table ip filter"
hosts_as_before

$judge netns del mgmt
for tool in nftables ipset iptables; do
	refused rc-service "netns-$tool.mgmt" save
	refused rc-service "netns-$tool.mgmt" reload
done
for tool in iptables ipset nftables; do
	run 0 rc-service "netns-$tool.mgmt" stop
	run 3 rc-service "netns-$tool.mgmt" status
	refused rc-service "netns-$tool.mgmt" start
done
sums | diff - /tmp/sums || fail "a rule file has changed"
hosts_as_before
