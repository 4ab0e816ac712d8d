#!/bin/sh
# Most of Debian's services are not OpenRC scripts. Debian's OpenRC passes the verb to
# them when the runlevel changes, and rc-service or a person runs them without OpenRC.
# netns= works nevertheless, with the dependency. Without netns= they run on the host.
# shellcheck disable=SC2016
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
touch /etc/insserv.conf   # which Debian's OpenRC asks for, and another package brings
ln -s netns /etc/init.d/netns.mgmt
: >/etc/conf.d/netns.mgmt
cat >/etc/init.d/old <<'END'
#!/bin/sh
### BEGIN INIT INFO
# Provides:          old
# Required-Start:
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: a daemon
### END INIT INFO
. /lib/lsb/init-functions
readlink /proc/self/ns/net >"/run/old.$1"
case $1 in
start) start-stop-daemon --start --exec /bin/sleep --background --make-pidfile --pidfile /run/old.pid -- 600 ;;
stop) start-stop-daemon --stop --retry TERM/30 --pidfile /run/old.pid ;;
restart) "$0" stop; exec "$0" start ;;
status) [ -d "/proc/$(cat /run/old.pid)" ] ;;
esac
END
chmod +x /etc/init.d/old
echo 'netns="mgmt"' >/etc/conf.d/old

run 0 rc-update add old default
run 0 openrc default
says "Making namespace mgmt"
is "the daemon's namespace" "$(netns_of "$(cat /run/old.pid)")" "$(netns_named mgmt)"
is "the script's namespace" "$(cat /run/old.start)" "$(netns_named mgmt)"
run 0 rc-service netns.mgmt stop
says "Taking down"
eventually "the daemon was stopped first" is_gone sleep
[ ! -e /run/netns/mgmt ] || fail "the namespace is still there"

# By hand, and as packages do: by rc-service, by its path, by a path in the current
# directory, by a link of another name
mkdir -p /etc/rc2.d /usr/local/sbin
ln -s ../init.d/old /etc/rc2.d/S01old
ln -s ../../../etc/rc2.d/S01old /usr/local/sbin/rcold
old_is_inside()
{
	is "the daemon's namespace" "$(netns_of "$(cat /run/old.pid)")" "$(netns_named mgmt)"
	is "the script's namespace" "$(cat /run/old.start)" "$(netns_named mgmt)"
}
for command in 'rc-service old' /etc/init.d/old 'cd /etc/init.d && ./old' 'sh /etc/init.d/old' \
	'netns-exec mgmt -- rc-service old' 'netns-exec mgmt -- /etc/init.d/old' \
	/etc/rc2.d/S01old 'cd /etc/rc2.d && sh S01old' /usr/local/sbin/rcold 'netns-exec mgmt -- /etc/rc2.d/S01old'; do
	run 0 rc-service netns.mgmt start
	run 0 sh -c "$command start"
	old_is_inside
	run 0 sh -c "$command restart"
	old_is_inside
	run 0 sh -c "$command status"
	run 0 sh -c "$command stop"
	is "where it was stopped" "$(cat /run/old.stop)" "$(netns_named mgmt)"
	eventually "it has stopped" is_gone sleep
done
# Starting it by hand starts the namespace
run 0 rc-service netns.mgmt stop
run 0 /etc/init.d/old start
says "Making namespace mgmt"
old_is_inside
run 0 /etc/init.d/old stop
# What is broken refuses
later
echo 'netns="$UNSET"' >/etc/conf.d/old
for command in 'rc-service old' /etc/init.d/old; do
	refused sh -c "$command start"
	says "/etc/conf.d/old:1: netns= comes out empty"
done
! runs sleep || fail "it runs"

# Without netns=, on the host
later
rm /etc/conf.d/old
for command in 'rc-service old' /etc/init.d/old 'netns-exec mgmt -- rc-service old' \
	'netns-exec mgmt -- /etc/init.d/old'; do
	run 0 sh -c "$command start"
	is "the daemon's namespace" "$(netns_of "$(cat /run/old.pid)")" "$host"
	is "the script's namespace" "$(cat /run/old.start)" "$host"
	run 0 sh -c "$command stop"
done
