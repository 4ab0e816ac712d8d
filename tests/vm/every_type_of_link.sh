#!/bin/sh
# A table of link types. Each is created by up, and a second up changes nothing; created
# by the real ip from the plan, with the same result; each of its settings is changed by
# reload, in place if the kernel can change an existing link, without touching its
# addresses and routes; and down removes it. Judged by ip's own description of the link.
# ($a is an address of sed(1): the last line)
# shellcheck disable=SC2016
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# When loaded on demand, some modules leave a link of their own on the host, such as
# dummy0 or gre0
for module in dummy bonding ip_gre ipip sit 8021q macvlan ipvlan vxlan vrf bridge; do
	run 0 modprobe "$module"
done
$judge link set eth0 up
$judge link set eth1 up
$judge addr add 203.0.113.7/24 dev eth0
$judge addr add 2001:db8:10::7/64 dev eth0 nodad

both_are_ready()
{
	[ "$($judge -o -6 addr show scope link | grep -vc tentative)" = 2 ]
}
eventually "the cards are ready" both_are_ready

mkdir -p /run/netns /run/netns-services
left=$(ls /sys/class/net; ls /run/netns /run/netns-services)

# described LINK - print it as ip does, one word on each line, without what the kernel
# numbers, counts or chooses
described()
{
	$judge -n mgmt -d -j link show dev "$1" | tr -d ' \n' | tr ',' '\n' | grep -v \
		-e '"ifindex"' -e '"link_index"' -e '"address"' -e netnsid -e '_timer"' -e '_id":"' -e '"permaddr"' \
		-e '"perm_hwaddr"' -e '"info_slave_data"'
	$judge -n mgmt -o addr show dev "$1" scope global | sed 's/^[0-9]*: //; s/ *valid_lft.*//'
}

index()
{
	netns-exec mgmt -- cat "/sys/class/net/$link/ifindex"
}

# kind LINK SAID... <settings - run up, up again, and the plan with ip; ip prints each
# SAID for the link
kind()
{
	link=$1
	shift
	printf '\n## %s\n' "$link"
	cat >/etc/conf.d/netns.mgmt
	printf 'config_%s="10.7.0.1/24 2001:db8:7::1/64"\nroutes_%s="10.8.0.0/16 via 10.7.0.2"\n' \
		"$link" "$link" >>/etc/conf.d/netns.mgmt
	run 0 netns-setup plan --script mgmt
	cp /tmp/said /tmp/plan
	run 0 netns-setup up mgmt
	for said; do
		is_said "$said"
	done
	run 0 netns-setup up mgmt
	is "what a second up says" "$(cat /tmp/said)" ""
	described "$link" >/tmp/ours
	gone
	sed -i "s#^ip #$judge #; s# && ip # \&\& $judge #" /tmp/plan
	run 0 sh -e /tmp/plan
	eventually "ip's own is the same" is_same
	run 0 netns-setup plan mgmt
	is "what is left to do after ip's work" "$(cat /tmp/said)" ""
	$judge netns delete mgmt
	run 0 netns-setup up mgmt
}

is_same()
{
	described "$link" | sed 's/ tentative//' >/tmp/ips
	sed -i 's/ tentative//' /tmp/ours
	cmp -s /tmp/ours /tmp/ips || { diff /tmp/ours /tmp/ips; return 1; }
}

# is_said TEXT - whether ip's description of the link contains it
is_said()
{
	$judge -n mgmt -d -j link show dev "$link" | tr -d ' \n' >/tmp/description
	grep -qF -e "$1" /tmp/description || { cat /tmp/description; fail "ip does not say $1"; }
	printf 'ok: ip says %s\n' "$1"
}

