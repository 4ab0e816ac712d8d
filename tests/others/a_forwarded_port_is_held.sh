#!/bin/sh
# A provider forwards a port by NAT-PMP, as miniupnpd does: the port is open inside, the
# daemon gets its number, and hosts on the internet reach it. Under OpenRC and under
# runit.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# natpmpc accepts no address from a gateway whose address is one for documentation.
provider="$judge netns exec provider"
internet="$judge netns exec internet"
$judge netns add provider
$judge netns add internet
$judge link add pub0 netns provider type veth peer name net0 netns internet
$judge -n provider addr add 11.0.0.1/24 dev pub0
$judge -n provider link set pub0 up
$judge -n internet addr add 11.0.0.9/24 dev net0
$judge -n internet link set net0 up
$judge -n provider link set lo up
$provider sysctl -qw net.ipv4.ip_forward=1
cat >/tmp/miniupnpd.conf <<-'CONF'
	ext_ifname=pub0
	ext_ip=11.0.0.1
	ext_allow_private_ipv4=yes
	listening_ip=tun1
	enable_natpmp=yes
	enable_upnp=no
	min_lifetime=2
	uuid=00000000-0000-0000-0000-000000000001
	allow 1-65535 10.2.0.0/24 1-65535
CONF
tables()
{
	$provider sh /etc/miniupnpd/nft_init.sh >/tmp/said 2>&1 || fail "$(cat /tmp/said)"
	$provider nft insert rule inet filter forward ct state established,related accept
}
server()
{
	$provider miniupnpd -d -f /tmp/miniupnpd.conf -P /tmp/miniupnpd.pid >/tmp/server 2>&1 &
	server=$!
}

# As a tunnel is
mkdir -p /etc/netns/vpn
cat >/etc/conf.d/netns.vpn <<-'SETTINGS'
	netns_links="tun0"
	type_tun0="veth"
	peer_tun0="tun1"
	peer_netns_tun0="provider"
	config_tun0="10.2.0.2/24"
	peer_config_tun0="10.2.0.1/24"
	routes_tun0="default via 10.2.0.1"
SETTINGS
cat >/etc/netns/vpn/nftables.nft <<-'RULES'
	table inet firewall {
		set forwarded { type inet_service; }
		chain input {
			type filter hook input priority 0; policy drop;
			ct state established,related accept
			iifname "lo" accept
			meta l4proto { tcp, udp } th dport @forwarded accept
		}
	}
RULES
run 0 netns-setup up vpn
tables
server

# The daemon, and the command that gets its port
netns-exec vpn -- sh -c 'while :; do echo daemon | nc -l -p 51413; done' >/dev/null 2>&1 &
daemon=$!
cat >/usr/local/bin/tell <<-'TELL'
	#!/bin/sh
	echo "$@" >>/tmp/told
TELL
chmod 755 /usr/local/bin/tell
cat >/etc/conf.d/forwarded-port <<-'CONF'
	netns="vpn"
	gateway="10.2.0.1"
	port="51413"
	set="inet firewall forwarded"
	tell="tell --port"
	renew="1"
CONF
forwarded()
{
	netns-exec vpn -- nft list set inet firewall forwarded | sed -n 's/.*elements = { \([0-9, ]*\) }/\1/p'
}
is_reached()
{
	[ "$($internet nc -w 2 11.0.0.1 51413 </dev/null 2>/dev/null)" = daemon ]
}
is_open()
{
	[ "$(forwarded)" = "$1" ]
}
is_closed()
{
	[ -z "$(forwarded)" ]
}
# The port is opened before the daemon is told
is_told()
{
	[ "$(tail -n "$1" /tmp/told | xargs)" = "$2" ]
}
! is_reached || fail "it is reached before it is asked for"

run 0 rc-service forwarded-port start
eventually "who is on the internet reaches the daemon" is_reached
is "the open port" "$(forwarded)" 51413
eventually "the daemon is told" is_told 1 "--port 51413"

# The gateway disappears, and comes back without any state
kill "$server"
wait "$server"
$provider sh /etc/miniupnpd/nft_removeall.sh >/dev/null 2>&1
tables
server
eventually "the port is asked for again" is_reached
is "the open port" "$(forwarded)" 51413
is "what the daemon was told" "$(cat /tmp/told)" "--port 51413"

run 0 rc-service forwarded-port stop
eventually "the port is closed" is_closed
! is_reached || fail "it is reached when it was given back"

# A provider that gives the port by a command; a text that is no port is not accepted
printf 'netns="vpn"\nask="cat /tmp/port"\nset="inet firewall forwarded"\ntell="tell --other"\nrenew=1\n' \
	>/etc/conf.d/forwarded-port
later
run 0 rc-service forwarded-port start
for wrong in '' 0 65536 '80 } ; flush ruleset' -1; do
	echo "$wrong" >/tmp/port
	sleep 1.2
	is "the open port" "$(forwarded)" ''
done
echo 40000 >/tmp/port
eventually "the port is open" is_open 40000
echo 40001 >/tmp/port
eventually "another one is, and it alone" is_open 40001
eventually "the daemon is told" is_told 2 "--other 40000 --other 40001"
run 0 rc-service forwarded-port stop

# Under runit
export SVDIR=/etc/sv
mkdir -p /etc/sv/netns-vpn /etc/sv/forwarded-port
printf '#!/bin/sh\nexec sleep 600\n' >/etc/sv/netns-vpn/run
chmod 755 /etc/sv/netns-vpn/run
sed 's,^export .*,export gateway=10.2.0.1 port=51413 tell="tell --runit" set="inet firewall forwarded" renew=1,' \
	/usr/share/netns-services/runit/forwarded-port/run >/etc/sv/forwarded-port/run
chmod 755 /etc/sv/forwarded-port/run
runsv /etc/sv/netns-vpn &
runsv /etc/sv/forwarded-port >/tmp/log 2>&1 &
eventually "who is on the internet reaches the daemon" is_reached
eventually "the daemon is told" is_told 1 "--runit 51413"
run 0 sv stop forwarded-port
eventually "the port is closed" is_closed
! is_reached || fail "it is reached when it was given back"
run 0 sv exit forwarded-port netns-vpn
kill "$daemon" "$server"
