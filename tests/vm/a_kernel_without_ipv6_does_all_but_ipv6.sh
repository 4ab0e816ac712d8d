#!/bin/sh
# A host that was booted with ipv6.disable=1: everything works with IPv4, and who asks for IPv6 is
# told where it is missing.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

[ ! -e /proc/sys/net/ipv6 ] || fail "the kernel has IPv6"
ln -s /judge/nft /usr/sbin/nft
plug_in 2>/dev/null
$judge link set eth1 up
$judge addr add 203.0.113.7/24 dev eth1
far $judge addr add 203.0.113.1/24 dev far

# A NIC, a published port, a firewall
settings
sed -i 's, 2001:db8:10::10/64,,' /etc/conf.d/netns.mgmt
cat >/etc/conf.d/netns.web <<-'END'
	netns_links="eth0"
	type_eth0=veth
	config_eth0="10.9.0.2/24"
	peer_config_eth0="10.9.0.1/24"
	routes_eth0="default via 10.9.0.1"
	netns_masquerade="eth0"
	netns_publish="tcp/8080:80"
END
mkdir -p /etc/netns/web
echo 'table inet fw { chain input { type filter hook input priority 0; policy drop; tcp dport 80 accept; }; }' \
	>/etc/netns/web/nftables.nft
for name in mgmt web; do
	run 0 netns-setup check $name
	is "what check says" "$(cat /tmp/said)" ""
	run 0 netns-setup up $name
	run 0 netns-setup up $name
	is "what a second up says" "$(cat /tmp/said)" ""
	run 0 netns-setup status $name
	says "$name: ready, as its settings say"
	netns-setup doctor $name >/tmp/said
	says_not ipv6
done
run 0 $judge netns exec mgmt ping -c 1 -W 5 192.0.2.1
run 0 netns-setup reload web
run 0 netns-setup down web
run 0 netns-setup down mgmt
run 0 $judge -o addr show dev eth1
says 203.0.113.7/24

# A session's own NIC is not moved
may_log_in
dropbear -R -E -p 22 2>/dev/null
eventually "it answers" greets far nc -w 2 203.0.113.7 22
run 100 session 203.0.113.7 'netns-setup up mgmt'
says 'moves eth1, which carries your own connection from 203.0.113.1'

# unanswered LINE - what the settings ask for by this line needs IPv6
unanswered()
{
	cat >/etc/conf.d/netns.six <<-END
		netns_links="d0"
		type_d0=dummy
		$1
	END
	run 0 netns-setup check six
	says '/etc/conf.d/netns.six:3: '
	says 'this kernel has no IPv6'
	run 111 netns-setup up six
	says 'asked for by'
	says 'at /etc/conf.d/netns.six:3; this kernel has no IPv6; boot it without ipv6.disable=1, or remove IPv6 from the settings'
	says 'have been undone'
	[ ! -e /run/netns/six ] || fail "the namespace is there"
}
unanswered 'config_d0="10.9.0.2/24 2001:db8::2/64"'
unanswered 'config_d0=auto'
unanswered 'routes_d0="2001:db8:1::/64"'
unanswered 'netns_sysctl="net.ipv6.conf.all.forwarding=1"'
unanswered 'netns_rules="from 2001:db8::/64 table 9"'
