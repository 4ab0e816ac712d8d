#!/bin/sh
# The kernel hands what the first namespace of the machine has opened to each new one: only
# here is the host that namespace. A namespace of ours starts closed all the same.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

for key in ip_forward conf.all.proxy_arp conf.default.proxy_arp conf.all.route_localnet \
	conf.default.route_localnet conf.all.accept_local conf.default.rp_filter
do
	sysctl -qw net.ipv4.$key=1
done
sysctl -qw net.ipv4.conf.all.accept_redirects=0
is_set()
{
	is "$1" "$($judge netns exec "$2" cat "/proc/sys/net/$1")" "$3"
}

# As others make them, it is a router
run 0 $judge netns add theirs
is_set ipv4/ip_forward theirs 1
is_set ipv4/conf/default/route_localnet theirs 1

cat >/etc/conf.d/netns.mgmt <<-'END'
	netns_links="d0"
	type_d0=dummy
	config_d0=10.7.7.7/32
END
run 0 netns-setup plan mgmt
cp /tmp/said /tmp/planned
says net.ipv4.ip_forward=0
run 0 netns-setup up mgmt
is "what up said" "$(cat /tmp/said)" "$(cat /tmp/planned)"
for key in ip_forward conf/default/forwarding conf/d0/forwarding conf/lo/forwarding \
	conf/all/proxy_arp conf/d0/proxy_arp conf/all/route_localnet conf/d0/route_localnet \
	conf/all/accept_local
do
	is_set ipv4/$key mgmt 0
done
# Stricter than the kernel's own: it stays
is_set ipv4/conf/d0/rp_filter mgmt 1
is_set ipv4/conf/all/accept_redirects mgmt 0
run 0 netns-setup up mgmt
is "what a second up says" "$(cat /tmp/said)" ""
run 0 netns-setup down mgmt

# What is asked for is so
printf 'netns_sysctl="net.ipv4.ip_forward=1; net.ipv4.conf.d0.proxy_arp=1"\n' >>/etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
is_set ipv4/ip_forward mgmt 1
is_set ipv4/conf/d0/proxy_arp mgmt 1
is_set ipv4/conf/d0/route_localnet mgmt 0
run 0 netns-setup down mgmt
is "the host's" "$(sysctl -n net.ipv4.ip_forward)" 1

# The place that is held for one that is to come is as closed
for pair in 'mgmt right other left' 'other left mgmt right'; do
	# shellcheck disable=SC2086  # its words
	set -- $pair
	printf 'netns_links=%s\ntype_%s=veth\npeer_%s=%s\npeer_netns_%s=%s\n' "$2" "$2" "$2" "$4" "$2" "$3" \
		>"/etc/conf.d/netns.$1"
done
run 0 netns-setup up mgmt
for key in ip_forward conf/all/proxy_arp conf/all/accept_redirects; do
	is_set ipv4/$key other 0
done
run 0 netns-setup down mgmt
