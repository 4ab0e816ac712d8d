#!/bin/sh
# Who logs in by an OpenSSH in a namespace is on the host, by one line of sshd_config: the
# session's processes are, and what PAM does for it, and what scp and sftp do. sshd itself
# still counts who knocks.
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

# All that belongs to a session, with and without privileges
stays tester
is "sessions" "$(pidof sshd-session | wc -w)" 2
for pid in $(pidof sshd-session); do
	is "where process $pid is" "$(netns_of "$pid")" "$host"
done
end_sessions

# MaxStartups counts: three knock, the fourth is sent away
knock 3
eventually "the fourth is turned away" is_turned_away
knock_off
eventually "the next one is not" is_served
nobody_cuts_himself_off sshd-session
