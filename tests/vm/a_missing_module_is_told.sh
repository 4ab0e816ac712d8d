#!/bin/sh
# What the running kernel cannot do is told by check, before anything is tried: of a link of
# each type that it has, check says nothing; without the module, it names the link. check
# itself loads no module.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

types="bridge dummy vlan macvlan ipvlan vxlan bond vrf gre ipip sit wireguard tap veth"
lists=/lib/modules/$(uname -r)

# settings TYPE... - the settings of a namespace with a link of each type
settings()
{
	number=0
	links=
	for type; do
		number=$((number + 1))
		links="$links l$number"
		echo "type_l$number=$type"
		case $type in
		vlan) echo "link_l$number=eth1 vlan_id_l$number=5" | tr ' ' '\n' ;;
		macvlan | ipvlan) echo "link_l$number=eth1" ;;
		vxlan) echo "vxlan_id_l$number=5" ;;
		vrf) echo "table_l$number=5" ;;
		gre | ipip | sit)
			echo "local_l$number=192.0.2.2"
			echo "remote_l$number=192.0.2.$((100 + number))"
			;;
		wireguard) echo "wireguard_l$number=/etc/wireguard/wg0.conf" ;;
		esac
	done
	echo "netns_links=\"$links\""
}

loaded()
{
	cut -d ' ' -f 1 /proc/modules | sort
}

mkdir -p /etc/wireguard
printf '[Interface]\nPrivateKey = %s\n' "$(/judge/wg genkey)" >/etc/wireguard/wg0.conf
chmod 600 /etc/wireguard/wg0.conf
# shellcheck disable=SC2086  # several words
settings $types >/etc/conf.d/netns.mgmt
before=$(loaded)
run 0 netns-setup check mgmt
is "what check says of $types" "$(cat /tmp/said)" ""

mkdir /tmp/lists
cp "$lists"/modules.* /tmp/lists
mount -t tmpfs lists "$lists"
for type in vxlan vrf wireguard; do
	grep -v "rtnl-link-$type " /tmp/lists/modules.alias >"$lists/modules.alias"
	cp /tmp/lists/modules.builtin.modinfo "$lists"
	settings dummy $type >/etc/conf.d/netns.mgmt
	run 0 netns-setup check mgmt
	says "netns.mgmt:"
	says "l2 is a $type, and this kernel has no module for that"
	says_not "l1 is"
done
is "the modules that are loaded" "$(loaded)" "$before"
rm "$lists/modules.alias"
run 0 netns-setup check mgmt
is "what check says without lists" "$(cat /tmp/said)" ""
