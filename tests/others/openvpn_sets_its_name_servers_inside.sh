#!/bin/sh
# A real OpenVPN in a namespace, with name servers that its server sends and Debian's own script
# update-resolv-conf, which calls the host's resolvconf. Processes inside see them while the client
# runs; before and afterwards they see what the settings say. The host keeps every byte of its own.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# The host, as the maintainer scripts of resolvconf would set it up
if [ -d /usr/share/resolvconf ]; then
	mkdir -p /run/resolvconf/interface
	: >/run/resolvconf/enable-updates
	ln -sf ../run/resolvconf/resolv.conf /etc/resolv.conf
fi
if command -v resolvconf >/dev/null; then
	printf 'nameserver 203.0.113.53\n' | resolvconf -a eth0 2>/dev/null
else
	echo 'nameserver 203.0.113.53' >/etc/resolv.conf
fi
is "what the host sees" "$(sed -n 's/^nameserver //p' /etc/resolv.conf)" 203.0.113.53

# hosts - print everything that is stored on the host
hosts()
{
	find /etc/resolv* /etc/netns /run/resolvconf ! -type d -exec ls -l --full-time {} \; \
		-exec md5sum {} \; 2>/dev/null | sort
}

# The provider: a server, and a key for each end
$judge netns add provider
$judge link add p0 type veth peer name p1 netns provider
$judge addr add 198.51.100.2/24 dev p0
$judge link set p0 up
$judge -n provider addr add 198.51.100.1/24 dev p1
$judge -n provider link set p1 up
$judge -n provider link set lo up
for end in server client; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj "/CN=$end" -keyout /tmp/$end.key -out /tmp/$end.crt 2>/tmp/said || fail "no key: $(cat /tmp/said)"
done
fingerprint()
{
	openssl x509 -in "/tmp/$1.crt" -noout -fingerprint -sha256 | cut -d = -f 2
}
# shellcheck disable=SC2016  # not for this shell
$judge netns exec provider openvpn --dev tun1 --dev-type tun --server 10.8.1.0 255.255.255.0 \
	--topology subnet --tls-server --dh none --key /tmp/server.key --cert /tmp/server.crt \
	--peer-fingerprint "$(fingerprint client)" --push 'dhcp-option DNS 10.8.1.1' \
	--push 'dhcp-option DNS 10.8.1.7' --push 'dhcp-option DOMAIN vpn.example' \
	--push 'dhcp-option DNS $(reboot)' --keepalive 1 30 >/tmp/server 2>&1 &

# sees SERVERS - whether processes that were there, and new ones, see these name servers, and the
# host its own
sees()
{
	of_early=$(sed -n 's/^nameserver //p' "/proc/$early/root/etc/resolv.conf" | tr '\n' ' ')
	of_now=$(netns-exec vpn -- sed -n 's/^nameserver //p' /etc/resolv.conf | tr '\n' ' ')
	[ "$of_early $of_now" = "$1  $1 " ] && [ "$(hosts)" = "$before" ]
}
shows()
{
	sees "$1" && return
	printf 'seen: %s, %s, expected %s\n' "$of_early" "$of_now" "$1"
	printf 'the host has %s\nhad %s\n' "$(hosts)" "$before"
	cat /tmp/client
	fail "$2"
}
is_inside()
{
	[ "$(cat "/proc/$early/comm")" = sleep ]
}
is_up()
{
	grep -q 'Initialization Sequence Completed' /tmp/client
}
has_ended()
{
	! kill -0 "$1" 2>/dev/null
}

if command -v resolvconf >/dev/null; then theirs='10.8.1.1 10.8.1.7'; else theirs=; fi
for own in 192.0.2.2 203.0.113.53; do
	printf '### without a client: %s\n' "$own"
	cat >/etc/conf.d/netns.vpn <<-'SETTINGS'
		netns_links="ve0"
		type_ve0="veth"
		config_ve0="10.8.0.2/24"
		peer_config_ve0="10.8.0.1/24"
		routes_ve0="198.51.100.1 via 10.8.0.1"
		netns_masquerade="p0"
	SETTINGS
	[ $own != 192.0.2.2 ] || echo "netns_dns=\"$own\"" >>/etc/conf.d/netns.vpn
	run 0 netns-setup up vpn
	before=$(hosts)
	netns-exec vpn -- sleep 1000 &
	early=$!
	eventually "it is inside" is_inside
	shows "$own" "before the client"
	for signal in TERM KILL; do
		: >/tmp/client
		netns-exec vpn -- openvpn --dev tun0 --dev-type tun --client --remote 198.51.100.1 --nobind \
			--key /tmp/client.key --cert /tmp/client.crt --peer-fingerprint "$(fingerprint server)" \
			--script-security 2 --up /etc/openvpn/update-resolv-conf \
			--down /etc/openvpn/update-resolv-conf >/tmp/client 2>&1 &
		client=$!
		eventually "the tunnel is up" is_up
		eventually "the name servers are there" sees "${theirs:-$own}"
		shows "${theirs:-$own}" "with the client"
		[ -z "$theirs" ] || is "what is searched" \
			"$(netns-exec vpn -- sed -n 's/^search //p' /etc/resolv.conf)" vpn.example
		run 0 netns-setup reload vpn
		run 0 netns-exec --heal vpn
		shows "${theirs:-$own}" "after a reload"
		kill -$signal $client
		eventually "the client has ended" has_ended $client
		[ $signal = KILL ] || shows "$own" "after the client"
	done
	# A killed client has called no script
	shows "${theirs:-$own}" "after a client that was killed"
	kill "$early"
	eventually "it has ended" has_ended "$early"
	run 0 netns-setup down vpn
	run 0 netns-setup up vpn
	is "what is seen after a restart" "$(netns-exec vpn -- sed -n 's/^nameserver //p' /etc/resolv.conf)" "$own"
	run 0 netns-setup down vpn
done
