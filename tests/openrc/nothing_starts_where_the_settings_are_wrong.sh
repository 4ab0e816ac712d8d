#!/bin/sh
# Wrong settings, missing settings, a missing namespace, an invalid name: the daemon
# starts nowhere, nothing of the host changes, and the message says where to look.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
run 0 rc-service localmount start
remember

nowhere()
{
	is_gone dropbear || fail "the daemon runs"
	run 3 rc-service sshd status
	all_as_before
}

printf '# the NIC\nnetns_links="eth1"\nconfig_eth1="192.0.2.10"\n' >/etc/conf.d/netns.mgmt
refused rc-service sshd start
says '/etc/conf.d/netns.mgmt:3'
says 'config_eth1="192.0.2.10"'
says 'sshd'
nowhere

rm /etc/conf.d/netns.mgmt
refused rc-service sshd start
says '/etc/conf.d/netns.mgmt'
nowhere

later
rm /etc/init.d/netns.mgmt
printf '# no such namespace\nnetns="mgmt"\n' >/etc/conf.d/sshd
refused rc-service sshd start
says '/etc/conf.d/sshd:2: netns="mgmt"'
says 'ln -s netns /etc/init.d/netns.mgmt'
nowhere
# As after a restore that has lost modes, or the target of the link
echo '#!/sbin/openrc-run' >/etc/init.d/netns.mgmt
refused rc-service sshd start
says 'run chmod +x /etc/init.d/netns.mgmt'
nowhere
ln -sf nowhere /etc/init.d/netns.mgmt
refused rc-service sshd start
says 'run ln -sf netns /etc/init.d/netns.mgmt'
nowhere
rm /etc/init.d/netns.mgmt

# A text given as a name must never be executed, neither at the start nor when the
# dependencies are read.
later
count=0
# shellcheck disable=SC2016
for name in ../mgmt -n 812 'a b' a.b '$(touch /run/ran)' '; touch /run/ran' '`touch /run/ran`' 'x"y'; do
	count=$((count + 1))
	ln -s sshd "/etc/init.d/bad$count"
	printf "netns='%s'\n" "$name" >"/etc/conf.d/bad$count"
done
for number in $(seq $count); do
	refused rc-service "bad$number" start
	says "/etc/conf.d/bad$number:1"
	says 'is not a valid name'
	run 3 rc-service "bad$number" status
done
[ ! -e /run/ran ] || fail "a name was run"
nowhere

# A namespace that netns-setup began to make, and did not complete.
$judge netns add mgmt
mkdir -p /run/netns-services/mgmt
echo 'netns="mgmt"' >/etc/conf.d/sshd
refused rc-service sshd start
says '/etc/conf.d/sshd:1'
says 'is not ready'
is_gone dropbear || fail "the daemon runs"