# changed keeps|cycles|anew SED SAID - change the settings, and reload. A vrf removes the
# IPv6 addresses and routes of a link that it gets (cycles), and so does a bond with those
# of a slave.
changed()
{
	before=$(index)
	sed -i "$2" /etc/conf.d/netns.mgmt
	run 0 netns-setup reload mgmt
	is_said "$3"
	case $1 in
	keeps)
		is "the link's number" "$(index)" "$before"
		says_not " address add "
		says_not " route add "
		;;
	cycles) is "the link's number" "$(index)" "$before" ;;
	anew) [ "$(index)" != "$before" ] || fail "the link was not made anew" ;;
	esac
	run 0 $judge -n mgmt -o -4 addr show dev "$link" to 10.7.0.1
	says 10.7.0.1/24
	run 0 $judge -n mgmt -o -6 addr show dev "$link" to 2001:db8:7::1
	says 2001:db8:7::1/64
	run 0 $judge -n mgmt route show table all 10.8.0.0/16
	says "via 10.7.0.2"
	run 0 netns-setup reload mgmt
	is "what a second reload says" "$(cat /tmp/said)" ""
}

gone()
{
	run 0 netns-setup down mgmt
	# Another test compares the complete host: here, every millisecond is emulated
	is "what is left" "$(ls /sys/class/net; ls /run/netns /run/netns-services)" "$left"
}

kind d0 '"info_kind":"dummy"' <<END
netns_links=d0
type_d0=dummy
END
changed keeps '$a mtu_d0=1400' '"mtu":1400'
changed keeps '$a mac_d0=52:54:00:12:34:56' '"address":"52:54:00:12:34:56"'
changed keeps 's/^mtu_d0=.*//' '"mtu":1500'
gone

kind v0 '"protocol":"802.1Q","id":42' <<END
netns_links=v0
type_v0=vlan
link_v0=eth0
vlan_id_v0=42
END
changed anew 's/^vlan_id_v0=.*/vlan_id_v0=43/' '"id":43'
changed anew '$a vlan_protocol_v0=802.1ad' '"protocol":"802.1ad"'
changed anew 's/^link_v0=.*/link_v0=eth1/' '"id":43'
changed anew 's/^vlan_protocol_v0=.*//' '"protocol":"802.1Q"'
changed keeps '$a mtu_v0=1400' '"mtu":1400'
gone

kind m0 '"mode":"bridge"' <<END
netns_links=m0
type_m0=macvlan
link_m0=eth0
END
changed keeps '$a mode_m0=vepa' '"mode":"vepa"'
changed anew 's/^mode_m0=.*/mode_m0=passthru/' '"mode":"passthru"'
changed anew 's/^mode_m0=.*/mode_m0=private/' '"mode":"private"'
changed keeps 's/^mode_m0=.*//' '"mode":"bridge"'
changed anew 's/^link_m0=.*/link_m0=eth1/' '"mode":"bridge"'
gone

kind i0 '"mode":"l3"' <<END
netns_links=i0
type_i0=ipvlan
link_i0=eth1
END
changed keeps '$a mode_i0=l2' '"mode":"l2"'
changed keeps 's/^mode_i0=.*//' '"mode":"l3"'
changed anew 's/^link_i0=.*/link_i0=eth0/' '"mode":"l3"'
gone

kind x0 '"id":7' '"remote":"203.0.113.9"' '"port":4789' <<END
netns_links=x0
type_x0=vxlan
vxlan_id_x0=7
vxlan_remote_x0=203.0.113.9
END
changed keeps 's/^vxlan_remote_x0=.*/vxlan_remote_x0=203.0.113.8/' '"remote":"203.0.113.8"'
changed keeps '$a vxlan_local_x0=203.0.113.7' '"local":"203.0.113.7"'
changed anew '$a vxlan_port_x0=8472' '"port":8472'
changed anew 's/^vxlan_id_x0=.*/vxlan_id_x0=8/' '"id":8'
changed anew 's/^vxlan_port_x0=.*//' '"port":4789'
changed anew 's/^vxlan_local_x0=.*//' '"remote":"203.0.113.8"'
changed anew 's/^vxlan_remote_x0=.*/vxlan_group_x0=239.1.1.1\nlink_x0=eth0/' '"group":"239.1.1.1"'
changed keeps 's/^vxlan_group_x0=.*/vxlan_group_x0=239.1.1.2/' '"group":"239.1.1.2"'
changed anew 's/^vxlan_group_x0=.*/vxlan_remote_x0=2001:db8:10::9/; s/^link_x0=.*//' '"remote6":"2001:db8:10::9"'
gone

