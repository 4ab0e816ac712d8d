#!/bin/sh
# The kernel copies settings of the machine's first namespace to each new namespace, and
# only in a virtual machine is the host that first namespace. A namespace of ours does not
# forward nevertheless.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

four='accept_local arp_accept bc_forwarding bootp_relay proxy_arp proxy_arp_pvlan route_localnet'
six='accept_source_route forwarding proxy_ndp'
one=
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.default.rp_filter=1
for where in all default; do
	for key in $four; do
		sysctl -qw "net.ipv4.conf.$where.$key=1"
	done
	for key in $six; do
		sysctl -qw "net.ipv6.conf.$where.$key=1"
	done
done
sysctl -qw net.ipv4.conf.all.accept_source_route=1
# Without this, only IPv4's are inherited
sysctl -qw net.core.devconf_inherit_init_net=1
sysctl -qw net.ipv4.conf.all.accept_redirects=0
is_set()
{
	is "$1" "$($judge netns exec "$2" cat "/proc/sys/net/$1")" "$3"
}

# A namespace that another program makes is a router
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
for where in all default d0; do
	for key in forwarding $four; do
		is_set "ipv4/conf/$where/$key" mgmt 0
	done
	for key in $six; do
		is_set "ipv6/conf/$where/$key" mgmt 0
	done
done
for key in ip_forward conf/lo/forwarding conf/all/accept_source_route; do
	is_set "ipv4/$key" mgmt 0
done
# All of them, and accept_redirects, which setting ip_forward to 0 would turn on
is "what was set to 0" "$(grep -c 'sysctl -w .*=0$' /tmp/said)" 24
# Stricter than the kernel's default: it stays
is_set ipv4/conf/d0/rp_filter mgmt 1
is_set ipv4/conf/all/accept_redirects mgmt 0
run 0 netns-setup up mgmt
is "what a second up says" "$(cat /tmp/said)" ""
run 0 netns-setup down mgmt

# The keys are 0 in the last of many namespaces too, which are read in another way
many=
for n in $(seq 40); do
	: >"/etc/conf.d/netns.m$n"
	many="$many m$n"
done
# shellcheck disable=SC2086  # its words
run 0 netns-setup up $many
for key in accept_local arp_accept proxy_arp_pvlan route_localnet; do
	is "closed $key of many" "$(grep -c "sysctl -w net.ipv4.conf.all.$key=0" /tmp/said)" 40
	is_set "ipv4/conf/all/$key" m40 0
done
# shellcheck disable=SC2086  # its words
run 0 netns-setup down $many
rm /etc/conf.d/netns.m*[0-9]

# Each one alone: the key is found where it was looked up
for key in ip_forward conf.all.accept_source_route; do
	one="$one net.ipv4.$key"
done
for key in $four; do
	one="$one net.ipv4.conf.all.$key net.ipv4.conf.default.$key"
done
for key in $six; do
	one="$one net.ipv6.conf.all.$key net.ipv6.conf.default.$key"
done
# shellcheck disable=SC2046,SC2086  # its words
sysctl -qw $(printf '%s=0 ' $one)
for key in $one; do
	sysctl -qw "$key=1"
	run 0 netns-setup plan mgmt
	case $key in
	# No link heeds these
	*.all.bootp_relay | net.ipv6.conf.all.accept_source_route) is "$key" "$(grep -c sysctl /tmp/said)" 0 ;;
	*) says "sysctl -w $key=0" ;;
	esac
	sysctl -qw "$key=0"
done
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.proxy_arp=1

# What is asked for is so
printf 'netns_sysctl="net.ipv4.ip_forward=1; net.ipv4.conf.d0.proxy_arp=1"\n' >>/etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
is_set ipv4/ip_forward mgmt 1
is_set ipv4/conf/d0/proxy_arp mgmt 1
is_set ipv4/conf/d0/route_localnet mgmt 0
run 0 netns-setup down mgmt
is "the host's" "$(sysctl -n net.ipv4.ip_forward)" 1

# A namespace that is created for a link before its own up does not forward either
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

# Keys that come with a module exist before any firewall has loaded it
run 0 netns-setup down mgmt
timeout=net.netfilter.nf_conntrack_udp_timeout
! sysctl -n $timeout 2>/dev/null || fail "the module is there already: this proves nothing"
printf 'netns_sysctl="%s=17"\n' $timeout >/etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
is_set netfilter/nf_conntrack_udp_timeout mgmt 17
