#!/bin/sh
# The distribution's own DHCP client, udhcpc on Alpine and dhcpcd on Debian, runs in the
# namespace. The name servers that it gets are written to the namespace's own resolv.conf,
# and nothing to the host's. The client does not prevent a `down`, and nothing is left of
# it.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
# (Alpine's test root has both)
[ ! -e /etc/alpine-release ] || rm -f "$(command -v dhcpcd)"
client=udhcpc
! command -v dhcpcd >/dev/null || client=dhcpcd
printf 'nameserver 203.0.113.53\n' >/etc/resolv.conf
card

cat >/tmp/udhcpd.conf <<-'END'
	start 192.0.2.100
	end 192.0.2.110
	interface far
	lease_file /tmp/leases
	pidfile /tmp/udhcpd.pid
	opt subnet 255.255.255.0
	opt router 192.0.2.1
	opt dns 192.0.2.53
	opt domain example.org
	opt lease 3600
END
# server_ends PID - wait until it has ended: it would delete the pid file of the next one
server_ends()
{
	kill "$1"
	eventually "the server has ended" has_ended "$1"
}
has_ended()
{
	! kill -0 "$1" 2>/dev/null
}

: >/tmp/leases
far /judge/busybox udhcpd -f /tmp/udhcpd.conf >/dev/null 2>&1 &

remember
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1"
	config_eth1="dhcp 2001:db8:10::10/64"
END

# is_noted LINK - whether the hook has written the lease, after everything else.
# netns-setup reads this file
is_noted()
{
	[ -e "/run/netns-services/mgmt/dhcp-$1.lease" ]
}

has_lease()
{
	is_noted eth1 &&
		$judge -n mgmt -o -4 addr show dev eth1 | grep -q 'inet 192\.0\.2\.1[01][0-9]/24' &&
		$judge -n mgmt -4 route show default | grep -q 'via 192.0.2.1' &&
		grep -q '^nameserver 192.0.2.53' /etc/netns/mgmt/resolv.conf
}

run 0 netns-setup up mgmt
says "+ ip netns exec mgmt $client eth1"
eventually "there is a lease" has_lease
run 0 netns-exec mgmt -- cat /etc/resolv.conf
says "nameserver 192.0.2.53"
run 0 $judge netns exec mgmt ping -c 1 -W 2 192.0.2.1
run 0 netns-setup up mgmt
is "what a second up says" "$(cat /tmp/said)" ""
run 0 netns-setup reload mgmt
is "what a reload says" "$(cat /tmp/said)" ""
is "the host's resolv.conf" "$(cat /etc/resolv.conf)" "nameserver 203.0.113.53"

# What the server gave is said to be its own, and nothing else is
run 0 netns-setup status mgmt
grep -q 'eth1 .* 192.0.2.1[01][0-9]/24 [^:]*(DHCP)' /tmp/said || fail "the address is not the server's"
grep -q 'default via 192.0.2.1 dev eth1 .*(DHCP)$' /tmp/said || fail "the route is not the server's"
says_not 'not ours'
$judge -n mgmt addr add 192.0.2.66/24 dev eth1
$judge -n mgmt route add 198.51.100.0/24 via 192.0.2.1 dev eth1
run 0 netns-setup status mgmt
says '192.0.2.66/24 (not ours)'
says '198.51.100.0/24 via 192.0.2.1 dev eth1 (not ours)'
netns-setup doctor mgmt >/tmp/said
cat /tmp/said
is "what is not ours" "$(grep -c 'not ours:' /tmp/said)" 2
$judge -n mgmt route del 198.51.100.0/24
$judge -n mgmt addr del 192.0.2.66/24 dev eth1

# A client that another program ends is started again
kill "$(cat /run/netns-services/mgmt/dhcp-eth1.pid /run/netns-services/mgmt/dhcpcd/eth1-4.pid 2>/dev/null)"
wants_client()
{
	netns-setup plan mgmt | grep -q "$client"
}
eventually "the client is missed" wants_client
run 0 netns-setup up mgmt
says "$client eth1"
eventually "there is a lease again" has_lease

