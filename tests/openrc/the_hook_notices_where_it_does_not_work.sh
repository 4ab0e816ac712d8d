#!/bin/sh
# The hook depends on how OpenRC's shell script is written, and on its shell. If one of
# them is not as expected, a service with netns= is not started at all, not even on the
# host; all others start.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
wrapper=$(find /usr/libexec/rc /usr/lib/rc /lib/rc -name openrc-run.sh 2>/dev/null | head -n 1)
scripts=${wrapper%/*}
$judge netns add mgmt
script web <<'END'
	command=/bin/sleep
	command_args=600
	command_background=yes
	pidfile=/run/$RC_SVCNAME.pid
END
for name in inside included; do
	ln -s web /etc/init.d/$name
done
echo 'netns="mgmt"' >/etc/conf.d/inside
echo '. /etc/conf.d/inside' >/etc/conf.d/included
rc-update -u
cp -R "$scripts" /tmp/scripts

# as_it_was - restore OpenRC's scripts, newer than the recorded result for others
as_it_was()
{
	cp /tmp/scripts/* "$scripts/"
	later
}

starts_on_the_host()
{
	run 0 rc-service web start
	is "the namespace of web" "$(netns_of "$(cat /run/web.pid)")" "$host"
	run 0 rc-service web stop
}

starts_inside()
{
	run 0 rc-service inside start
	is "the namespace of the daemon" "$(netns_of "$(cat /run/inside.pid)")" "$(netns_named mgmt)"
	run 0 rc-service inside stop
	starts_on_the_host
}

refuses()
{
	for name in inside included; do
		refused rc-service $name start
		says "/etc/conf.d/$name"
		says "netns= would have no effect:"
		! runs sleep || fail "it runs"
	done
	starts_on_the_host
}

starts_inside
# Another name for the function that the hook depends on
sed -i 's/sourcex/readx/g' "$wrapper"
refuses
as_it_was
starts_inside
# The same by a package manager: another file, with the time at which the package was built
sed 's/sourcex/readx/g' "$wrapper" >"$wrapper.new"
chmod +x "$wrapper.new"
touch -d '2020-01-01 00:00:00' "$wrapper.new"
mv "$wrapper.new" "$wrapper"
refuses
as_it_was
starts_inside
# A start that does not pass through the hook. (Alpine has a prefix of its own there.)
for supervisor in start-stop-daemon supervise-daemon; do
	sed -i "s/eval \(.*\)$supervisor /eval \1env $supervisor /" "$scripts/$supervisor.sh"
	grep -q "eval .*env $supervisor" "$scripts/$supervisor.sh" || fail "nothing was changed"
	touch "$wrapper"
	later
	refuses
	as_it_was
	touch "$wrapper"
	later
done
starts_inside
# Root has switched the hook off: the same, whatever the caller's environment contains
echo 'netns_hook="no"' >>/etc/rc.conf
later
netns_hook=yes
export netns_hook
refuses
unset netns_hook
refused rc-service inside start
says '/etc/conf.d/inside:1: netns= would have no effect: netns_hook="no" in /etc/rc.conf switches it off'
sed -i '/^netns_hook/d' /etc/rc.conf
later
starts_inside
# The parts of the hook are missing, as halfway through an update: services with netns= do
# not start, and others do
umount /etc/rc.conf.d/netns-*.sh
rm /etc/rc.conf.d/netns-*.sh
refused rc-service inside start
! runs sleep || fail "it runs"
starts_on_the_host
