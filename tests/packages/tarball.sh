#!/bin/sh
# From the tarball alone, on a machine that has neither a compiler nor git: installed by one command,
# README's main job done, upgraded while a namespace is up, and removed.
# shellcheck source=tests/packages/lib.sh
. /t/lib.sh

for program in cc make git cargo; do
	! command -v "$program" >/dev/null || fail "there is $program"
done
mkdir /unpacked
find / -xdev -type f ! -path '/unpacked/*' ! -path '/tmp/*' 2>/dev/null | sort >/tmp/files.before
run 0 tar -xzf "$(echo /dist/netns-services-*-x86_64.tar.gz)" -C /unpacked
run 0 /unpacked/*/install
installer=$(echo /unpacked/*/install)
run 0 netns-setup --version
run 0 netns-exec --help
refused "$installer" --unknown
says "expected nothing, --without-hook or --remove"

plug_in
echo 'netns_links="eth1"
config_eth1="192.0.2.10/24"' >/etc/conf.d/netns.mgmt
if [ "$1" = runit ]; then
	runit_does_the_job /usr/share/netns-services/runit/netns
else
	openrc_does_the_job
fi
before=$daemon netns=$(netns_named mgmt)

# The next release: programs that run go on, and the settings that were edited are kept
echo '# edited' >>/etc/conf.d/netns
run 0 "$installer"
says "/etc/conf.d/netns is kept, because it was edited"
says "the namespace mgmt is up, and stays as it is"
is "the namespace" "$(netns_named mgmt)" "$netns"
is "the namespace of the daemon" "$(netns_of "$before")" "$netns"
run 0 netns-setup reload mgmt
is "what a reload by the new programs says" "$(cat /tmp/said)" ""
run 0 netns-setup status mgmt
says "mgmt: ready, as its settings say"

if [ "$1" != runit ]; then
	# Without the hook, and with it again
	run 0 "$installer" --without-hook
	[ ! -e /etc/rc.conf.d/netns.conf ] || fail "the hook is there"
	run 0 "$installer"
	later
	run 0 rc-service inside restart
	is_inside
	before=$daemon
fi

# Removed: nothing of the running namespace changes
run 0 "$installer" --remove
says "/etc/conf.d/netns is kept, because it was edited"
says "the namespace mgmt is up, and stays as it is"
is "the namespace" "$(netns_named mgmt)" "$netns"
is "the namespace of the daemon" "$(netns_of "$before")" "$netns"
$judge -n mgmt -o -4 addr show dev eth1 | grep -q 'inet 192\.0\.2\.' || fail "the address is gone"

# The owner's own files, and the state of the namespace, are all that is left
find / -xdev -type f ! -path '/unpacked/*' ! -path '/tmp/*' 2>/dev/null | sort >/tmp/files.after
comm -13 /tmp/files.before /tmp/files.after |
	grep -v -e '^/etc/conf.d/netns' -e '^/etc/conf.d/inside' -e '^/etc/init.d/inside' -e '^/etc/sv/' \
		-e '^/etc/netns/mgmt/' -e '^/var/' >/tmp/left
is "what is left" "$(cat /tmp/left)" ""
