#!/bin/sh
# A start with a broken file while the links are already up: no new connection passes
# until a start succeeds, and existing connections continue.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft ipset iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore
services nftables ipset iptables
others
mkdir -p "$folder/iptables"

hears()
{
	echo "$1" >&3
	grep -q "$1" /tmp/heard
}

listens()
{
	inside /judge/ss -Hltn 'sport = :7' | grep -q LISTEN
}

# A connection from the other machine that sends what it reads
sleep 600 | inside nc -l -p 7 >/tmp/heard &
eventually "it listens" listens
mkfifo /tmp/words
far nc 192.0.2.10 7 </tmp/words &
exec 3>/tmp/words
eventually "it is heard" hears one
# breaks TOOL FILE WRONG RIGHT - run the service of TOOL with the wrong text and then with
# the right one
breaks()
{
	echo "$3" >"$2"
	open || fail "it is closed already"
	refused rc-service "netns-$1.mgmt" start
	says "$2:"
	run 3 rc-service "netns-$1.mgmt" status
	closed
	eventually "the connection goes on" hears "$1"
	printf '%s\n' "$4" >"$2"
	run 0 rc-service "netns-$1.mgmt" start
	open || fail "it is still closed"
}
breaks nftables "$folder/nftables.nft" 'table inet fw { nonsense }' 'table inet fw { }'
run 0 rc-service netns-nftables.mgmt stop
breaks ipset "$folder/ipset.conf" 'create a hash:nonsense' 'create a hash:ip'
breaks iptables "$folder/iptables/rules.v4" '*nonsense' '*filter
COMMIT'
run 0 rc-service netns-iptables.mgmt stop

# One service does not open a namespace that another one has closed.
echo '*nonsense' >"$folder/iptables/rules.v4"
refused rc-service netns-iptables.mgmt start
run 0 rc-service netns-nftables.mgmt start
run 0 rc-service netns-ipset.mgmt reload
closed
inside /judge/nft list table inet netns_closed
printf '*filter\nCOMMIT\n' >"$folder/iptables/rules.v4"
run 0 rc-service netns-iptables.mgmt start
open || fail "it is still closed"
! inside /judge/nft list table inet netns_closed || fail "the table is still there"
run 0 rc-service netns-iptables.mgmt stop
run 0 rc-service netns-ipset.mgmt stop
run 0 rc-service netns-nftables.mgmt stop

# A file that users other than root may write to is not loaded, and a file without an end
# is not read
trusts()
{
	tool=$1 file=$2
	run 0 rc-service "netns-$tool.mgmt" check
	for makes in "chown 1 $3" "chmod g+w $3" "chmod o+w $3" "chown 1 ${3%/*}" "chmod o+w ${3%/*}" \
		"ln -s /proc/kmsg $3" "mkfifo $3" "ln -s /tmp/theirs $3"; do
		case $makes in ln* | mkfifo*) mv "$3" "$3.away" ;; esac
		$makes
		refused timeout 20 rc-service "netns-$tool.mgmt" check
		# For the directory of the namespace, netns-exec prints the error
		says "${3%/*}"
		case $makes in ln* | mkfifo*) mv "$3.away" "$3" ;; esac
		chown 0 "$3" "${3%/*}"
		chmod go-w "$3" "${3%/*}"
	done
	run 0 rc-service "netns-$tool.mgmt" check
}
echo "table inet fw { }" >/tmp/theirs
chown 1 /tmp/theirs
mkdir "$folder/nftables.d"
echo "include \"$folder/nftables.d/*.nft\"" >"$folder/nftables.nft"
echo "table inet fw { }" >"$folder/nftables.d/a.nft"
trusts nftables "$folder/nftables.nft" "$folder/nftables.nft"
trusts nftables "$folder/nftables.nft" "$folder/nftables.d/a.nft"
trusts iptables "$folder/iptables/rules.v4" "$folder/iptables/rules.v4"
trusts ipset "$folder/ipset.conf" "$folder/ipset.conf"
rm -r "$folder/nftables.d"
echo "table inet fw { }" >"$folder/nftables.nft"

# A machine without nft
mv /usr/sbin/nft /usr/sbin/nft.away
breaks iptables "$folder/iptables/rules.v4" '*nonsense' '*nat
COMMIT'
run 0 rc-service netns-iptables.mgmt stop
# netns-iptables needs netns-ipset and has started it, if OpenRC has noticed that by then
rc-service netns-ipset.mgmt stop || :
breaks ipset "$folder/ipset.conf" 'create a hash:nonsense' 'create a hash:ip'
run 0 rc-service netns-ipset.mgmt panic
closed
run 0 rc-service netns-ipset.mgmt start
open || fail "it is still closed"
is "what is left of it" "$(inside /judge/iptables-save | grep closed)" ""
mv /usr/sbin/nft.away /usr/sbin/nft
hosts_as_before
