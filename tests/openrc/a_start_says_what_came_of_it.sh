#!/bin/sh
# Messages at boot: a successful start prints one line and writes its changes to the log.
# The reason for a failed start is printed again by status, and is in the log if there is
# one, until a start succeeds.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
# (Duplicate address detection is not needed for IPv4)
good() { settings && sed -i 's, 2001:db8:10::10/64,,' /etc/conf.d/netns.mgmt; }
good
lists() { rc-service --list | grep netns | xargs; }
is "what is listed as a service" "$(lists)" "netns netns-ipset netns-iptables netns-nftables netns.mgmt"
rc-update -u >/dev/null

# One line, before a log daemon runs and afterwards; the changes are recorded in both
# cases.
is_one_line()
{
	is "what it said" "$(grep -v -e '^ok: ' -e 'Caching service' -e '^$' /tmp/said | sed 's/ *\[ ok \]//')" \
		" * Making namespace mgmt ..."
}
changed='+ ip -n mgmt address add 192.0.2.10/24 dev eth1'
rc-service localmount start >/dev/null 2>&1
run 0 rc-service netns.mgmt start
is_one_line
grep -qxF -e "$changed" /run/netns-services/mgmt.log || fail "the changes are nowhere"
for verb in status check plan doctor try; do
	run 0 rc-service netns.mgmt $verb
	run 0 rc-service netns.mgmt describe
	says " $verb: "
done
run 0 rc-service netns.mgmt stop
says_not "+ ip"
busybox syslogd -n -O /run/messages &
eventually "there is a log" test -S /dev/log
logged() { grep -qF -e "$1" /run/messages; }
run 0 rc-service netns.mgmt start
is_one_line
eventually "the changes are logged" logged "daemon.info netns-setup"
logged "$changed" || fail "not this one"
run 0 rc-service netns.mgmt stop
run 0 rc-service --verbose netns.mgmt start
says "$changed"
run 0 rc-service netns.mgmt stop

# The reason of a failure: the settings, something that is missing, the kernel.
fails()
{
	refused rc-service netns.mgmt start
	says "$1"
	refused rc-service netns.mgmt status
	says "its last start failed"
	says "$1"
	netns-setup status mgmt >/tmp/said 2>/dev/null
	says "  its last start failed, less than a minute ago:"
	says "$1"
	netns-setup status --json mgmt >/tmp/said 2>/dev/null
	says '"failure": ['
	says "$1"
	eventually "it is logged" logged "daemon.err netns-setup"
	logged "$1" || fail "not that"
	[ ! -e /run/netns/mgmt ] || fail "something is there"
}
said_no_more()
{
	run 0 rc-service netns.mgmt start
	run 0 rc-service netns.mgmt status
	says_not "its last start failed"
	run 0 rc-service netns.mgmt stop
}
sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt
fails /etc/conf.d/netns.mgmt:2:
good
said_no_more
plug_out
fails "the host has no link eth1"
plug_in
said_no_more
echo 'netns_pre_up="exit 3"' >>/etc/conf.d/netns.mgmt
fails "netns_pre_up at /etc/conf.d/netns.mgmt:7"
good
said_no_more

# A reload that fails leaves the namespace as it was, and its reason is kept until a
# reload succeeds.
reload_fails()
{
	refused rc-service netns.mgmt reload
	says "$1"
	netns-setup status mgmt >/tmp/said 2>/dev/null
	says "  its last reload failed, less than a minute ago:"
	says "$1"
	rc-service netns.mgmt status >/tmp/said 2>&1
	says "its last reload failed"
	says "$1"
	[ -e /run/netns-services/mgmt/ready ] || fail "it is not ready"
}
run 0 rc-service netns.mgmt start
sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt
reload_fails /etc/conf.d/netns.mgmt:2:
good
run 0 rc-service netns.mgmt reload
run 0 rc-service netns.mgmt status
says_not "failed"
sed -i '1s/eth1/eth1 eth8/' /etc/conf.d/netns.mgmt
reload_fails "the host has no link eth8"
eventually "it is logged" logged "the host has no link eth8"
good
run 0 rc-service netns.mgmt reload
run 0 netns-setup status mgmt
says_not "failed"
run 0 rc-service netns.mgmt stop

# A process that entered by nsenter(1), as lxc-attach does, has the parent 0.
sshd
later
rc-update -u >/dev/null
unshare --fork --pid --mount-proc sh -c 'while :; do sleep 0.1; done' &
first=$!
entered() { nsenter -t "$(pgrep -P $first)" -p -m "$@"; }
eventually "somebody can enter" entered true
# shellcheck disable=SC2016
run 0 entered sh -c 'while read -r word number; do [ "$word" != PPid: ] || exit "$number"; done </proc/self/status'
for verb in start restart stop; do
	# (OpenRC starts the services that need it at the same time)
	[ "$verb" != stop ] || eventually "sshd is back" entered rc-service sshd status
	wait_for_daemons
	run 0 entered rc-service sshd $verb
	wait_for_daemons
	says_not /proc/
	run 0 entered rc-service netns.mgmt $verb
	says_not /proc/
done

# On a diskless Alpine, lbu commit may have saved the file of an earlier boot.
run 0 rc-service netns.mgmt start
cp /etc/netns/mgmt/resolv.conf /run/kept
run 0 rc-service netns.mgmt stop
mkdir -p /etc/netns/mgmt
cp /run/kept /etc/netns/mgmt/resolv.conf
sed -i s/192.0.2.53/192.0.2.54/ /etc/conf.d/netns.mgmt
run 0 rc-service netns.mgmt start
run 0 netns-exec mgmt -- grep 192.0.2.54 /etc/resolv.conf
run 0 rc-service netns.mgmt stop
[ ! -e /etc/netns/mgmt/resolv.conf ] || fail "the file is there still"
good

# If /etc is read-only, netns_dns cannot write its file: the message says what to type.
mkdir -p /etc/netns
mount --rbind /etc /etc
mount -o remount,bind,ro /etc
refused rc-service netns.mgmt start
says "asked for by netns_dns at /etc/conf.d/netns.mgmt:6; /etc is read-only"
remedy=$(grep -o 'mount -t tmpfs.*' /tmp/said)
run 0 sh -c "$remedy"
run 0 rc-service netns.mgmt start
run 0 netns-exec mgmt -- grep 192.0.2.53 /etc/resolv.conf
run 0 rc-service netns.mgmt stop
