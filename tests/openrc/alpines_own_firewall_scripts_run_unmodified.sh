#!/bin/sh
# Scripts written as Alpine's for iptables, ipset and nftables, including their own code
# for namespaces, run inside with a link and one line. Their rules, sets and sysctls are
# inside, and none of them on the host.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
export PATH="$PATH:/judge"
$judge netns add mgmt

# The script puts a prefix before its commands, makes the namespace, and calls sysctl as if it
# were on the host
script iptables <<'EOF'
extra_commands="save"
iptables_name=${SVCNAME}
case "$iptables_name" in
	iptables|ip6tables) ;;
	*) iptables_name="iptables";;
esac
iptables_bin="/judge/${iptables_name}"
case ${iptables_name} in
	iptables) iptables_save=${IPTABLES_SAVE};;
	ip6tables) iptables_save=${IP6TABLES_SAVE};;
esac
if [ -n "$netns" ]; then
	iptables_bin="ip netns exec $netns $iptables_bin"
fi
depend() {
	need localmount
	before net
	after sysctl
	provide firewall
}
start_pre() {
	[ -f "$iptables_save" ] || return 1
	if [ -n "$netns" ] && ! test -e "/run/netns/$netns"; then
		ip netns add "$netns"
	fi
}
start() {
	ebegin "Loading ${iptables_name} state and starting firewall"
	${iptables_bin}-restore ${SAVE_RESTORE_OPTIONS} < "${iptables_save}"
	eend $?
	if yesno "${IPFORWARD}"; then
		ebegin "Enabling forwarding"
		sysctl -w net.ipv4.ip_forward=1 > /dev/null
		eend $?
	fi
}
stop() {
	if yesno "${IPFORWARD}"; then
		sysctl -w net.ipv4.ip_forward=0 > /dev/null
	fi
	if yesno "${SAVE_ON_STOP}"; then
		save || return 1
	fi
	${iptables_bin} -P INPUT ACCEPT
	${iptables_bin} -F
}
save() {
	${iptables_bin}-save ${SAVE_RESTORE_OPTIONS} > "${iptables_save}"
}
EOF

# A shell function with the name of the program, and code that runs while the script is
# only read
script ipset <<'EOF'
extra_started_commands="save"
IPSET=/judge/ipset
DIR=${DIR:-/etc/ipset.d}
if [ -n "$netns" ]; then
	test -e "/run/netns/$netns" || ip netns add "$netns"
fi
depend() {
	before iptables ip6tables
}
ipset() {
	${netns:+ip netns exec $netns} $IPSET "$@"
}
start() {
	local file
	ebegin "Loading sets"
	for file in "$DIR"/*; do
		ipset create "${file##*/}" $(head -n 1 "$file")
		sed 1d "$file" | while read -r entry; do
			ipset add "${file##*/}" "$entry"
		done
	done
	eend 0
}
stop() {
	ipset destroy
}
EOF

script nftables <<'EOF'
extra_commands="list"
nft=/judge/nft
depend() {
	need localmount
	provide firewall
}
start_pre() {
	$nft list tables >/dev/null
}
start() {
	ebegin "Loading nftables state"
	$nft -f "$rules_file"
	eend $?
}
stop() {
	if yesno "${save_on_stop:-yes}"; then
		$nft list ruleset > "$rules_file"
	fi
	$nft flush ruleset
}
list() {
	$nft list ruleset
}
EOF

later
for tool in iptables ipset nftables; do
	ln -s $tool /etc/init.d/$tool.mgmt
	echo 'netns="mgmt"' >/etc/conf.d/$tool.mgmt
done
printf 'IPTABLES_SAVE=/run/rules\nIPFORWARD=yes\nSAVE_ON_STOP=yes\n' >>/etc/conf.d/iptables.mgmt
printf '*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set good src -j ACCEPT\nCOMMIT\n' >/run/rules
mkdir /run/sets
printf 'hash:net\n192.0.2.0/24\n' >/run/sets/good
echo 'DIR=/run/sets' >>/etc/conf.d/ipset.mgmt
printf 'table inet fw {\n\tset ports {\n\t\ttype inet_service\n\t\telements = { 22 }\n\t}\n}\n' >/run/mgmt.nft
echo 'rules_file=/run/mgmt.nft' >>/etc/conf.d/nftables.mgmt

forwards() { "$@" cat /proc/sys/net/ipv4/ip_forward; }
inside() { $judge netns exec mgmt "$@"; }
echo 0 >/proc/sys/net/ipv4/ip_forward
inside sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'

# Nothing on the host has changed, whatever was done inside
host_is_bare()
{
	is "the host's tables" "$(nft -j list ruleset | sed 's/.*"metainfo": {[^}]*}}//')" "]}"
	is "the host's rules" "$(iptables-save | grep -c '^-A')" 0
	is "the host's sets" "$(ipset list -name)" ""
	is "whether the host forwards" "$(forwards env)" 0
}

run 0 rc-service ipset.mgmt start
run 0 rc-service iptables.mgmt start
run 0 rc-service nftables.mgmt start
is "the sets inside" "$(inside ipset list -name)" good
is "the set's entries" "$(inside ipset save good | grep -c '^add good 192.0.2.0/24')" 1
is "the rules inside" "$(inside iptables-save | grep -c -e '--match-set good src -j ACCEPT')" 1
is "whether it forwards inside" "$(forwards inside)" 1
inside nft -j list table inet fw | grep -q '"ports"' || fail "the table is not inside"
run 0 rc-service nftables.mgmt list
says 'table inet fw'
host_is_bare

run 0 rc-service iptables.mgmt save
grep -q -e '--match-set good src' /run/rules || fail "what it saved is not what is inside"
run 0 rc-service nftables.mgmt stop
run 0 rc-service iptables.mgmt start
run 0 rc-service iptables.mgmt stop
run 0 rc-service ipset.mgmt stop
is "the sets inside" "$(inside ipset list -name)" ""
is "whether it forwards inside" "$(forwards inside)" 0
grep -q 'table inet fw' /run/mgmt.nft || fail "what it saved is not what was inside"
host_is_bare

# If the script is only read, it creates nothing either
$judge netns del mgmt
rc-update -u
[ ! -e /run/netns/mgmt ] || fail "a namespace was made while the scripts were read"
