#!/bin/sh
# With netns_watch="yes" the service keeps its namespace as the settings say, only while
# it is started. Its repairs are in the system log.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
echo 'netns_watch="yes"' >>/etc/conf.d/netns.mgmt
run 0 rc-service localmount start
busybox syslogd -n -O /run/messages &
eventually "there is a log" test -S /dev/log
remember

watcher()
{
	pgrep -f '^netns-setup watch mgmt$'
}
is_watched() { watcher >/tmp/watcher; }
is_not_watched() { ! watcher; }
has_default() { $judge -n mgmt route show default | grep -q via; }
is_mended()
{
	$judge -n mgmt route del default
	eventually "the route is back" has_default
}

run 0 rc-service netns.mgmt start
eventually "it is watched" is_watched
run 0 rc-service netns.mgmt status
is_mended
is_said() { grep -q 'netns.mgmt: + ip -n mgmt route add default' /run/messages; }
eventually "it is said in the log" is_said

# The watch is killed, and restarted; the namespace does not change.
was=$(netns_named mgmt)
kill -9 "$(cat /tmp/watcher)"
is_another() { watcher >/tmp/another && ! cmp -s /tmp/another /tmp/watcher; }
eventually "another one watches" is_another
is "the namespace" "$(netns_named mgmt)" "$was"
is_mended
run 0 rc-service netns.mgmt status

run 0 rc-service netns.mgmt reload
eventually "it is watched" is_watched
is_mended

# A process is inside: the namespace is neither taken down nor left without a watch.
netns-exec mgmt -- sleep 300 &
inside=$!
is_inside() { [ "$(netns_of $inside)" = "$(netns_named mgmt)" ]; }
eventually "somebody is inside" is_inside
refused rc-service netns.mgmt stop
says 'still used by'
eventually "it is watched" is_watched
run 0 rc-service netns.mgmt status
kill $inside
wait $inside
run 0 rc-service netns.mgmt stop
is_not_watched || fail "it is watched still"
all_as_before

# Without the setting, there is no watch.
later
settings
run 0 rc-service netns.mgmt start
is_not_watched || fail "it is watched"
