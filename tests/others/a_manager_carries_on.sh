#!/bin/sh
# a_manager_carries_on.sh MANAGER whole|bare down|try|up... - a NIC that a network manager of
# the host configures is moved in and given back (by down, by the undo of try, or by that of a
# failed up), and the manager continues each time: lease, default route and name server exist,
# the DHCP server has been asked since, and the manager's own tool agrees. A real udev tells the
# manager of the NIC, only after the kernel has. ifupdown_CLIENT has no udev, so only a hook
# tells it.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh
manager=$1 give_back=$2
shift 2

# account NAME NUMBER - add the user that a package would have added
account()
{
	grep -q "^$1:" /etc/passwd || echo "$1:x:$2:$2::/:/bin/false" >>/etc/passwd
	grep -q "^$1:" /etc/group || echo "$1:x:$2:" >>/etc/group
}

# Only udev's rules for network links: other events of this machine do not concern this
# host
start_udev()
{
	mkdir /tmp/rules
	for file in /usr/lib/udev/rules.d/*; do
		case ${file##*/} in
		75-net-* | 80-net-* | 80-ifupdown* | 85-nm-*) ;;
		*) mv "$file" /tmp/rules ;;
		esac
	done
	/usr/lib/systemd/systemd-udevd --daemon
	eventually "udev listens" test -S /run/udev/control
	udevadm trigger --action=add /sys/class/net/lo /sys/class/net/eth1
	eventually "udev knows the card" test -e "/run/udev/data/n$(cat /sys/class/net/eth1/ifindex)"
}

start_dbus()
{
	account messagebus 801
	mkdir -p /run/dbus
	tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
	dbus-daemon --system --fork 2>/dev/null
}

# A veth stands for the NIC; NetworkManager ignores it unless it is told to manage it
start_NetworkManager()
{
	start_dbus
	profiles=/etc/NetworkManager/system-connections
	mkdir -p /var/lib/NetworkManager $profiles
	printf '%s\n' '[main]' plugins=keyfile rc-manager=file auth-polkit=root-only \
		'[device-eth1]' match-device=interface-name:eth1 managed=1 \
		>/etc/NetworkManager/NetworkManager.conf
	printf '%s\n' '[connection]' id=wired type=ethernet interface-name=eth1 \
		uuid=8d2b2f4e-5f02-4e3c-9f0a-1d1d7e2b7c11 '[ipv4]' method=auto '[ipv6]' method=link-local \
		>$profiles/wired.nmconnection
	chmod 600 $profiles/wired.nmconnection
	NetworkManager --no-daemon >/tmp/manager 2>&1 &
}

NetworkManager_agrees()
{
	nmcli -t -f DEVICE,STATE,CONNECTION device | grep -qx eth1:connected:wired &&
		nmcli -g IP4.ADDRESS,IP4.DNS device show eth1 | grep -q '192\.0\.2\.53'
}

start_dhcpcd()
{
	account dhcpcd 802
	mkdir -p /var/lib/dhcpcd
	printf '%s\n' noarp nodelay >>/etc/dhcpcd.conf
	dhcpcd -B >/tmp/manager 2>&1 &
}

dhcpcd_agrees()
{
	dhcpcd -U eth1 | grep -qx "ip_address=${address%/*}" &&
		dhcpcd -U eth1 | grep -qx 'routers=192\.0\.2\.1'
}

start_connman()
{
	start_dbus
	mkdir -p /var/lib/connman
	connmand -n --nodnsproxy -i eth1 >/tmp/manager 2>&1 &
}

connman_agrees()
{
	connmanctl services | grep -q '^\*A[RO] ' &&
		connmanctl services | sed -n 's/.*\(ethernet_[^ ]*\).*/\1/p' | xargs connmanctl services |
		grep -q "IPv4 =.*Address=${address%/*}"
}

# udev's rule calls ifup, which prefers busybox's udhcpc. That has no script here, so remove it
start_ifupdown()
{
	rm -f "$(command -v udhcpc)"
	account dhcpcd 802
	mkdir -p /run/network /var/lib/dhcpcd
	printf '%s\n' noarp nodelay >>/etc/dhcpcd.conf
	printf '%s\n' 'auto lo' 'iface lo inet loopback' 'allow-hotplug eth1' 'iface eth1 inet dhcp' \
		>/etc/network/interfaces
	udevadm trigger --action=add /sys/class/net/eth1
}

ifupdown_agrees()
{
	[ "$(ifquery --state eth1)" = eth1=eth1 ] && runs dhcpcd
}

