#!/bin/sh
# The hook is read for every service. A service without netns= gets no additional process,
# runs where it always ran, and its script uses the real start-stop-daemon and ip.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
script plain <<'END'
command=/bin/sleep
command_args=600
command_background=yes
pidfile=/run/plain.pid
start_pre()
{
	type start-stop-daemon ip >/run/types
	ip link show lo >/dev/null
}
END
rc-update -u

# processes VERB - print how many processes it creates, as the kernel counts them
processes()
{
	read -r _ _ _ _ before </proc/loadavg
	rc-service plain "$1" >/dev/null 2>&1
	read -r _ _ _ _ after </proc/loadavg
	wait_for_daemons
	echo $((after - before))
}

run 0 rc-service plain start
is "the daemon's namespace" "$(netns_of "$(cat /run/plain.pid)")" "$host"
! grep -E 'alias|function|netns' /run/types || fail "the script sees something of ours"
run 0 rc-service plain stop

with="$(processes start) $(processes status) $(processes stop)"
later
umount /etc/rc.conf.d/netns.conf
rm /etc/rc.conf.d/netns.conf
rc-update -u
is "what start, status and stop fork without the hook" \
	"$(processes start) $(processes status) $(processes stop)" "$with"
