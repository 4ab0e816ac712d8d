#!/bin/sh
# A machine with a real card, by runlevels alone: the card is in its namespace when the
# daemon starts, the daemon is reached over it and not over the host, and after a clean
# shutdown the card is the host's again.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# The other machine on the LAN is the other card, in a namespace of its own
$judge netns add other
$judge link set eth0 netns other
$judge -n other addr add 192.0.2.1/24 dev eth0
$judge -n other link set eth0 up

later
settings
sed -i '/^mtu_/d; s/ 2001:db8:10::10.64//' /etc/conf.d/netns.mgmt
ln -s netns /etc/init.d/netns.mgmt
cat >/etc/init.d/sshd <<-'END'
	#!/sbin/openrc-run
	command=/usr/sbin/dropbear
	command_args="-F -E -R -p 22"
	command_background=yes
	pidfile=/run/sshd.pid
END
chmod +x /etc/init.d/sshd
echo 'netns="mgmt"' >/etc/conf.d/sshd
# (Its stop would unmount what this script is in)
printf '#!/sbin/openrc-run\nstart() { :; }\n' >/etc/init.d/localmount
run 0 rc-update add netns.mgmt default
run 0 rc-update add sshd default

run 0 openrc default
is "the daemon's namespace" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"
eventually "it is reached over the card" greets $judge netns exec other nc -w 2 192.0.2.10 22
is "what listens on the host" "$(listeners)" 0

# what would end this script, and the machine
rm -f /etc/runlevels/shutdown/*
run 0 openrc shutdown
eventually "the card is back" test -d /sys/class/net/eth1
[ ! -e /run/netns/mgmt ] || fail "the name is still there"
[ ! -e /run/netns-services/mgmt ] || fail "its state is still there"
is_gone dropbear || fail "the daemon lives on"
