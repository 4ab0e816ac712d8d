#!/bin/sh
# The name is deleted, /run/netns is emptied, another program replaces the namespace, or its files
# of /etc/netns cannot be mounted: status and stop still work for running services, and nothing new
# is started.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
sshd
script supervised <<'END'
supervisor=supervise-daemon
command=/bin/sleep
command_args=600
pidfile=/run/supervised.pid
END
echo 'netns="mgmt"' >/etc/conf.d/supervised
$judge netns add mgmt
run 0 rc-service sshd start
run 0 rc-service supervised start
eventually "it runs" runs sleep
$judge netns del mgmt

run 0 rc-service sshd status
run 0 rc-service supervised status
run 0 rc-service sshd stop
run 0 rc-service supervised stop
eventually "no dropbear is left" is_gone dropbear
eventually "no sleep is left" is_gone sleep
run 3 rc-service sshd status

refused rc-service sshd start
says '/etc/conf.d/sshd:1: netns="mgmt"'
[ -z "$(pidof dropbear)" ] || fail "the daemon runs"

$judge netns add mgmt
run 0 rc-service sshd start
$judge netns del mgmt
run 0 rc-service sshd zap
run 3 rc-service sshd status

# Another program deletes the namespace and adds one of the same name. A script that runs inside
# as a whole is stopped all the same, in neither of them; and then its namespace is
later
script whole <<'END'
start()
{
	start-stop-daemon --start --background --make-pidfile --pidfile /run/whole.pid --exec /bin/sleep -- 600
}
stop()
{
	readlink /proc/self/ns/net >/run/whole.stop
	start-stop-daemon --stop --retry TERM/30 --pidfile /run/whole.pid
}
END
echo 'netns="mgmt"' >/etc/conf.d/whole
ln -s netns /etc/init.d/netns.mgmt
echo 'netns_links=""' >/etc/conf.d/netns.mgmt
for verb in start stop; do
	run 0 rc-service netns.mgmt start
	run 0 rc-service whole start
	eventually "it runs" runs sleep
	$judge netns del mgmt
	$judge netns add mgmt
	if [ "$verb" = start ]; then
		run 0 rc-service whole status
		run 0 rc-service whole stop
		refused rc-service whole start
		says 'mgmt was replaced by another namespace'
		says 'whole: asked for by netns="mgmt" at /etc/conf.d/whole:1'
	fi
	run 0 rc-service netns.mgmt stop
	eventually "no sleep is left" is_gone sleep
	[ "$(cat /run/whole.stop)" != "$host" ] || fail "it was stopped on the host"
	[ "$(cat /run/whole.stop)" != "$(netns_named mgmt)" ] || fail "it was stopped in the namespace of others"
	$judge netns del mgmt
done

# The same if the VRF that it asks for is gone
run 0 rc-service netns.mgmt start
run 0 rc-service whole start
echo 'vrf="gone"' >>/etc/conf.d/whole
run 0 rc-service whole status
run 0 rc-service whole stop
is "where it was stopped" "$(cat /run/whole.stop)" "$(netns_named mgmt)"
refused rc-service whole start
says 'whole: asked for by netns="mgmt" at /etc/conf.d/whole:1'

# The same if its files of /etc/netns cannot be mounted
sed -i '/^vrf=/d' /etc/conf.d/whole
for fault in "chown nobody /etc/netns" "chmod 777 /etc/netns/mgmt" "ln -s /nowhere /etc/netns/mgmt/hosts"; do
	mkdir -p /etc/netns/mgmt
	run 0 rc-service whole start
	$fault
	run 0 rc-service whole status
	run 0 rc-service whole stop
	says 'whole: stop runs in the namespace mgmt without its files of /etc/netns'
	is "where it was stopped" "$(cat /run/whole.stop)" "$(netns_named mgmt)"
	refused rc-service whole start
	says 'whole: asked for by netns="mgmt" at /etc/conf.d/whole:1'
	rm -rf /etc/netns
done
