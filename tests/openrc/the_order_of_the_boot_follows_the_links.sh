#!/bin/sh
# A network card goes into its namespace before anything sets it up on the host; rc_need
# turns that round; a namespace without a card does not hold up the network.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
mgmt
for name in virtual uplink; do
	ln -s netns "/etc/init.d/netns.$name"
done
printf 'netns_links="br-lan v0"\ntype_br_lan="bridge"\ntype_v0="veth"\n' >/etc/conf.d/netns.virtual
printf 'rc_need="net"\nnetns_links="eth2"\n' >/etc/conf.d/netns.uplink
sshd
[ ! -e /etc/init.d/net ] || rc-update add net boot   # Alpine has networking there
rc-update -u
run 0 rc-service netns.mgmt ineed
says localmount
run 0 rc-service netns.mgmt ibefore
says net
run 0 rc-service netns.virtual ibefore
says_not net
run 0 rc-service netns.uplink ibefore
says_not net
run 0 rc-service netns.uplink ineed
says net
rc-update -u
run 0 rc-service sshd ineed
says netns.mgmt

# The owner's own word on what a service needs does not drop the namespace.
later
echo 'rc_sshd_need="localmount"' >>/etc/rc.conf
echo 'rc_need="hostname"' >>/etc/conf.d/sshd
rc-update -u
run 0 rc-service sshd ineed
says netns.mgmt
says localmount

refused rc-service netns start
says 'ln -s netns /etc/init.d/netns.NAME'
refused rc-service netns check
says 'ln -s netns /etc/init.d/netns.NAME'
