#!/bin/sh
# From the tarball alone, on a machine that has neither a compiler nor git: installed by one command,
# README's main job done, upgraded while a namespace is up, and removed.
# shellcheck source=tests/packages/lib.sh
. /t/lib.sh

for program in cc make git cargo; do
	! command -v "$program" >/dev/null || fail "there is $program"
done
if [ "$1" = runit ]; then
	# As Void and Artix: without OpenRC
	rm -rf /etc/init.d /etc/conf.d /etc/rc.conf /etc/runlevels /lib/rc /lib/lsb /run/openrc
	for program in openrc openrc-run rc-service rc-update rc-status rc-depend start-stop-daemon supervise-daemon; do
		rm -f "$(command -v $program)"
	done
fi
mkdir /unpacked
find / -xdev -type f ! -path '/unpacked/*' ! -path '/tmp/*' 2>/dev/null | sort >/tmp/files.before
run 0 tar -xzf "$(echo /dist/netns-services-*-x86_64.tar.gz)" -C /unpacked
installer=$(echo /unpacked/*/install)

# new_files - print those that this machine did not have before. (Debian's busybox has no comm)
new_files()
{
	find / -xdev -type f ! -path '/unpacked/*' ! -path '/tmp/*' 2>/dev/null | sort |
		awk 'NR == FNR { before[$0]; next } !($0 in before)' /tmp/files.before -
}
has_nothing()
{
	is "what is there" "$(new_files)" ""
}
# Not root; and a file system that cannot be written to
refused chpst -u nobody "$installer"
says "only root may install"
has_nothing
mount --bind /usr /usr
mount -o remount,bind,ro /usr
refused "$installer"
says "Read-only file system"
says "nothing was installed"
umount -l /usr
has_nothing
# Unpacked to where no program may run
mkdir /noexec
mount -t tmpfs -o noexec noexec /noexec
cp -R /unpacked/. /noexec/
refused /noexec/*/install
run 0 sh /noexec/*/install
umount /noexec
run 0 "$installer"
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

# A watch runs while the programs are replaced, and removed
echo 'netns_links=""' >/etc/conf.d/netns.watched
netns-setup watch watched >/tmp/watch 2>&1 &
watch=$!
eventually "the watch is at work" test -e /run/netns-services/watched/ready
program=$(stat -L -c %d:%i "/proc/$watch/exe")

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
eventually "the watch is the new program" is_new_program "$watch"
[ "$(stat -L -c %d:%i "/proc/$watch/exe")" != "$program" ] || fail "the install has not replaced the program"

if [ "$1" != runit ]; then
	# Without the hook, and with it again
	run 0 "$installer" --without-hook
	says "/etc/conf.d/inside has a netns=: OpenRC now starts this service on the host"
	[ ! -e /etc/rc.conf.d/netns.conf ] || fail "the hook is there"
	run 0 "$installer"
	later
	run 0 rc-service inside restart
	is_inside
	before=$daemon
fi

# Removed: nothing of the running namespace changes
run 0 "$installer" --remove
[ "$1" = runit ] || says "/etc/conf.d/inside has a netns=: OpenRC now starts this service on the host"
says "/etc/conf.d/netns is kept, because it was edited"
says "the namespace mgmt is up, and stays as it is"
is "the namespace" "$(netns_named mgmt)" "$netns"
is "the namespace of the daemon" "$(netns_of "$before")" "$netns"
$judge -n mgmt -o -4 addr show dev eth1 | grep -q 'inet 192\.0\.2\.' || fail "the address is gone"

$judge -n watched link set lo down
eventually "the watch repairs" has_lo
kill "$watch"
wait "$watch"

# The owner's own files, and the state of the namespace, are all that is left
new_files |
	grep -v -e '^/etc/conf.d/netns' -e '^/etc/conf.d/inside' -e '^/etc/init.d/inside' -e '^/etc/sv/' \
		-e '^/etc/netns/mgmt/' -e '^/var/' >/tmp/left
is "what is left" "$(cat /tmp/left)" ""