# udev's rule calls the ifup for a NIC that appears without waiting for the ifdown of the
# NIC that disappeared
lets_go()
{
	[ "$manager" != ifupdown ] || [ -z "$(ifquery --state eth1)" ]
}

# once CLIENT - ifup is called once, and nothing tells it of the NIC later
once()
{
	mkdir -p /run/network /var/lib/dhcp
	printf '%s\n' 'auto lo' 'iface lo inet loopback' 'auto eth1' 'iface eth1 inet dhcp' \
		>/etc/network/interfaces
	# ifup uses the first of these clients that exists
	for client in dhclient udhcpc dhcpcd; do
		[ "$client" = "$1" ] || rm -f "$(command -v "$client")"
	done
	ifup eth1 >/tmp/manager 2>&1
	hook="post_down_eth1='ifdown --force \$NETNS_LINK; ifup \$NETNS_LINK'"
}

start_ifupdown_dhclient()
{
	once dhclient
}

start_ifupdown_udhcpc()
{
	once udhcpc
}

ifupdown_dhclient_agrees()
{
	[ "$(ifquery --state eth1)" = eth1=eth1 ] && runs dhclient
}

ifupdown_udhcpc_agrees()
{
	[ "$(ifquery --state eth1)" = eth1=eth1 ] && runs udhcpc
}

# The lease and its values; one address, and not additionally the one that the NIC came
# back with
has_lease()
{
	address=$($judge -o -4 addr show dev eth1 2>/dev/null | sed -n 's/.* inet \([^ ]*\) .*/\1/p')
	case $address in
	*/24*/24* | "") return 1 ;;
	esac
	grep -q 'sending ACK' /tmp/server && $judge -4 route show default | grep -q 'via 192.0.2.1 dev eth1' &&
		grep -q '^nameserver 192\.0\.2\.53' /etc/resolv.conf && "${manager}_agrees"
}

plug_in
printf '%s\n' 'start 192.0.2.100' 'end 192.0.2.120' 'interface far' 'lease_file /tmp/leases' \
	'pidfile /tmp/udhcpd.pid' 'opt subnet 255.255.255.0' 'opt router 192.0.2.1' \
	'opt dns 192.0.2.53' 'opt lease 120' >/tmp/udhcpd.conf
: >/tmp/leases
: >/etc/resolv.conf
far /judge/busybox udhcpd -f /tmp/udhcpd.conf >>/tmp/server 2>&1 &
hook=
case $manager in
ifupdown_*) ;;
*) start_udev ;;
esac
"start_$manager"
eventually "$manager has a lease" has_lease

# doctor reports a manager that was told to set up this NIC, and not one that takes any NIC
is_reported()
{
	place=
	case $manager in
	NetworkManager) place=/etc/NetworkManager/system-connections/wired.nmconnection ;;
	ifupdown*) place=/etc/network/interfaces:3 ;;
	esac
	if [ -n "$place" ]; then
		refused netns-setup doctor mgmt
		says "eth1 is also set up on the host, by $place"
	else
		run 0 netns-setup doctor mgmt
	fi
	if [ "$manager" = dhcpcd ]; then
		echo "interface eth1" >>/etc/dhcpcd.conf
		refused netns-setup doctor mgmt
		says "eth1 is also set up on the host, by /etc/dhcpcd.conf:"
		sed -i '$d' /etc/dhcpcd.conf
	fi
}

# in_and_out WAY
in_and_out()
{
	printf '%s\n' 'netns_links="eth1"' 'config_eth1="198.51.100.10/24"' \
		"netns_give_back=$give_back" "$hook" >/etc/conf.d/netns.mgmt
	case $1 in
	down)
		run 0 netns-setup up mgmt
		eventually "$manager has let go of it" lets_go
		is_reported
		: >/tmp/server
		run 0 netns-setup down mgmt
		;;
	try)
		run 0 netns-setup try mgmt --within 600
		eventually "$manager has let go of it" lets_go
		is_reported
		: >/tmp/server
		read -r pid _ </run/netns-services/mgmt/trial
		kill "$pid"
		;;
	up)
		echo 'netns_sysctl="net.ipv4.conf.eth1.rp_filter=none"' >>/etc/conf.d/netns.mgmt
		: >/tmp/server
		run 111 netns-setup up mgmt
		says "changes were made and have been undone"
		;;
	esac
	says_not "did not get back all that it had"
	eventually "the card is back" test -e /sys/class/net/eth1
}

for way; do
	in_and_out "$way"
	eventually "$manager carries on after $way, $give_back" has_lease
	eventually "nothing of it is left" test ! -e /run/netns-services/mgmt
done
