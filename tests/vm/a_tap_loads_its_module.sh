#!/bin/sh
# On a kernel that has not loaded the module tun, a tap makes it load. On a kernel that has no such
# module, or none any more because a new kernel was installed without a reboot, the error says so
# and everything is undone. With the device file, as udev makes it at boot, and without.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

$judge addr add 203.0.113.7/24 dev eth1
$judge link set eth1 up
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1 tap0 tun0"
	config_eth1="192.0.2.10/24"
	type_tap0="tap"
	type_tun0="tun"
END
is_loaded()
{
	grep -q '^tun ' /proc/modules
}
# unloaded FILE - unload the module; FILE is "file" if the device file stays, or "no file"
unloaded()
{
	! is_loaded || run 0 modprobe -r tun
	! is_loaded || fail "the module is still loaded"
	rm -f /dev/net/tun
	[ "$1" = "no file" ] || { mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; }
}
mkdir -p /run/netns /run/netns-services
# hosts - print what the host has
hosts()
{
	$judge -o link show dev eth1 | sed 's/^[0-9]*: //; s/ state .*//'
	$judge -o -4 addr show dev eth1 | sed 's/^[0-9]*: //'
	ls -l /dev/net/tun 2>&1
	ls /run/netns
	find /run/netns-services -mindepth 1 ! -name "*.failed" ! -name .ties
}
is_as_before()
{
	[ "$(hosts)" = "$before" ]
}

for file in "no file" file; do
	printf '### without the module, with %s\n' "$file"
	unloaded "$file"
	before=$(hosts)
	mount -t tmpfs none /lib/modules
	run 111 netns-setup up mgmt
	says "the kernel has no module tun for /dev/net/tun"
	says "after an upgrade of the kernel, reboot"
	says "have been undone"
	hosts
	eventually "the host is as it was" is_as_before
	is_loaded && fail "the module is loaded"
	umount /lib/modules

	printf '### with the module, and %s\n' "$file"
	run 0 netns-setup check mgmt
	is_loaded && fail "a check has loaded the module"
	run 0 netns-setup up mgmt
	is_loaded || fail "the module is not loaded"
	is "the device file" "$(stat -c '%F %t:%T %a' /dev/net/tun)" "character special file a:c8 666"
	is "what there is" "$($judge -n mgmt -d link show type tun | grep -o 'tun type [a-z]*' | tr '\n' ' ')" \
		"tun type tap tun type tun "
	run 0 netns-setup reload mgmt
	is "what a reload says" "$(cat /tmp/said)" ""
	run 0 netns-setup down mgmt
done
