#!/bin/sh
# The first day of a person who has read README. The person is logged in over eth1,
# through the sshd of the host, and types every command in a session. Nothing is lost,
# nothing runs in the wrong place, and the messages are true.
# shellcheck disable=SC2016
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
# shellcheck source=tests/testbed/trial.sh
. /testbed/trial.sh
# shellcheck source=tests/testbed/first_day.sh
. /testbed/first_day.sh

sshd_pid() { cat /run/sshd.pid; }
web_pid() { cat /run/web.pid; }

# The host as its owner has set it up
card
far $judge addr add 203.0.113.1/24 dev far
$judge route add default via 203.0.113.1
sshd
: >/etc/conf.d/sshd
script web <<-'END'
	command=/bin/sleep
	command_args=4711
	command_background=yes
	pidfile=/run/web.pid
END
may_log_in
for name in sshd web; do
	run 0 rc-update add $name default
done
run 0 openrc default
eventually "it answers" greets far nc -w 2 203.0.113.7 22

# The person writes the settings, and checks them first
later
type_at 203.0.113.7 'printf "netns_links=\"eth1\"\nconfig_eth1=\"203.0.113.7\"\nroutes_eth1=\"default via 203.0.113.1\"\nnetns_dns=\"203.0.113.1\"\n" >/etc/conf.d/netns.mgmt'
type_at 203.0.113.7 'ln -s netns /etc/init.d/netns.mgmt'
refused session 203.0.113.7 'rc-service netns.mgmt check'
says '/etc/conf.d/netns.mgmt:2: config_eth1="203.0.113.7" has no prefix length'
type_at 203.0.113.7 "sed -i s,7\\\",7/24\\\", /etc/conf.d/netns.mgmt; rc-service netns.mgmt check"
type_at 203.0.113.7 'rc-service netns.mgmt plan'
says "+ ip link set eth1 netns mgmt"
says "netns-setup try mgmt --within 60"
type_at 203.0.113.7 'echo "netns=\"mgmt\"" >>/etc/conf.d/sshd'
all_is_on_the_host

# The obvious command is an error, and says what to type
refused session 203.0.113.7 'rc-service sshd restart'
says "netns-setup try mgmt --within 60 (--with sshd, if that belongs inside)"
all_is_on_the_host
moves_by_try

# A service of the host is restarted as before; packages and cron do the same
type_at 203.0.113.7 'rc-service web restart'
says "web has no netns=, and was called inside the namespace mgmt: start on the host"
all_is_in_its_place
type_at 203.0.113.7 'env -i PATH=$PATH sh -c "for s in web sshd; do rc-service --ifstarted \$s restart; done"'
all_is_in_its_place
type_at 203.0.113.7 'netns-exec --host -- rc-service web status'

edits_an_address 'rc-service netns.mgmt reload'
mistypes_a_rule 'rc-service netns.mgmt reload' 'rc-service netns.mgmt restart' 'rc-service sshd restart'
pulls_the_cable
type_at 203.0.113.8 'netns-setup doctor mgmt'

# Stop and start by the runlevel. (A shutdown would end this script, too.)
type_at 203.0.113.8 'rc-update add netns.mgmt default'
run 0 rc-service netns.mgmt stop
run 0 rc-service web stop
eventually "the card is back" test -d /sys/class/net/eth1
[ ! -e /run/netns/mgmt ] || fail "the name is still there"
run 0 openrc default
eventually "it answers" greets far nc -w 2 203.0.113.8 22
all_is_in_its_place
type_at 203.0.113.8 true