kind b0 '"mode":"active-backup"' '"miimon":100' <<END
netns_links="b0 d0 d1"
type_b0=bond
mode_b0=active-backup
miimon_b0=100
slaves_b0="d0 d1"
type_d0=dummy
type_d1=dummy
END
run 0 $judge -n mgmt -o link show master b0
says d0
says d1
changed keeps 's/^miimon_b0=.*/miimon_b0=200/' '"miimon":200'
changed keeps 's/^slaves_b0=.*/slaves_b0=d0/' '"miimon":200'
run 0 $judge -n mgmt -o link show master b0
says d0
says_not d1
changed keeps 's/^slaves_b0=.*/slaves_b0="d1 d0"/' '"miimon":200'
run 0 $judge -n mgmt -o link show master b0
says d1
changed anew 's/^mode_b0=.*/mode_b0=balance-xor/' '"mode":"balance-xor"'
run 0 $judge -n mgmt -o link show master b0
says d0
says d1
gone

kind br0 '"stp_state":1' '"forward_delay":400' '"vlan_filtering":0' <<END
netns_links="br0 d0"
type_br0=bridge
stp_br0=on
forward_delay_br0=400
bridge_br0=d0
type_d0=dummy
END
changed keeps 's/^forward_delay_br0=.*/forward_delay_br0=500/' '"forward_delay":500'
changed keeps 's/^stp_br0=.*/stp_br0=off/' '"stp_state":0'
changed keeps '$a vlan_filtering_br0=on' '"vlan_filtering":1'
changed keeps 's/^forward_delay_br0=.*//' '"forward_delay":1500'
changed keeps 's/^vlan_filtering_br0=.*//' '"vlan_filtering":0'
changed keeps 's/^bridge_br0=.*//' '"stp_state":0'
run 0 $judge -n mgmt -o link show master br0
is "the ports" "$(cat /tmp/said)" ""
gone

kind d0 '"master":"blue"' <<END
netns_links="blue d0"
type_blue=vrf
table_blue=10
type_d0=dummy
master_d0=blue
END
run 0 $judge -n mgmt -d -j link show dev blue
says '"table":10'
# Without an address of its own: its routes are found through what is in the vrf
is_found()
{
	run 0 $judge -n mgmt route get 10.8.0.1 vrf blue
	says "via 10.7.0.2 dev d0 table $1"
	refused $judge -n mgmt route get 10.8.0.1
}
is_found 10
changed cycles 's/via 10.7.0.2"/via 10.7.0.2 table main"/' '"master":"blue"'
run 0 $judge -n mgmt route get 10.8.0.1
says "via 10.7.0.2 dev d0"
changed cycles 's/ table main//' '"master":"blue"'
is_found 10
changed cycles 's/^master_d0=.*//' '"info_kind":"dummy"'
changed cycles '$a master_d0=blue' '"master":"blue"'
sed -i 's/^table_blue=.*/table_blue=11/' /etc/conf.d/netns.mgmt
run 0 netns-setup reload mgmt
run 0 $judge -n mgmt -d -j link show dev blue
says '"table":11'
is_said '"master":"blue"'
is_found 11
gone

for type in gre ipip sit; do
	kind t0 "\"info_kind\":\"$type\"" '"local":"203.0.113.7"' '"remote":"203.0.113.9"' <<-END
		netns_links=t0
		type_t0=$type
		local_t0=203.0.113.7
		remote_t0=203.0.113.9
	END
	is "the namespace it was born in" "$($judge -n mgmt -d -j link show dev t0 | grep -c link_netnsid)" 1
	changed keeps 's/^remote_t0=.*/remote_t0=203.0.113.8/' '"remote":"203.0.113.8"'
	changed keeps '$a ttl_t0=64' '"ttl":64'
	is_said '"remote":"203.0.113.8"'
	changed keeps 's/^local_t0=.*//' '"local":"any"'
	changed keeps 's/^ttl_t0=.*//' '"ttl":0'
	if [ "$type" = gre ]; then
		changed keeps '$a key_t0=77' '"ikey":"0.0.0.77"'
		changed keeps 's/^key_t0=.*/key_t0=78/' '"okey":"0.0.0.78"'
		changed keeps 's/^key_t0=.*//' '"remote":"203.0.113.8"'
		is "the keys" "$($judge -n mgmt -d -j link show dev t0 | grep -c key)" 0
	fi
	gone
done
