#!/bin/sh
# Script mode, chosen automatically: every verb of the complete script runs inside, with
# the script's own name and settings, with a link and one line, even if the script handles
# namespaces itself.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
$judge netns add mgmt
inside=$(netns_named mgmt)
export inside

# Written as Alpine's own firewall scripts: top-level code makes the namespace, and a
# program is called through "ip netns exec" if $netns is set.
script fw <<'END'
extra_commands="check"
extra_started_commands="reload"
bin=readlink
if [ -n "$netns" ]; then
	test -e "/run/netns/$netns" || ip netns add "$netns"
	bin="ip netns exec $netns $bin"
fi
seen() { echo "$RC_SVCNAME $1 $($bin /proc/self/ns/net) $rules" >>/run/seen; }
start_pre() { seen start_pre; }
start() { ebegin "Starting $RC_SVCNAME"; seen start; ip link set lo up; eend $?; }
stop() { ebegin "Stopping $RC_SVCNAME"; seen stop; eend $?; }
reload() { seen reload; }
check() { seen check; return 7; }
status() { seen status; default_status; }
END
ln -s fw /etc/init.d/fw.mgmt
echo 'rules=one' >/etc/conf.d/fw
printf 'netns="mgmt"\nrules="two words"\n' >/etc/conf.d/fw.mgmt

# seen VERB... - whether one call ran all of them inside
seen()
{
	for verb; do
		printf 'fw.mgmt %s %s two words\n' "$verb" "$inside"
	done >/tmp/expected
	cmp -s /tmp/expected /run/seen || {
		diff -U 0 /tmp/expected /run/seen
		fail "not these, once each, inside: $*"
	}
	rm /run/seen
}

run 0 rc-service fw.mgmt start
seen start_pre start
$judge -n mgmt link show lo | grep -q '[<,]UP' || fail "what it did is not done inside"
run 0 rc-service fw.mgmt status
seen status
run 0 rc-service fw.mgmt reload
seen reload
refused rc-service fw.mgmt check
seen check
run 0 rc-service fw.mgmt describe
run 0 rc-service fw.mgmt restart
seen stop start_pre start

# The same script also runs on the host.
run 0 rc-service fw start
grep -qF "fw start $host one" /run/seen || fail "the host's is not on the host"
run 0 rc-service fw stop
rm /run/seen

# A daemon that a script starts without start-stop-daemon is inside, and is stopped from
# there.
script own <<'END'
start() { start-stop-daemon --start --exec /bin/sleep --background --make-pidfile --pidfile /run/own.pid -- 600; }
stop() { start-stop-daemon --stop --retry TERM/30 --pidfile /run/own.pid; }
END
later
echo 'netns="mgmt"' >/etc/conf.d/own
run 0 rc-service own start
is "the daemon's namespace" "$(netns_of "$(cat /run/own.pid)")" "$inside"
run 0 rc-service own stop
eventually "it is stopped" is_gone sleep

# The owner chooses the mode.
echo 'netns_mode="daemon"' >>/etc/conf.d/fw.mgmt
run 0 rc-service fw.mgmt stop
grep -qF "fw.mgmt stop $inside two words" /run/seen || fail "its own prefix is not kept"
rm /run/seen
echo 'netns_mode="both"' >>/etc/conf.d/fw.mgmt
refused rc-service fw.mgmt start
says '/etc/conf.d/fw.mgmt:1'
says 'netns_mode="both"'
run 3 rc-service fw.mgmt status

# A program that neither supervisor starts is not started.
script other <<'END'
supervisor=runit
command=/bin/sleep
command_args=600
END
later
echo 'netns="mgmt"' >/etc/conf.d/other
refused rc-service other start
says '/etc/conf.d/other:1'
is_gone sleep || fail "it runs"

# The script does not create the namespace, neither when it is stopped without one nor
# when it is read for its dependencies.
later
sed -i /netns_mode/d /etc/conf.d/fw.mgmt
run 0 rc-service fw.mgmt start
$judge netns del mgmt
run 0 rc-service fw.mgmt stop
[ ! -e /run/netns/mgmt ] || fail "the namespace was made by a stop"
rc-update -u
[ ! -e /run/netns/mgmt ] || fail "the namespace was made while the script was read"
