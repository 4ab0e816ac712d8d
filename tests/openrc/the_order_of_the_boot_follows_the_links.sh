#!/bin/sh
# A NIC is moved into its namespace before the host's network service sets it up. rc_need
# reverses that. A namespace without a NIC does not delay the network.
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
# A filesystem that can hold what the namespace needs is mounted first
for line in '/dev/vda3 /var ext4 defaults 0 2' 'LABEL=keys /srv/keys ext4 nodev,ro'; do
	printf '%s\n' '# device at type options' "$line" >/etc/fstab
	rc-update -u
	run 0 rc-service netns.mgmt ineed
	says localmount
done
printf '%s\n' '/dev/vda2	/	ext4	rw	0 1' '/dev/vda1 /boot vfat rw' '/dev/vda3 swap swap defaults' \
	'tmpfs /tmp tmpfs nosuid' '#/dev/vda4 /var ext4 rw' '' '/dev/usb /media/usb vfat noauto,ro' \
	'proc /proc proc defaults' 'tmpfs /run/lock tmpfs nosuid' >/etc/fstab
rc-update -u
run 0 rc-service netns.mgmt ineed
says_not localmount
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

# A setting of the owner for what a service needs does not drop the namespace.
later
echo 'rc_sshd_need="localmount"' >>/etc/rc.conf
echo 'rc_need="hostname"' >>/etc/conf.d/sshd
rc-update -u
run 0 rc-service sshd ineed
says netns.mgmt
says localmount

# A service that needs net has its namespace for that, even if the host's network has
# failed; if its owner sets net, the host's network is meant.
rm /etc/conf.d/sshd
sed -i '/rc_sshd_need/d' /etc/rc.conf
later
# (On Alpine, networking provides net)
if [ -e /etc/init.d/net ]; then network=net provides=; else network=networking provides='provide net'; fi
script $network <<-END
	depend() { ${provides:-:}; }
	start() { return 1; }
END
for name in sshd web; do
	script $name <<-END
		command=/bin/sleep
		command_args=600
		command_background=yes
		pidfile=/run/$name.pid
		depend() { need localmount net; use dns; }
	END
done
echo 'netns="mgmt"' >/etc/conf.d/sshd
needs()
{
	rc-update -u
	run 0 rc-service sshd ineed
	says netns.mgmt
	is "how often it needs the host's" "$(xargs -n 1 </tmp/said | grep -c "^net$\|^$network\$")" "$1"
}
rc-update -u
refused rc-service web start
says $network
card
needs 0
says localmount
run 0 rc-service sshd start
is "where it is" "$(netns_of "$(cat /run/sshd.pid)")" "$(netns_named mgmt)"
later
echo 'rc_need="net"' >>/etc/conf.d/sshd
needs 1
later
sed -i '/rc_need/d' /etc/conf.d/sshd
echo 'rc_sshd_need="hostname"' >>/etc/rc.conf
needs 0
says hostname
later
sed -i 's/need="hostname"/need="net hostname"/' /etc/rc.conf
needs 1

# In a container, OpenRC removes a script with the keyword -lxc from the dependencies of
# others
later
sed -i '/rc_sshd_need/d' /etc/rc.conf
echo 'rc_sys="lxc"' >>/etc/rc.conf
rc-update -u
run 0 rc-service sshd ineed
says netns.mgmt

refused rc-service netns start
says 'ln -s netns /etc/init.d/netns.NAME'
refused rc-service netns check
says 'ln -s netns /etc/init.d/netns.NAME'
