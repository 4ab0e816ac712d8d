#!/bin/sh
# Alpine has busybox's ip, without -n and netns: the commands that errors print work with it.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

refused ip -n mgmt link show

# typed BEFORE AFTER - type the command that the last error printed between these words
typed()
{
	hint=$(sed -n "s/.*$1//p" /tmp/said | sed "s/$2\$//" | tail -n 1)
	[ -n "$hint" ] || fail "no hint after \"$1\""
	run 0 sh -c "$hint"
}

cat >/etc/conf.d/netns.mgmt <<'END'
netns_links="v0"
type_v0="veth"
config_v0="10.7.0.2/24"
END

# A link of others
$judge netns add mgmt
$judge -n mgmt link add v0 type bridge
run 111 netns-setup up mgmt
typed "delete it: " ""
run 0 netns-setup up mgmt

# The journal cannot be read
echo x >/run/netns-services/mgmt/journal
refused netns-setup down --force mgmt
typed "shows it; " " gives devices back.*"
# (The kernel needs time to delete the links of a deleted namespace)
other_end_is_gone() { ! ip link show mgmt-v0 >/dev/null 2>&1; }
eventually "the other end is gone" other_end_is_gone
run 0 netns-setup up mgmt
run 0 netns-setup down mgmt

# The name is that of the host's namespace
: >/run/netns/mgmt
mount -o bind /proc/1/ns/net /run/netns/mgmt
refused netns-exec mgmt -- true
typed "remove the name: " "; or, if.*"
: >/run/netns/mgmt
mount -o bind /proc/1/ns/net /run/netns/mgmt
refused netns-setup up mgmt
typed "remove the name: " ""
run 0 netns-setup up mgmt

# A NIC in a namespace of others, and the page's last resort
$judge netns add other
for way in "netns-exec other --" "nsenter --net=/run/netns/other"; do
	$judge link add eth7 type veth peer name far7
	$judge link set eth7 netns other
	run 0 sh -c "$way ip link set eth7 netns 1"
	run 0 ip link show eth7
	run 0 ip link delete eth7
done
