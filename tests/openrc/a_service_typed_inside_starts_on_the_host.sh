#!/bin/sh
# A person who is logged in through the sshd in mgmt restarts services as on the host: a
# service without netns= runs on the host, one with netns= in its namespace, and a
# complete runlevel is an error.
# shellcheck disable=SC2016
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
ln -s netns /etc/init.d/netns.blue
: >/etc/conf.d/netns.blue
sshd
may_log_in
echo 'nameserver 203.0.113.53' >/etc/resolv.conf
for name in web inside extra; do
	# OpenRC 0.45 takes any process of the same program for the service
	mkdir -p /opt/$name
	cp /bin/sleep /opt/$name/sleep
	script $name <<-'END'
		command=/opt/$RC_SVCNAME/sleep
		command_args=600
		command_background=yes
		pidfile=/run/$RC_SVCNAME.pid
		start_pre() { readlink /proc/self/ns/net >/run/$RC_SVCNAME.pre; }
		# A restart must not find the old process, which may not have been reaped yet
		stop_pre() { old=$(cat "$pidfile"); }
		stop_post() { [ -z "$old" ] || while [ -d "/proc/$old" ]; do sleep 0.01; done; }
	END
done
script supervised <<'END'
	supervisor=supervise-daemon
	command=/bin/sleep
	command_args=700
	respawn_delay=1
END
script firewall <<'END'
	extra_started_commands=reload
	start() { readlink /proc/self/ns/net >/run/firewall.start; }
	stop() { readlink /proc/self/ns/net >/run/firewall.stop; }
	reload() { readlink /proc/self/ns/net >/run/firewall.reload; }
END
echo 'netns="blue"' >/etc/conf.d/inside
mkdir -p /etc/runlevels/more
ln -s /etc/init.d/extra /etc/init.d/sshd /etc/init.d/netns.mgmt /etc/runlevels/more/
rc-update -u
run 0 rc-service sshd start
eventually "it answers" greets far nc -w 2 192.0.2.10 22

# is_on_the_host PID - whether it is in the host's network and mounts
is_on_the_host()
{
	is "the network of process $1" "$(netns_of "$1")" "$host"
	is "its name server" "$(cat "/proc/$1/root/etc/resolv.conf")" "nameserver 203.0.113.53"
	is "its mounts" "$(readlink "/proc/$1/ns/mnt")" "$(readlink /proc/1/ns/mnt)"
}

run 0 session 192.0.2.10 'rc-service web start'
says "web has no netns=, and was called inside the namespace mgmt: start on the host"
is_on_the_host "$(cat /run/web.pid)"
is "where the rest of its script ran" "$(cat /run/web.pre)" "$host"
run 0 session 192.0.2.10 'rc-service web restart'
is "lines about the host" "$(grep -c 'on the host' /tmp/said)" 1
is_on_the_host "$(cat /run/web.pid)"
run 0 session 192.0.2.10 'rc-service web status'
says_not "on the host"
pid=$(cat /run/web.pid)
has_stopped() { [ ! -d "/proc/$pid" ]; }
run 0 session 192.0.2.10 '/etc/init.d/web stop'
eventually "web has stopped" has_stopped

# A service that an ordinary command inside starts later: a cron job, a hook
run 0 session 192.0.2.10 'setsid sh -c "sleep 0.2; exec env -i PATH=\$PATH rc-service web start" >/dev/null 2>&1 </dev/null &'
is_started() { rc-service -q web status && [ -s /run/web.pid ]; }
eventually "web is started" is_started
is_on_the_host "$(cat /run/web.pid)"
run 0 rc-service web stop

# A service with a supervisor, and a complete script
run 0 session 192.0.2.10 'rc-service supervised start'
pid_of_supervised() { pgrep -f '^/bin/sleep 700' >/tmp/pid && [ "$(cat /tmp/pid)" != "${was-}" ]; }
eventually "it runs" pid_of_supervised
is_on_the_host "$(cat /tmp/pid)"
was=$(cat /tmp/pid)
kill -9 "$was"
eventually "it is back" pid_of_supervised
is_on_the_host "$(cat /tmp/pid)"
run 0 session 192.0.2.10 'rc-service supervised stop'
run 0 session 192.0.2.10 'rc-service firewall start && rc-service firewall reload && rc-service firewall stop'
for verb in start reload stop; do
	is "where the firewall did $verb" "$(cat /run/firewall.$verb)" "$host"
done

# A service of another namespace, and the services of the namespaces
run 0 session 192.0.2.10 'rc-service inside start'
is "the namespace of the daemon" "$(netns_of "$(cat /run/inside.pid)")" "$(netns_named blue)"
is "where the rest of its script ran" "$(cat /run/inside.pre)" "$(netns_named blue)"
run 0 session 192.0.2.10 'rc-service inside stop && rc-service netns.blue stop && rc-service netns.blue start'
run 0 session 192.0.2.10 'rc-service netns.mgmt reload'
run 0 session 192.0.2.10 'rc-service sshd restart'
eventually "it answers" greets far nc -w 2 192.0.2.10 22
is "the namespace of sshd" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"

# A runlevel. (openrc has ended then, but programs that it called may not have.)
runlevel=$(cat /run/openrc/softlevel)
for parallel in NO YES; do
	echo "rc_parallel=$parallel" >>/etc/rc.conf
	refused session 192.0.2.10 'openrc more'
	is "reasons" "$(grep -c "a runlevel belongs to the host, and openrc was called inside the namespace mgmt" /tmp/said)" 1
	says "netns-exec --host -- openrc RUNLEVEL"
	eventually "nothing is being stopped" eval '[ -z "$(ls /run/openrc/stopping /run/openrc/starting | grep -v :)" ]'
	is "the runlevel" "$(cat /run/openrc/softlevel)" "$runlevel"
	[ ! -e /run/extra.pid ] || fail "extra was started"
	for name in sshd netns.mgmt netns.blue; do
		run 0 rc-service -q $name status
	done
	$judge netns | grep -q blue || fail "blue was taken down"
done
echo 'netns_from_inside="stay"' >>/etc/rc.conf
run 0 session 192.0.2.10 'openrc more'
is "the namespace of extra" "$(netns_of "$(cat /run/extra.pid)")" "$(netns_named mgmt)"
run 0 session 192.0.2.10 'rc-service web start'
is "the namespace of web" "$(netns_of "$(cat /run/web.pid)")" "$(netns_named mgmt)"
