#!/bin/sh
# Another program deletes the namespace while its services run. It is recreated. With
# netns_restart_services, the services that runit runs in the old namespace end, and start
# in the new one. Services on the host, and processes that are no service, stay.
# shellcheck source=tests/runit/lib.sh
. /t/lib.sh
card
settings
echo 'netns_restart_services="yes"' >>/etc/conf.d/netns.mgmt
service netns-mgmt netns
sshd
service other daemon
printf '#!/bin/sh\nexec sleep 600\n' >/etc/sv/other/run
runit
for name in netns-mgmt sshd other; do
	run 0 sv start $name
done
eventually "it listens" has_listeners 2
old=$(netns_named mgmt)
daemon=$(pid_of sshd) other=$(pid_of other)
netns-exec mgmt -- sleep 602 &
own=$!
sleep 1

run 0 $judge netns delete mgmt
has_ended() { ! kill -0 "$daemon" 2>/dev/null; }
eventually "the old daemon has ended" has_ended
kill -0 $own || fail "what is no service has ended"
kill $own
# Deleting the namespace gives real NICs back to the host, but deletes the veth that stands for
# one here
kill "$far"
plug_in
is_new() { [ -e /run/netns/mgmt ] && [ "$(netns_of "$(pid_of sshd)")" = "$(netns_named mgmt)" ]; }
eventually "the daemon is in the new one" is_new
[ "$(netns_named mgmt)" != "$old" ] || fail "it is the old one"
eventually "it answers the other machine" greets far nc -w 2 192.0.2.10 22
is "what is on the host" "$(pid_of other) $(netns_of "$other")" "$other $host"
run 0 sv check netns-mgmt

# doctor finds a service that is on the host, and whose run file starts it inside the next
# time.
netns-setup doctor mgmt >/tmp/said
says_not "runs on the host"
printf '#!/bin/sh\nexec chpst -e /etc netns-exec mgmt -- sleep 600\n' >/etc/sv/other/run
run 1 netns-setup doctor mgmt
says "mgmt: service other runs on the host: $other (sleep, service other), and /etc/sv/other/run:2 says netns-exec mgmt"
says "restart the service other"
