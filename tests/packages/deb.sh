#!/bin/sh
# The Debian package: installed by dpkg, the main job done, upgraded while a namespace is up, removed
# and purged. $1 is the init.
# shellcheck source=tests/packages/lib.sh
. /t/lib.sh

has_address()
{
	$judge -n mgmt -o -4 addr show dev eth1 | grep -q "inet $1/24"
}

old=$(echo /dist/old/*.deb) new=$(echo /dist/new/*.deb)
: >>/var/lib/dpkg/status
# dpkg wants to know of it, and the package has no library
command -v ldconfig >/dev/null || ln -s /bin/true /usr/sbin/ldconfig
run 0 dpkg -i "$old"
plug_in
echo 'netns_links="eth1"
config_eth1="192.0.2.10/24"' >/etc/conf.d/netns.mgmt
if [ "$1" = runit ]; then
	runit_does_the_job /usr/share/netns-services/runit/netns
else
	openrc_does_the_job
fi
before=$daemon netns=$(netns_named mgmt)
if [ "$1" != runit ]; then
	openrc_service scripted
	echo 'netns_mode="script"' >>/etc/conf.d/scripted
	openrc_service plain
	rm /etc/conf.d/plain
	later
	run 0 rc-service scripted start
fi
# A trial waits for its confirmation, and a watch runs, while the programs are replaced
sed -i 's,10/24,10/24 192.0.2.11/24,' /etc/conf.d/netns.mgmt
netns-setup try mgmt --within 600 >/tmp/trial 2>&1 &
eventually "the trial waits" grep -q 'netns-setup confirm mgmt' /tmp/trial
echo 'netns_links=""' >/etc/conf.d/netns.watched
netns-setup watch watched >/tmp/watch 2>&1 &
watch=$!
eventually "the watch is at work" test -e /run/netns-services/watched/ready
is_new_program "$watch" || fail "the watch is another program before the upgrade"
program=$(stat -L -c %d:%i "/proc/$watch/exe")

run 0 dpkg -i "$new"
says "the namespace mgmt is up, and stays as it is"
is "the namespace" "$(netns_named mgmt)" "$netns"
is "the namespace of the daemon" "$(netns_of "$before")" "$netns"
run 0 netns-setup confirm mgmt
eventually "the address of the trial stays" has_address 192.0.2.11
run 0 netns-setup reload mgmt
is "what a reload by the new programs says" "$(cat /tmp/said)" ""
# (It waits until no trial is running)
eventually "the watch is the new program" is_new_program "$watch"
[ "$(stat -L -c %d:%i "/proc/$watch/exe")" != "$program" ] || fail "the upgrade has not replaced the program"
$judge -n watched link set lo down
eventually "the watch repairs" has_lo
kill "$watch"
run 0 netns-setup down watched

# Removed: the settings stay, with them the hook, and what has a netns= does not start on the host
run 0 dpkg -r netns-services
says "the namespace mgmt is up, and stays as it is"
is "the namespace" "$(netns_named mgmt)" "$netns"
is "the namespace of the daemon" "$(netns_of "$before")" "$netns"
[ ! -e /usr/sbin/netns-exec ] || fail "netns-exec is still there"
if [ "$1" != runit ]; then
	openrc_service another
	later
	run 0 rc-update -u
	says_not netns   # of the scripts that are left
	refused rc-service another start
	says "/etc/conf.d/another:1: netns=\"mgmt\": netns-exec is not installed, and this hook of it still is"
	refused rc-service scripted restart
	is "the namespace of a script's daemon" "$(netns_of "$(cat /run/scripted.pid)")" "$netns"
	refused "$judge" netns exec mgmt rc-service plain start
	says "plain: called inside the namespace mgmt, and netns-exec, which goes to the host, is not installed"
	# All other services, and what only stops, are as before
	for verb in start status restart stop; do
		run 0 rc-service plain $verb
		says_not "not found"
	done
	for service in scripted inside; do
		for verb in status stop; do
			run 0 rc-service $service $verb
			says_not "not found"
		done
		[ ! -e /proc/"$(cat /run/$service.pid 2>/dev/null || echo none)" ] || fail "$service runs"
	done
	refused rc-service netns.mgmt restart
	is "the namespace" "$(netns_named mgmt)" "$netns"
fi
run 0 dpkg -P netns-services
[ "$1" = runit ] || says "/etc/conf.d/another has a netns=: OpenRC now starts this service on the host"
is "the namespace" "$(netns_named mgmt)" "$netns"
find /etc /usr /lib/lsb -name '*netns*' ! -path '/usr/share/man/*' >/tmp/left
grep -v -e /etc/conf.d/netns.mgmt -e /etc/conf.d/netns.watched -e /etc/init.d/netns.mgmt -e /etc/sv/netns-mgmt -e /etc/service/ -e '^/etc/netns' \
	-e /usr/bin/lsns -e /usr/lib/modules /tmp/left >/tmp/ours || :
is "what is left of it" "$(cat /tmp/ours)" ""
