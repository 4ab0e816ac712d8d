# shellcheck shell=sh
# Sourced by the scenarios of packages: the main job of README, with what was installed, in a root
# that has nothing else of this project.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# copy_to_root DIRECTORY - what make install put there. (/lib may be a symlink.)
copy_to_root()
{
	(
		cd "$1" || exit
		find . -type f | while read -r file; do
			mkdir -p "/${file%/*}"
			cp -p "$file" "/$file"
		done
	)
}

# settings_by_dhcp - the network card, a DHCP server behind it, and the settings of mgmt
settings_by_dhcp()
{
	plug_in
	cat >/tmp/udhcpd.conf <<-'END'
		start 192.0.2.100
		end 192.0.2.110
		interface far
		lease_file /tmp/leases
		pidfile /tmp/udhcpd.pid
		opt subnet 255.255.255.0
		opt router 192.0.2.1
		opt dns 192.0.2.53
		opt lease 3600
	END
	: >/tmp/leases
	far /judge/busybox udhcpd -f /tmp/udhcpd.conf >/dev/null 2>&1 &
	# dhcpcd asks for five seconds whether another machine has the address
	echo noarp >>/etc/dhcpcd.conf
	cat >/etc/conf.d/netns.mgmt <<-'END'
		netns_links="eth1"
		config_eth1="dhcp"
	END
}

has_lease()
{
	[ -e /run/netns-services/mgmt/dhcp-eth1.lease ] &&
		$judge -n mgmt -o -4 addr show dev eth1 | grep -q 'inet 192\.0\.2\.1[01][0-9]/24' &&
		grep -q '^nameserver 192.0.2.53' /etc/netns/mgmt/resolv.conf
}

# openrc_service NAME - a service of the distribution's, with netns="mgmt"
openrc_service()
{
	cat >"/etc/init.d/$1" <<-'END'
		#!/sbin/openrc-run
		command=/bin/sleep
		command_args=4711
		command_background=yes
		pidfile=/run/$RC_SVCNAME.pid
	END
	chmod +x "/etc/init.d/$1"
	echo 'netns="mgmt"' >"/etc/conf.d/$1"
}

# openrc_does_the_job - the service runs in the namespace, which OpenRC has made before
openrc_does_the_job()
{
	openrc_service inside
	ln -s netns /etc/init.d/netns.mgmt
	later
	run 0 rc-service inside start
	is_inside
	run 0 rc-service netns.mgmt status
	says "mgmt: ready, as its settings say"
}

is_inside()
{
	daemon=$(cat /run/inside.pid)
	is "the namespace of the daemon" "$(netns_of "$daemon")" "$(netns_named mgmt)"
}

# runit_does_the_job TEMPLATE - the same under runit, with an address of the settings
runit_does_the_job()
{
	sed -i 's,dhcp,192.0.2.10/24,' /etc/conf.d/netns.mgmt
	cp -R "$1" /etc/sv/netns-mgmt
	mkdir /etc/sv/inside
	printf '#!/bin/sh\nexec 2>&1\nsv start netns-mgmt || exit 1\nexec netns-exec mgmt -- sleep 4711\n' >/etc/sv/inside/run
	chmod +x /etc/sv/inside/run
	ln -s /etc/sv/netns-mgmt /etc/sv/inside /etc/service/
	runsvdir -P /etc/service >>/tmp/log 2>&1 &
	eventually "the daemon is inside" runit_has_it_inside
}

runit_has_it_inside()
{
	daemon=$(cat /etc/sv/inside/supervise/pid) &&
		[ "$(netns_of "$daemon")" = "$(netns_named mgmt)" ]
} 2>/dev/null

# has_lo - the namespace watched is as its settings say
has_lo()
{
	$judge -n watched link show lo | grep -q UP
}

# is_new_program PID - the watch goes on as the program that is installed now: same process
is_new_program()
{
	[ "$(readlink "/proc/$1/exe")" = /usr/sbin/netns-setup ] &&
		[ "$(stat -L -c %d:%i "/proc/$1/exe")" = "$(stat -c %d:%i /usr/sbin/netns-setup)" ]
}