# The settings no longer list dhcp: everything from the lease is removed
sed -i 's/dhcp //' /etc/conf.d/netns.mgmt
run 0 netns-setup reload mgmt
gone()
{
	[ -z "$($judge -n mgmt -o -4 addr show dev eth1)" ]
}
eventually "the leased address is gone" gone
[ ! -e /etc/netns/mgmt/resolv.conf ] || fail "its resolv.conf is still there"

sed -i 's/config_eth1="/config_eth1="dhcp /' /etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
eventually "there is a lease" has_lease
run 0 netns-setup down mgmt
rm /etc/conf.d/netns.mgmt
all_as_before
is "the host's resolv.conf" "$(cat /etc/resolv.conf)" "nameserver 203.0.113.53"

# Two uplinks, the second with an address of the settings in the network of the lease:
# each has its metric, and what one of them got stays when the server of the other is gone
$judge link add eth2 type veth peer name far2
$judge link set far2 netns "$far"
far $judge addr add 198.51.100.1/24 dev far2
far $judge link set far2 up
sed -e 's/192\.0\.2\./198.51.100./' -e 's/interface far/interface far2/' \
	-e 's/leases/leases2/; s/udhcpd.pid/udhcpd2.pid/; s/opt domain .*/opt domain *;-e/' \
	/tmp/udhcpd.conf >/tmp/udhcpd2.conf
: >/tmp/leases2
far /judge/busybox udhcpd -f /tmp/udhcpd2.conf >/dev/null 2>&1 &
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1 eth2"
	config_eth1="dhcp"
	config_eth2="198.51.100.7/24 dhcp"
	routes_eth2="203.0.113.0/24 via 198.51.100.1"
END
# The second uplink gets settings of its own for DHCP
cp /etc/conf.d/netns.mgmt /tmp/two
cat >>/etc/conf.d/netns.mgmt <<-'END'
	metric_eth2=300
	dhcp_eth2="nogateway nodns"
	dhcp_hostname_eth2="web-7"
	dhcp_client_id_eth2="01:02:03:04:05:06:77"
END
run 0 netns-setup up mgmt
said_of_one()
{
	has_lease && is_noted eth2 && $judge -n mgmt -o -4 addr show dev eth2 | grep -q 'inet 198\.51\.100\.1[01]' &&
		$judge -n mgmt route show 203.0.113.0/24 | grep -q 'dev eth2 metric 300'
}
eventually "both leases stand" said_of_one
is "default routes" "$($judge -n mgmt -4 route show default | grep -c .)" 1
is "name servers of eth2" "$(grep -c 198.51.100 /etc/netns/mgmt/resolv.conf)" 0
kill -USR1 "$(cat /tmp/udhcpd2.pid)"
knows_name()
{
	/judge/busybox dumpleases -f /tmp/leases2 | grep -q web-7
}
eventually "the server knows the name" knows_name
# dhcpcd does not show its arguments
if [ "$client" = udhcpc ]; then
	run 0 cat /proc/"$(cat /run/netns-services/mgmt/dhcp-eth2.pid)"/cmdline
	says 0x3d:01020304050677
fi
run 0 netns-setup reload mgmt
is "what a reload says" "$(cat /tmp/said)" ""

# The setting is removed: the client is replaced
cp /tmp/two /etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
says "$client eth2"
both()
{
	has_lease && is_noted eth2 &&
		$judge -n mgmt -4 route show default | grep -q '192.0.2.1 dev eth1.* metric 500' &&
		$judge -n mgmt -4 route show default | grep -q '198.51.100.1 dev eth2.* metric 501' &&
		grep -q '^nameserver 198.51.100.53' /etc/netns/mgmt/resolv.conf
}
eventually "both leases stand" both
is "what is searched" "$(grep -c '[*;]' /etc/netns/mgmt/resolv.conf)" 0
sed -i 's/ dhcp//' /etc/conf.d/netns.mgmt
run 0 netns-setup reload mgmt
one()
{
	has_lease && ! grep -q 198.51.100 /etc/netns/mgmt/resolv.conf &&
		! $judge -n mgmt -4 route show default | grep -q eth2
}
eventually "one lease stands" one
run 0 $judge -n mgmt -4 addr show dev eth2
is "what eth2 has" "$($judge -n mgmt -o -4 addr show dev eth2 | grep -o 'inet [^ ]*')" "inet 198.51.100.7/24"
$judge -n mgmt -4 route show 203.0.113.0/24 | grep -q eth2 || fail "the route of the settings is gone"
run 0 netns-setup down mgmt
[ ! -e /etc/netns/mgmt ] || fail "its resolv.conf is still there"
server_ends "$(cat /tmp/udhcpd2.pid)"

