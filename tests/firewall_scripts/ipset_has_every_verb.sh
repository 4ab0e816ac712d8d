#!/bin/sh
# Sets are loaded under other names and swapped, while rules refer to them.
# shellcheck source=tests/firewall_scripts/lib.sh
. /t/lib.sh
tools nft ipset iptables
services ipset
others
mkdir -p "$folder"
file=$folder/ipset.conf
members() { inside /judge/ipset save "$1" | sed -n "s/^add $1 //p" | sort | xargs; }
names() { inside /judge/ipset list -name | sort | xargs; }

printf 'create good hash:net family inet\nadd good 192.0.2.0/25\nadd good 192.0.2.128/25\n' >"$file"
printf 'create all list:set\nadd all good\n' >>"$file"
run 0 rc-service netns-ipset.mgmt check
is "the sets" "$(names)" ""
run 0 rc-service netns-ipset.mgmt start
is "the sets" "$(names)" "all good"
is "the members" "$(members good) $(members all)" "192.0.2.0/25 192.0.2.128/25 good"
inside /judge/iptables -A INPUT -m set --match-set good src -j ACCEPT
run 0 rc-service netns-ipset.mgmt list
says 192.0.2.128/25
hosts_as_before

# The set that the rule and the list refer to has other members, and there is one more
# set.
printf 'create more hash:ip\nadd more 192.0.2.3\n# a comment\ncreate good hash:net family inet\nadd good 198.51.100.0/24\n' >"$file"
printf 'create all list:set\nadd all good\nadd all more\n' >>"$file"
run 0 rc-service netns-ipset.mgmt reload
is "the sets" "$(names)" "all good more"
is "the members" "$(members good) $(members all) $(members more)" "198.51.100.0/24 good more 192.0.2.3"

printf 'create good hash:net family inet\nadd good 203.0.113.0/24\nadd good nonsense\ncreate new hash:ip\n' >"$file"
for verb in reload check restart; do
	refused rc-service netns-ipset.mgmt $verb
	says "$file:3"
	is "the sets" "$(names)" "all good more"
	is "the members" "$(members good)" "198.51.100.0/24"
done

# With any spacing, and as programs that update lists write it
printf '# today\n\tcreate  good\thash:net family inet\n-A good 203.0.113.0/24\n' >"$file"
printf 'create all list:set\nadd all good\ncreate more hash:ip\ncreate tmp hash:ip\n' >>"$file"
printf 'add tmp 192.0.2.5\nswap tmp more\ndestroy tmp\nadd all more\n' >>"$file"
for verb in check reload reload; do
	run 0 rc-service netns-ipset.mgmt $verb
	is "the sets" "$(names)" "all good more"
done
is "the members" "$(members good) $(members all) $(members more)" "203.0.113.0/24 good more 192.0.2.5"
printf 'create more hash:ip\nrename more less\nflush\ndestroy\nadd nonsense 1\n' >"$file"
refused rc-service netns-ipset.mgmt check
refused rc-service netns-ipset.mgmt reload
is "the members" "$(members good) $(members all) $(members more)" "203.0.113.0/24 good more 192.0.2.5"

saves netns-ipset.mgmt "$file"
inside /judge/ipset save >/tmp/expected
cmp "$file" /tmp/expected || fail "not what there is"
# Sets that rules refer to cannot be destroyed, and then none is.
refused rc-service netns-ipset.mgmt stop
is "the sets" "$(names)" "all good more"
run 0 rc-service netns-ipset.mgmt status
inside /judge/iptables -F
run 0 rc-service netns-ipset.mgmt stop
is "the sets" "$(names)" ""

# Alpine's directory, one file for each set
mkdir "$folder/ipset.d"
printf 'hash:ip\n192.0.2.6\n' >"$folder/ipset.d/six"
mv "$file" /tmp/sets
run 0 rc-service netns-ipset.mgmt start
is "the members" "$(members six)" "192.0.2.6"
run 0 rc-service netns-ipset.mgmt stop
mv /tmp/sets "$file"
rm -r "$folder/ipset.d"
mkdir /etc/sets
printf '# ours\nhash:ip family inet\n\n192.0.2.7\n192.0.2.8\n' >/etc/sets/seven
printf 'DIR=/etc/sets\nSAVE_ON_STOP=yes\n' >/etc/conf.d/netns-ipset.mgmt
run 0 rc-service netns-ipset.mgmt start
is "the members" "$(members seven)" "192.0.2.7 192.0.2.8"
inside /judge/ipset add seven 192.0.2.9
run 0 rc-service netns-ipset.mgmt stop
is "the file" "$(tail -n +2 /etc/sets/seven | sort | xargs)" "192.0.2.7 192.0.2.8 192.0.2.9"
run 0 rc-service netns-ipset.mgmt start
is "the members" "$(members seven)" "192.0.2.7 192.0.2.8 192.0.2.9"

run 0 rc-service netns-ipset.mgmt panic
closed
run 0 rc-service netns-ipset.mgmt start
open || fail "it is closed"
hosts_as_before
