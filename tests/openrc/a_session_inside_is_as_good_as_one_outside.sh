#!/bin/sh
# A person who is logged in through the sshd in a namespace types the same commands as on the
# host, and they work: netns-setup goes to the host by itself. Commands that would cut the
# session are still errors.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
echo 'netns_links=""' >/etc/conf.d/netns.blue
sshd
may_log_in
run 0 rc-service sshd start
eventually "it answers" greets far nc -w 2 192.0.2.10 22

# The session is inside
run 0 session 192.0.2.10 'readlink /proc/self/ns/net; cat /etc/resolv.conf'
says "$(netns_named mgmt)"
says "nameserver 192.0.2.53"

sed -i 's/1400/1300/' /etc/conf.d/netns.mgmt
run 0 session 192.0.2.10 'netns-setup reload mgmt'
says "+ ip -n mgmt link set eth1 mtu 1300"
run 0 session 192.0.2.10 'netns-setup status mgmt'
says "mgmt: ready, as its settings say"
run 0 session 192.0.2.10 'netns-setup up blue'
is "what is in the namespace blue" "$($judge -n blue -o link | wc -l)" 1
run 0 session 192.0.2.10 'netns-setup down blue'
! $judge netns | grep -q blue || fail "blue is there"
run 0 session 192.0.2.10 'netns-setup doctor mgmt'

# Commands that would cut the session, in every form
for command in "netns-setup down mgmt" "netns-setup down --force mgmt" "netns-setup down --kill mgmt" \
	"netns-exec --host -- netns-setup down mgmt" "netns-exec --host sh -c 'netns-setup down mgmt; exit \$?'" \
	"netns-exec --host --net-only netns-setup down mgmt" "unshare -m netns-setup down mgmt"; do
	run 100 session 192.0.2.10 "$command"
	says "mgmt: it would take away eth1, which carries your own connection from 192.0.2.1 port "
	says "mgmt: nothing was changed"
done
echo 'netns_links=""' >/etc/conf.d/netns.mgmt
for command in "netns-setup reload mgmt" "netns-exec --host -- netns-setup reload mgmt"; do
	run 100 session 192.0.2.10 "$command"
	says "eth1, which carries your own connection from 192.0.2.1 port "
done
settings
run 0 session 192.0.2.10 "netns-setup reload mgmt"

# Without a terminal there is no shell; with one, see tests/exec_doors.rs
run 100 session 192.0.2.10 "netns-exec --host"
says "netns-exec: no command is given"

run 0 rc-service -q sshd status
run 0 rc-service -q netns.mgmt status

# Started inside, but belongs on the host: doctor reports it, until it is there
script web <<-'END'
	command=/bin/sleep
	command_args=600
	command_background=yes
	pidfile=/run/web.pid
END
echo 'netns_from_inside="stay"' >/etc/conf.d/web
run 0 session 192.0.2.10 "rc-service web start"
is_sleep()
{
	grep -qx sleep "/proc/$(cat /run/web.pid)/comm"
}
eventually "the command has begun" is_sleep
is "web" "$(netns_of "$(cat /run/web.pid)")" "$(netns_named mgmt)"
run 0 netns-setup doctor mgmt
rm /etc/conf.d/web
run 1 netns-setup doctor mgmt
says "mgmt: service web runs inside: $(cat /run/web.pid) (sleep, service web), and no setting says netns=mgmt"
says "  run rc-service web restart, or write "
later
run 0 rc-service web restart
is "web" "$(netns_of "$(cat /run/web.pid)")" "$host"
run 0 netns-setup doctor mgmt
