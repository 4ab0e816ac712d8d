#!/bin/sh
# The client identifier of the settings reaches a real DHCP server as it is written, whichever
# client runs. Judged by the server's leases, and by the address that it keeps for an identifier.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

plug_in
$judge link set eth1 up
long=$(printf '%047d' 7 | tr 0 x)   # 48 bytes with its type: dhcpcd takes no more
hex=$(printf '%s' "$long" | od -An -v -tx1 | tr -d '\n' | tr ' ' :)
label=$(printf '%063d' 0 | tr 0 a)
long_name=$label.$label.$label.$(printf '%058d' 0 | tr 0 a)   # 250 bytes
far dnsmasq --port=0 --conf-file=/dev/null --user=root --log-dhcp --log-facility=/tmp/log \
	--pid-file=/tmp/dnsmasq.pid --dhcp-leasefile=/tmp/leases --interface=far --bind-interfaces \
	--dhcp-range=192.0.2.100,192.0.2.150,1h --dhcp-host=id:01:52:54:00:12:34:56,192.0.2.77 \
	--dhcp-host=id:00:77:65:62,192.0.2.78 || fail "no server"

# told - print the identifier of the only lease, and its address
told()
{
	awk '{ print $5, $3 }' /tmp/leases
}

is_leased()
{
	[ "$(told | grep -c .)" = 1 ] && [ -e /run/netns-services/mgmt/dhcp-eth1.lease ]
}

none_left()
{
	[ ! -s /tmp/leases ]
}

for client in dhcpcd udhcpc; do
	[ $client = dhcpcd ] || rm "$(command -v dhcpcd)"
	for id in 01:52:54:00:12:34:56 web 01:02 00:00 FF:ff:0a:00:0d "$long"; do
		name=$long_name
		case $id in
		web) bytes=00:77:65:62 ;;
		x*)
			bytes=00$hex
			name=$label.$label.$label.aaaaaaaaaaaaaaa   # with it 255: udhcpc sends no more
			;;
		*) bytes=$(printf '%s' "$id" | tr A-F a-f) ;;
		esac
		case $id in 01:52:*) name=${long_name%aa} ;; esac   # with it 255, too
		cat >/etc/conf.d/netns.mgmt <<-END
			netns_links=eth1
			config_eth1=dhcp
			dhcp_client_id_eth1="$id"
			dhcp_hostname_eth1="$name"
		END
		run 0 netns-setup up mgmt
		says "ip netns exec mgmt $client eth1"
		eventually "there is a lease" is_leased
		cat /tmp/leases
		is "what $client told of $id" "$(told | cut -d ' ' -f 1)" "$bytes"
		case $id in
		01:52:*) is "its address" "$(told | cut -d ' ' -f 2)" 192.0.2.77 ;;
		web) is "its address" "$(told | cut -d ' ' -f 2)" 192.0.2.78 ;;
		esac
		run 0 netns-setup down mgmt
		eventually "the lease is released" none_left
		eventually "the card is back" test -d /sys/class/net/eth1
	done
done
