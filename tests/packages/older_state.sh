#!/bin/sh
# A namespace that an older release has set up, in the state that it left in the kernel and in the
# state directory: the new programs take it over, change what they do otherwise, and take it down.
# $1 is the directory of the older release; it was written by running that release once. A release
# that writes another state adds a directory.
# shellcheck disable=SC1091
# shellcheck source=tests/packages/lib.sh
. /t/lib.sh
older=/t/$1

card
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
mkdir -p /etc/netns/mgmt
cp "$older/rules-nftables" /etc/netns/mgmt/nftables.nft
remember
# The namespace, as the older release made it. (How its identity is written has not changed.)
echo 'netns_links=""' >/etc/conf.d/netns.mgmt
run 0 netns-setup up mgmt
identity=$(sed -n 's/^identity=//p' /run/netns-services/mgmt/journal)
mac=$(cat /sys/class/net/eth1/address)
sh -e "$older/commands.sh" || fail "a command of the older release"
rm /run/netns-services/mgmt/*
for file in journal table table-listed rules-nftables etc met; do
	sed "s/IDENTITY/$identity/; s/MAC/$mac/" "$older/$file" >/run/netns-services/mgmt/$file
done
echo "$identity" >/run/netns-services/mgmt/ready
cp "$older/netns.mgmt" /etc/conf.d/netns.mgmt

# A service starts in it before anything was reloaded
netns=$(netns_named mgmt)
run 0 netns-exec mgmt -- cat /etc/resolv.conf
says "nameserver 192.0.2.53"
netns-exec mgmt -- sleep 4711 &
daemon=$!
run 0 netns-setup reload mgmt
says_not "link add"
says_not "link delete"
says_not "address"
run 0 netns-setup plan mgmt
says_not "+ "
is "the namespace" "$(netns_named mgmt)" "$netns"
kill "$daemon"
wait "$daemon"
run 0 netns-setup down mgmt
rm /etc/conf.d/netns.mgmt
is "the MTU of the network card" "$(cat /sys/class/net/eth1/mtu)" 1500
all_as_before
