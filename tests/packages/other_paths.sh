#!/bin/sh
# A packager's paths, as Void, Alpine and others have them: what make install made of them does the
# main job, and nothing reads the paths that are usual.
# shellcheck source=tests/packages/lib.sh
. /t/lib.sh

copy_to_root /installed
for path in /usr/sbin/netns-exec /usr/sbin/netns-setup /usr/libexec/netns-services /usr/share/netns-services; do
	[ ! -e "$path" ] || fail "$path is there"
done
rm -f /usr/sbin/resolvconf /usr/bin/resolvconf
settings_by_dhcp
# Nobody's environment names the hook of the DHCP client
printf '#!/bin/sh\ntouch /tmp/called\n' >/tmp/dhcp-hook
chmod +x /tmp/dhcp-hook
mkdir -p /tmp/netns-services
ln -s /tmp/dhcp-hook /tmp/netns-services/
export NETNS_LIBEXECDIR=/tmp LIBEXECDIR=/tmp
run 0 netns-setup up mgmt
eventually "there is a lease" has_lease
unset NETNS_LIBEXECDIR LIBEXECDIR
openrc_does_the_job
[ ! -e /tmp/called ] || fail "the environment names the hook"

# A file of rules, and its service
mkdir -p /etc/netns/mgmt
echo 'table inet fw { chain input { type filter hook input priority 0; policy accept; }; }' >/etc/netns/mgmt/nftables.nft
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
ln -s netns-nftables /etc/init.d/netns-nftables.mgmt
run 0 rc-service netns-nftables.mgmt start
$judge netns exec mgmt /judge/nft list table inet fw >/dev/null || fail "no rules"

# What its texts say to type is there
for page in /usr/share/doc/odd/README.md /usr/share/man/man8/netns-setup.8 /usr/share/man/man8/netns-exec.8; do
	grep -oE '/(usr|opt)/[a-z/.-]*(netns-services|odd|data)[a-zA-Z0-9/_.-]*' "$page" | sort -u >/tmp/paths
	while read -r path; do
		[ -e "$path" ] || fail "$page says $path, and that is not there"
	done </tmp/paths
done

run 0 rc-service netns.mgmt stop
[ ! -e /run/netns/mgmt ] || fail "the namespace is still there"
mkdir -p /etc/sv /etc/service
runit_does_the_job /opt/data/runit/netns
