#!/bin/sh
# netns_post_up starts services: one without netns= runs on the host, and those with netns= run
# inside. They need --nodeps: otherwise OpenRC waits for the service of the namespace, which waits
# for the hook. A stop of the namespace stops those inside.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
ln -s netns /etc/init.d/netns.mgmt
cat >/etc/conf.d/netns.mgmt <<'END'
netns_links=""
netns_post_up='rc-service plain start && rc-service --nodeps web start && rc-service --nodeps whole start'
END
for name in web plain; do
	script $name <<-'END'
		command=/bin/sleep
		command_args=600
		command_background=yes
		pidfile=/run/$RC_SVCNAME.pid
	END
done
script whole <<'END'
start()
{
	start-stop-daemon --start --background --make-pidfile --pidfile /run/whole.pid --exec /bin/sleep -- 600
}
stop()
{
	start-stop-daemon --stop --retry TERM/30 --pidfile /run/whole.pid
}
END
for name in web whole; do
	echo 'netns="mgmt"' >/etc/conf.d/$name
done

run 0 rc-service netns.mgmt start
for name in web whole; do
	is "the namespace of $name" "$(netns_of "$(cat /run/$name.pid)")" "$(netns_named mgmt)"
done
is "the namespace of plain" "$(netns_of "$(cat /run/plain.pid)")" "$host"
run 0 rc-service netns.mgmt stop
[ ! -e /run/netns/mgmt ] || fail "the namespace is still there"
run 3 rc-service web status
run 3 rc-service whole status
run 0 rc-service plain status
