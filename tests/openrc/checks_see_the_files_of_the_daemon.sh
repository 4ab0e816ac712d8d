#!/bin/sh
# The namespace has its own settings files for a daemon. A check of the settings before a
# start, in a restart, or as a command of its own reads the same file as the daemon, in
# each of OpenRC's ways to start a daemon.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
$judge netns add mgmt
mkdir -p /etc/app /etc/netns/mgmt/app

# The daemon keeps its settings file open. A script may check the file in start_pre, by a
# verb, and before the stop of a restart, as Alpine's sshd and nginx do; or leave the
# check to OpenRC.
app()
{
	script "app-$1" <<-END
		command=/usr/bin/tail
		command_args="-f /etc/app/conf"
		command_background=yes
		pidfile=/run/app.pid
		extra_commands=checkconfig
		required_dirs=/etc/app/\$needed
		checkconfig() { grep -q good /etc/app/conf || { eerror "broken"; return 1; }; }
		start_pre() { checkconfig; }
		stop_pre() { [ "\$RC_CMD" != restart ] || checkconfig; }
	END
	[ "$1" != supervise-daemon ] ||
		sed -i 's/command_background=yes/supervisor=supervise-daemon/' "/etc/init.d/app-$1"
	echo 'netns="mgmt"' >"/etc/conf.d/app-$1"
}

# has HOST NAMESPACE - write these texts to the two files
has()
{
	echo "$1, the host's" >/etc/app/conf
	echo "$2, the namespace's" >/etc/netns/mgmt/app/conf
}

rows=0
row()
{
	rows=$((rows + 1))
	printf '| %-17s | %-11s | host %-6s | namespace %-6s | %s |\n' "$supervisor" "$1" "$2" "$3" "$4" >>/tmp/table
}

reads_own()
{
	# shellcheck disable=SC3013
	for open in "/proc/$(pidof tail)/fd"/*; do
		[ ! "$open" -ef /etc/netns/mgmt/app/conf ] || return 0
	done
	return 1
}

app start-stop-daemon
app supervise-daemon
for supervisor in start-stop-daemon supervise-daemon; do
	service=app-$supervisor
	for of_host in good broken; do
		has $of_host broken
		refused rc-service $service checkconfig
		row checkconfig $of_host broken refused
		refused rc-service $service start
		row start $of_host broken refused
		has $of_host good
		run 0 rc-service $service checkconfig
		row checkconfig $of_host good passed
		run 0 rc-service $service start
		row start $of_host good passed
		eventually "it reads the namespace's" reads_own
		pid=$(cat /run/app.pid)
		is "its namespace" "$(netns_of "$pid")" "$(netns_named mgmt)"
		has $of_host broken
		refused rc-service $service restart
		is "the daemon" "$(cat /run/app.pid)" "$pid"
		[ -d "/proc/$pid" ] || fail "a good daemon was stopped"
		run 0 rc-service $service status
		row restart $of_host broken refused
		has $of_host good
		run 0 rc-service $service restart
		[ "$(cat /run/app.pid)" != "$pid" ] || fail "it is the same"
		row restart $of_host good passed
		has $of_host broken
		run 0 rc-service $service stop
		eventually "it is stopped" is_gone tail
		row stop $of_host broken passed
	done
done

# OpenRC's own check of directories
later
service=app-start-stop-daemon
has good good
echo needed=more >>/etc/conf.d/$service
mkdir /etc/app/more
refused rc-service $service start
rmdir /etc/app/more
mkdir /etc/netns/mgmt/app/more
run 0 rc-service $service start
says_not "netns_mode"
run 0 rc-service $service stop
eventually "it is stopped" is_gone tail

# The owner sets daemon mode: a warning is printed, and the mode is used.
echo 'netns_mode="daemon"' >>/etc/conf.d/$service
mkdir /etc/app/more
has good broken
run 0 rc-service $service start
says "see the host's /etc; the daemon sees these files of /etc/netns/mgmt: app"
run 0 rc-service $service stop
eventually "it is stopped" is_gone tail

# Files that are only for name lookup change no mode, and neither do firewall rules.
rm -r /etc/netns/mgmt/app
sed -i /netns_mode/d /etc/conf.d/$service
mkdir /etc/netns/mgmt/iptables /etc/netns/mgmt/ipset.d
: >/etc/netns/mgmt/nftables.nft
echo "nameserver 192.0.2.53" >/etc/netns/mgmt/resolv.conf
sed -i '/^start_pre/d; /^stop_pre/d' /etc/init.d/$service
echo 'readlink /proc/self/ns/net >>/run/seen' >>/etc/init.d/$service
later
run 0 rc-service $service start
is "where the script is read" "$(sort -u /run/seen)" "$host"
run 0 rc-service $service stop
cat /tmp/table
printf '%s cells, all of them right\n' "$rows"
