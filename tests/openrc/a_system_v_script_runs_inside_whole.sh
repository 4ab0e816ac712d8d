#!/bin/sh
# Most of Debian's services are no OpenRC scripts: Debian's OpenRC hands the verb to them
# when it changes the runlevel, and netns= holds then, with the dependency. (By hand,
# rc-service runs such a script without any of OpenRC.)
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
readlink /proc/self/ns/net >"/run/old.$1"
case $1 in
start) start-stop-daemon --start --exec /bin/sleep --background --make-pidfile --pidfile /run/old.pid -- 600 ;;
stop) start-stop-daemon --stop --pidfile /run/old.pid ;;
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
