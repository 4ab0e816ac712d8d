#!/bin/sh
# The first day of a person who has read README. The person is logged in over eth1,
# through the sshd of the host, and types every command in a session. Nothing is lost,
# nothing runs in the wrong place, and the messages are true.
# shellcheck disable=SC2016
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
# shellcheck source=tests/testbed/trial.sh
. /testbed/trial.sh
# shellcheck source=tests/testbed/first_day.sh
. /testbed/first_day.sh

sshd_pid() { pid_of sshd; }
web_pid() { pid_of web; }

# is_inside - whether sshd listens inside, started by the trial or later by runit
is_inside() { has_listeners 2; }

# The host as its owner has set it up
card
far $judge addr add 203.0.113.1/24 dev far
$judge route add default via 203.0.113.1
for name in sshd web; do
	mkdir /etc/sv/$name
	ln -s /etc/sv/$name /etc/service/
done
printf '#!/bin/sh\nexec 2>&1\nexec /usr/sbin/dropbear -F -E -R -p 22\n' >/etc/sv/sshd/run
printf '#!/bin/sh\nexec sleep 4711\n' >/etc/sv/web/run
chmod +x /etc/sv/*/run
may_log_in
runit
eventually "it answers" greets far nc -w 2 203.0.113.7 22

# The person writes the settings, and checks them first
type_at 203.0.113.7 'printf "netns_links=\"eth1\"\nconfig_eth1=\"203.0.113.7\"\nroutes_eth1=\"default via 203.0.113.1\"\nnetns_dns=\"203.0.113.1\"\n" >/etc/conf.d/netns.mgmt'
refused session 203.0.113.7 'netns-setup check mgmt'
says '/etc/conf.d/netns.mgmt:2: config_eth1="203.0.113.7" has no prefix length'
type_at 203.0.113.7 "sed -i s,7\\\",7/24\\\", /etc/conf.d/netns.mgmt; netns-setup check mgmt"
type_at 203.0.113.7 'netns-setup plan mgmt'
says "+ ip link set eth1 netns mgmt"
says "netns-setup try mgmt --within 60"
all_is_on_the_host

# The obvious command is an error, and says what to type
types 'cp -R /usr/share/netns-services/runit/netns /etc/sv/netns-mgmt; ln -s /etc/sv/netns-mgmt /etc/service/; read line'
is_refused() { grep -qF "netns-setup try mgmt --within 60 (--with sshd, if that belongs inside)" /tmp/log; }
eventually "he is told what to type" is_refused
echo >&8
# runsv waits a second before it acts on the result of finish
is_given_up() { sv status netns-mgmt | grep '^down: ' | grep -qv 'want up'; }
sleep 2
eventually "runit has given it up" is_given_up
type_at 203.0.113.7 'printf "#!/bin/sh\nexec 2>&1\nsv start netns-mgmt || exit 1\nexec netns-exec mgmt -- /usr/sbin/dropbear -F -E -R -p 22\n" >/etc/sv/sshd/run'
all_is_on_the_host
moves_by_try

# A service of the host is restarted as before; packages and cron do the same
type_at 203.0.113.7 'sv restart web'
all_is_in_its_place
type_at 203.0.113.7 'env -i PATH=$PATH sh -c "for s in web sshd; do sv restart \$s; done"'
all_is_in_its_place

edits_an_address 'sv hup netns-mgmt'
mistypes_a_rule 'sv hup netns-mgmt' 'sv -w 1 restart netns-mgmt' 'sv restart sshd'
pulls_the_cable
type_at 203.0.113.8 'netns-setup doctor mgmt'

# Off and on again
kill "$(pidof runsvdir)"
eventually "stage 2 is over" is_gone runsvdir
sv -w 9 force-shutdown /etc/service/*
eventually "the card is back" test -d /sys/class/net/eth1
runit
eventually "it answers" greets far nc -w 2 203.0.113.8 22
all_is_in_its_place
type_at 203.0.113.8 true
