#!/bin/sh
# WireGuard: each change of wg(8)'s file is applied, and nothing else is touched. Judged
# by wg(8): netns-setup must make the same of a file as wg.
# shellcheck source=tests/vm/tunnel.sh
. /t/tunnel.sh

run 0 netns-setup up mgmt far
as_wg_does /etc/wireguard/near.conf
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2

# Whatever changes, the handshake with a peer whose configuration stays is kept
shook=$(of_far latest-handshakes)
[ "$shook" -gt 0 ] || fail "no handshake"
third_nets='10.10.0.0/24, 10.12.0.0/16' third_at='Endpoint = [2001:db8::9]:8'
near
reloaded
third_at='Endpoint = 192.0.2.8:8
PersistentKeepalive = 25' third_nets='0.0.0.0/0,::/0'
near
reloaded
mark='FwMark = off'
near
reloaded
third_at="PresharedKey = $($wg genpsk)
Endpoint = 192.0.2.8:8"
near
reloaded
third_nets=
near
reloaded
third_nets=10.13.0.0/16 third_at=
near
reloaded
far_nets="$far_nets, 10.14.0.0/16"
near
reloaded
is "the handshake" "$(of_far latest-handshakes)" "$shook"
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2

# What another program configured stays; a peer that has moved is not wrong
$mgmt $wg set wg0 peer "$(cat /tmp/fourth.pub)" allowed-ips 10.15.0.0/16
$mgmt $wg set wg0 peer "$(cat /tmp/far.pub)" endpoint 192.0.2.1:9
run 0 netns-setup reload mgmt
is "what reload says" "$(cat /tmp/said)" ""
run 0 netns-setup status mgmt
$mgmt $wg set wg0 peer "$(cat /tmp/far.pub)" endpoint $far_at
$mgmt $wg set wg0 peer "$(cat /tmp/fourth.pub)" remove
$mgmt $wg set wg0 fwmark 7
run 1 netns-setup status mgmt
reloaded

# An error leaves it as it was, including the keys
$mgmt $wg showconf wg0 | sections >/tmp/before
cp /etc/wireguard/near.conf /tmp/near.conf
cp /etc/conf.d/netns.mgmt /tmp/netns.mgmt
psk=$shared
own=fourth shared='' far_nets=10.9.0.0/16 third_nets='' mark='FwMark = 9'
near
cat >/etc/wireguard/wg1.conf <<-END
	[Interface]
	PrivateKey = $(cat /tmp/third.key)
	ListenPort = $port
END
chmod 600 /etc/wireguard/wg1.conf
sed -i 's/"wg0"/"wg0 wg1"/' /etc/conf.d/netns.mgmt
cat >>/etc/conf.d/netns.mgmt <<-'END'
	type_wg1=wireguard
	wireguard_wg1=/etc/wireguard/wg1.conf
END
run 100 netns-setup reload mgmt
says "/etc/wireguard/wg1.conf:3: the ListenPort $port of wg1 is that of wg0 too, at /etc/wireguard/near.conf:3"
# By the link of another namespace, and by a socket in the namespace where this one was
# created
$judge link add hold type wireguard
$wg set hold listen-port 51841
$judge link set hold netns other up
sed -i 's/^ListenPort.*/ListenPort = 51841/' /etc/wireguard/wg1.conf
run 111 netns-setup reload mgmt
says "set wg1 up"
says "its ListenPort 51841 is in use by hold in other"
says "have been undone"
$judge -n other link delete hold
$mgmt $wg showconf wg0 | sections >/tmp/now
diff -U 0 /tmp/before /tmp/now || fail "wg0 is not as it was"
run 1 $judge -n mgmt link show wg1
cp /tmp/netns.mgmt /etc/conf.d/netns.mgmt

# One that the link itself reports: it is up and cannot use a port that is in use
$judge link add hold type wireguard
$wg set hold listen-port 51840
$judge link set hold up
cp /tmp/near.conf /etc/wireguard/near.conf
sed -i 's/^listenport=.*/listenport=51840/' /etc/wireguard/near.conf
run 111 netns-setup reload mgmt
says 'cannot run "ip netns exec mgmt wg syncconf wg0 /etc/wireguard/near.conf"'
says "its ListenPort 51840 is in use by hold of the host"
says_not "is gone again"
$mgmt $wg showconf wg0 | sections >/tmp/now
diff -U 0 /tmp/before /tmp/now || fail "wg0 is not as it was"
$judge link delete hold

# The port, and then the key, which is unknown at the other end
port=51830 own=near shared=$psk far_nets='10.9.0.2/32, 2001:db8:9::2/128'
near
reloaded
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2
own=fourth
near
reloaded
refused netns-exec mgmt -- ping -c 1 -W 1 10.9.0.2
cp /tmp/near.conf /etc/wireguard/near.conf
reloaded
run 0 netns-exec mgmt -- ping -c 1 -W 5 10.9.0.2

# More peers and networks than fit into one message
{
	cat /tmp/near.conf
	for n in $(seq 90); do
		printf '[Peer]\nPublicKey = %s\nPresharedKey = %s\nAllowedIPs = 10.20.%s.0/24\n' \
			"$($wg genkey | $wg pubkey)" "$($wg genpsk)" "$n"
	done
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.30.0.0' "$($wg genkey | $wg pubkey)"
	seq 900 | awk '{ printf ", 10.%d.%d.0/24", 40 + int($1 / 250), $1 % 250 }'
	printf '\n'
} >/etc/wireguard/near.conf
reloaded
cp /tmp/near.conf /etc/wireguard/near.conf
reloaded
