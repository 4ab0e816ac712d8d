#!/bin/sh
# Links of every type that are created from another namespace. When that namespace is
# deleted or recreated, the links are recreated in the namespace that has its name now.
# Tunnels are judged by the packets that pass, the others by the parent that the kernel
# reports.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

wg=/judge/wg
umask 077
mkdir -p /etc/wireguard
for who in two far; do
	$wg genkey >/tmp/$who.key
	$wg pubkey </tmp/$who.key >/tmp/$who.pub
done
cat >/etc/wireguard/two.conf <<-END
	[Interface]
	PrivateKey = $(cat /tmp/two.key)
	[Peer]
	PublicKey = $(cat /tmp/far.pub)
	AllowedIPs = 10.7.0.2/32
	Endpoint = 10.1.0.1:51821
END
cat >/etc/conf.d/netns.low <<-'END'
	netns_links="up0"
	type_up0="veth"
	peer_up0="up1"
	config_up0="10.1.0.2/24"
	peer_config_up0="10.1.0.1/24"
END

# far TYPE - create the other end of a tunnel, on the host
far()
{
	case $1 in
	wireguard)
		$judge link add far0 type wireguard
		$wg set far0 private-key /tmp/far.key listen-port 51821 peer "$(cat /tmp/two.pub)" \
			allowed-ips 10.7.0.1/32
		;;
	vxlan) $judge link add far0 type vxlan id 7 local 10.1.0.1 remote 10.1.0.2 dstport 4789 ;;
	*) $judge link add far0 type "$1" local 10.1.0.1 remote 10.1.0.2 ;;
	esac
	$judge addr add 10.7.0.2/24 dev far0
	$judge link set far0 up
}

# settings TYPE - write the settings of two, whose link is x0
settings()
{
	case $1 in
	wireguard) more=wireguard_x0=/etc/wireguard/two.conf ;;
	vxlan) more='vxlan_id_x0=7 vxlan_local_x0=10.1.0.2 vxlan_remote_x0=10.1.0.1' ;;
	gre | ipip | sit) more='local_x0=10.1.0.2 remote_x0=10.1.0.1' ;;
	vlan) more='link_x0=up0 vlan_id_x0=7' ;;
	*) more='link_x0=up0' ;;
	esac
	printf '%s\n' netns_links=x0 "type_x0=$1" link_netns_x0=low config_x0=10.7.0.1/24 \
		'routes_x0="default dev x0"' "$more" >/etc/conf.d/netns.two
}

comes_from_low()
{
	case $type in
	vlan | macvlan | ipvlan)
		id=$($judge -n two -j link show x0 | sed -n 's/.*"link_netnsid":\([0-9]*\).*/\1/p')
		$judge -n two netns list-id | grep -qx "nsid $id (iproute2 netns name: low)"
		;;
	*) netns-exec two -- ping -c 1 -W 1 10.7.0.2 >/dev/null ;;
	esac
}

# whole - whether both are as their settings say, and x0 works
whole()
{
	run 0 netns-setup status low two
	run 0 netns-exec two -- true
	eventually "$type comes from low" comes_from_low
}

is_whole()
{
	netns-setup status low two >/dev/null 2>&1 && comes_from_low
}

# fates [WATCHED] - what happens to low
fates()
{
	run 0 netns-setup down low
	says "low: two is not ready until low is up again, because of the links between them"
	run 111 netns-exec two -- true
	run 1 netns-setup status two
	if [ "$type" = wireguard ]; then
		says "x0 was created in the namespace low, which is gone, and carries nothing"
		run 1 netns-setup doctor two
		says "x0 was created in the namespace low, which is gone, and carries nothing"
	fi
	run 0 netns-setup up low
	whole
	$judge netns delete low
	[ "${1-}" = watched ] || run 0 netns-setup up low
	eventually "$type is whole again" is_whole
	# The name belongs to a namespace of another program now
	$judge netns delete low
	$judge netns add low 2>/dev/null
	[ "${1-}" = watched ] || run 0 netns-setup up low
	eventually "$type is whole again" is_whole
	run 0 netns-setup down two low
	$judge netns delete low 2>/dev/null
}

for type in wireguard vxlan gre ipip sit vlan macvlan ipvlan; do
	settings "$type"
	case $type in
	vlan | macvlan | ipvlan) run 111 netns-setup up two ;;
	*)
		far "$type"
		# Nothing has to exist before
		run 0 netns-setup up two
		;;
	esac
	run 0 netns-setup up two low
	whole
	fates
	netns-setup watch low two >/tmp/watch 2>&1 &
	watch=$!
	eventually "$type is whole" is_whole
	fates watched
	kill $watch
	wait $watch
	cat /tmp/watch
	! $judge link show far0 >/dev/null 2>&1 || $judge link delete far0
done
