#!/bin/sh
# Restarting a namespace first stops the services in it. With an error in the settings of
# the namespace, the restart would end there, and the sshd through which its owner is
# logged in would stay stopped.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
run 0 rc-service sshd start
pid=$(cat /run/sshd.pid)
inode=$(netns_named mgmt)
cp /etc/conf.d/netns.mgmt /run/good
sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt

refused rc-service netns.mgmt restart
says '/etc/conf.d/netns.mgmt:2'
refused rc-service netns.mgmt reload
says '/etc/conf.d/netns.mgmt:2'
refused rc-service netns.mgmt check
says '/etc/conf.d/netns.mgmt:2'
is "the daemon" "$(cat /run/sshd.pid) $(netns_of "$pid")" "$pid $inode"
is "the namespace" "$(netns_named mgmt)" "$inode"
eventually "it answers" greets far nc -w 2 192.0.2.10 22
run 0 rc-service sshd status
refused rc-service netns.mgmt status
says 'ready'

# A reload with valid settings changes what differs, and stops nothing.
sed 's,192.0.2.10/24,192.0.2.11/24,' /run/good >/etc/conf.d/netns.mgmt
run 0 rc-service netns.mgmt check
run 0 rc-service netns.mgmt plan
says '192.0.2.11/24'
run 0 rc-service netns.mgmt reload
says_not 'Stopping'
is "the daemon" "$(cat /run/sshd.pid) $(netns_of "$pid")" "$pid $inode"
eventually "it answers at the new address" greets far nc -w 2 192.0.2.11 22
! greets far nc -w 2 192.0.2.10 22 || fail "it answers at the old one"

# A restart with valid settings recreates the namespace, and the daemon is in the new one.
cp /run/good /etc/conf.d/netns.mgmt
run 0 rc-service netns.mgmt restart
eventually "the daemon is up again" rc-service -q sshd status
pid=$(cat /run/sshd.pid)
is "the daemon's namespace" "$(netns_of "$pid")" "$(netns_named mgmt)"
eventually "it answers" greets far nc -w 2 192.0.2.10 22
