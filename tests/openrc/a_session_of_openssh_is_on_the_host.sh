#!/bin/sh
# With one line of sshd_config, a person who logs in through an OpenSSH in a namespace is
# on the host: the processes of the session are, and so is what PAM, scp and sftp do. sshd
# itself still limits unauthenticated connections.
# shellcheck source=tests/openrc/login.sh
. /t/login.sh
card
mgmt
people
openssh
grep -o 'SshdSessionPath .*' /README.md >>/etc/ssh/sshd_config
script sshd <<-'END'
	command=/usr/sbin/sshd
	pidfile=/run/sshd.pid
END
echo 'netns="mgmt"' >/etc/conf.d/sshd
run 0 rc-service sshd start
eventually "it answers" greets far nc -w 2 192.0.2.10 22
cp /run/sshd.pid /run/listener
[ "$(/usr/sbin/sshd -T | grep -c '^sshdsessionpath /usr/libexec/netns-services/')" = 1 ] || fail "README has no such line"
is "the listener" "$(netns_of "$(cat /run/listener)")" "$(netns_named mgmt)"
all_are_on_the_host
is "where PAM opened sessions" "$(sort -u /run/pam)" "$host"

# All processes of a session, with and without privileges
stays tester
is "sessions" "$(pidof sshd-session | wc -w)" 2
for pid in $(pidof sshd-session); do
	is "where process $pid is" "$(netns_of "$pid")" "$host"
done
end_sessions

# MaxStartups counts: of four unauthenticated connections, the fourth is closed
knock 3
eventually "the fourth is turned away" is_turned_away
knock_off
eventually "the next one is not" is_served
nobody_cuts_himself_off sshd-session
