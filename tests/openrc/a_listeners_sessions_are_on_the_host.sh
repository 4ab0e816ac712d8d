#!/bin/sh
# Some SSH servers cannot be configured to start another program for each connection:
# dropbear on Alpine, OpenSSH before 9.8 on Debian 12. For these, a listener in the
# namespace starts the server on the host.
# shellcheck source=tests/openrc/login.sh
. /t/login.sh
card
mgmt
people
cp /usr/share/openrc-examples/sshd-listen /etc/init.d/
echo 'netns="mgmt"' >/etc/conf.d/sshd-listen
if [ -e /etc/alpine-release ]; then
	echo 'sshd="/usr/sbin/dropbear -i -R -E"' >>/etc/conf.d/sshd-listen
	ln -s openssh/sftp-server /usr/lib/sftp-server
else
	openssh
fi
echo 'sshd_most="4"' >>/etc/conf.d/sshd-listen
run 0 rc-service sshd-listen start
eventually "it answers" greets far nc -w 2 192.0.2.10 22
pidof -s socat >/run/listener
is "the listener" "$(netns_of "$(cat /run/listener)")" "$(netns_named mgmt)"
all_are_on_the_host
[ -e /etc/alpine-release ] || is "where PAM opened sessions" "$(sort -u /run/pam)" "$host"

# No more than the limit
knock 4
eventually "the fifth waits" is_turned_away
knock_off
eventually "and is served when others have gone" is_served

# The listener is restarted after it was killed; existing sessions continue
logged_in tester@192.0.2.10 'touch /tmp/here; sleep 3; echo still here' >/tmp/stays 2>&1 </dev/null &
eventually "somebody is logged in" test -e /tmp/here
rm /tmp/here
kill -9 "$(cat /run/listener)"
is_back() { pidof -s socat >/run/listener && is_served; }
eventually "it listens again" is_back
is "the listener" "$(netns_of "$(cat /run/listener)")" "$(netns_named mgmt)"
wait $!
is "the session" "$(cat /tmp/stays)" "still here"
if [ -e /etc/alpine-release ]; then
	nobody_cuts_himself_off dropbear
else
	nobody_cuts_himself_off sshd
fi