# A lease of the same address that the settings have: the address of the settings stays
# when the lease ends
server_ends "$(cat /tmp/udhcpd.pid)"
sed -i 's/^\(.*end 192.0.2\).*/\1.100/' /tmp/udhcpd.conf
: >/tmp/leases
far /judge/busybox udhcpd -f /tmp/udhcpd.conf >/dev/null 2>&1 &
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1"
	config_eth1="192.0.2.100/24 dhcp"
	routes_eth1="203.0.113.0/24 via 192.0.2.1"
END
run 0 netns-setup up mgmt
is_leased()
{
	has_lease && $judge -n mgmt route show 203.0.113.0/24 | grep -q 192.0.2.1
}
eventually "there is a lease of it" is_leased
sed -i 's/ dhcp//' /etc/conf.d/netns.mgmt
run 0 netns-setup reload mgmt
is "the addresses" "$($judge -n mgmt -o -4 addr show dev eth1 | grep -o 'inet [^ ]*')" "inet 192.0.2.100/24"
is "the default route" "$($judge -n mgmt route show default)" ""
$judge -n mgmt route show 203.0.113.0/24 | grep -q 192.0.2.1 || fail "the route of the settings is gone"
run 0 netns-setup reload mgmt
is "what a second reload says" "$(cat /tmp/said)" ""
run 0 netns-setup down mgmt

# Without a server the namespace is not ready, for up, the service and watch; the client
# stays, and a lease makes the namespace ready. If there is another address, it is a
# warning
server_ends "$(cat /tmp/udhcpd.pid)"
cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="eth1"
	config_eth1="dhcp"
	netns_timeout=1
END
run 111 netns-setup up mgmt
says "mgmt: not ready after 1 s: lease eth1 does not hold"
says "asked for by config_eth1 at /etc/conf.d/netns.mgmt:2; netns_timeout sets"
is "the name servers without a lease" "$(grep -c nameserver /etc/netns/mgmt/resolv.conf)" 0
run 111 netns-exec mgmt true
ln -s netns /etc/init.d/netns.mgmt
run 1 rc-service netns.mgmt start
says "lease eth1 does not hold"
run 1 netns-setup status mgmt
says "lease eth1"
netns-setup watch mgmt >/tmp/watch 2>&1 &
watch=$!
waits()
{
	grep -q 'lease eth1 does not hold' /tmp/watch
}
eventually "the watch waits" waits
far /judge/busybox udhcpd -f /tmp/udhcpd.conf >/dev/null 2>&1 &
# udhcpc asks at once; dhcpcd, and a client that is in a pause, ask later
kill -USR1 "$(cat /run/netns-services/mgmt/dhcp-eth1.pid 2>/dev/null)" 2>/dev/null || :
run 0 netns-exec --wait 60 mgmt -- true
has_lease || fail "ready without a lease"
kill "$watch"
wait "$watch"
run 0 netns-setup up mgmt
is "what up says of it then" "$(cat /tmp/said)" ""
run 0 netns-setup down mgmt
server_ends "$(cat /tmp/udhcpd.pid)"
sed -i 's/"dhcp"/"dhcp 192.0.2.10\/24"/' /etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
says "mgmt: eth1 has no DHCP lease: no server has answered yet"
run 0 netns-exec mgmt true
run 0 netns-setup down mgmt
