#!/bin/sh
# A machine whose clock has no battery boots in 1970, and sets its clock when it has a network. How
# long something takes or has lasted does not depend on the clock.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

date -s @1000
settings
run 0 netns-setup up mgmt
date -s '2026-12-01 12:00'
for words in "status mgmt" list; do
	# shellcheck disable=SC2086  # words
	run 0 netns-setup $words
	says 'ready'
	says 'less than a minute'
done
run 0 netns-setup status --json mgmt
since=$(sed -n 's/.*"since": \([0-9]*\).*/\1/p' /tmp/said)
[ $(($(date +%s) - since)) -lt 60 ] || fail "it is ready since $since"

# seconds_left - print when the trial is rolled back
seconds_left()
{
	netns-setup status mgmt 2>&1 | sed -n 's/.*rolled back in \([0-9]*\) seconds\{0,1\} unless.*/\1/p'
}

sed -i s/1400/1300/ /etc/conf.d/netns.mgmt
run 0 netns-setup try mgmt --within 60
for when in '2027-01-01 12:00' @2000; do
	date -s "$when"
	left=$(seconds_left)
	{ [ "$left" -gt 0 ] && [ "$left" -le 60 ]; } || fail "$left seconds are left"
done
run 0 netns-setup confirm mgmt
date -s '2026-12-01 12:00'
sed -i s/1300/1290/ /etc/conf.d/netns.mgmt
run 0 netns-setup try mgmt --within 2
date -s @3000
is_undone() { $judge -n mgmt link show eth1 | grep -q 'mtu 1300'; }
eventually "it is rolled back" is_undone
