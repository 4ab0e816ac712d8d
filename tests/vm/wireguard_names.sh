#!/bin/sh
# Endpoints given by host name: resolved where the tunnel was created, later if necessary.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

wg=/judge/wg
own=$($wg genkey)
public=$($wg genkey | $wg pubkey)
mkdir -p /etc/wireguard

# file NETNS NAME - write the settings of a namespace whose peer has this name as its endpoint
file()
{
	cat >"/etc/wireguard/$1.conf" <<-END
		[Interface]
		PrivateKey = $own
		[Peer]
		PublicKey = $public
		Endpoint = $2:7
	END
	chmod 600 "/etc/wireguard/$1.conf"
	cat >"/etc/conf.d/netns.$1" <<-END
		netns_links="wg0"
		type_wg0=wireguard
		wireguard_wg0=/etc/wireguard/$1.conf
		${3-}
	END
}

endpoint()
{
	$judge netns exec "$1" $wg show wg0 endpoints | cut -f 2
}

$judge netns add other
mkdir -p /etc/netns/other
cp /etc/hosts /tmp/hosts
echo "192.0.2.1 vpn.example.org" >>/etc/hosts
echo "192.0.2.7 vpn.example.org" >/etc/netns/other/hosts
file mgmt vpn.example.org
file far vpn.example.org link_netns_wg0=other
run 0 netns-setup plan mgmt
says "+ ip netns exec mgmt wg set wg0 peer $public endpoint vpn.example.org:7"
run 0 netns-setup up mgmt far
is "the endpoint" "$(endpoint mgmt)" 192.0.2.1:7
is "the endpoint of what was born elsewhere" "$(endpoint far)" 192.0.2.7:7
cmp -s /etc/netns/other/hosts /etc/hosts && fail "the host's own file has been laid over"
run 0 netns-setup up mgmt far
is "what a second up says" "$(cat /tmp/said)" ""

# The name has another address: only watch finds that
sed -i 's/192.0.2.1 /192.0.2.2 /' /etc/hosts
run 0 netns-setup reload mgmt
is "what reload says" "$(cat /tmp/said)" ""
run 0 netns-setup status mgmt

# Another name; then one that does not resolve, which delays nothing
echo "192.0.2.3 other.example.org" >>/etc/hosts
file mgmt other.example.org
run 0 netns-setup reload mgmt
says "endpoint other.example.org:7"
is "the endpoint" "$(endpoint mgmt)" 192.0.2.3:7
run 0 netns-setup down mgmt
file mgmt late.example.org
run 0 netns-setup up mgmt
says "wg0 has no endpoint for the peer $public yet: "
says "asked for by wireguard_wg0 at /etc/conf.d/netns.mgmt:3"
is "the endpoint" "$(endpoint mgmt)" "(none)"
run 1 netns-setup status mgmt
says "endpoint late.example.org:7"
echo "2001:db8::7 late.example.org" >>/etc/hosts
run 0 netns-setup up mgmt
is "the endpoint" "$(endpoint mgmt)" "[2001:db8::7]:7"
run 0 netns-setup status mgmt
