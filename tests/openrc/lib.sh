# shellcheck shell=sh
# Sourced by every scenario of OpenRC: the services that most of them begin with.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# script NAME - write an init script, its text from standard input. Without retry, Debian's
# start-stop-daemon does not wait until the process that it stops has ended
script()
{
	{
		echo '#!/sbin/openrc-run'
		cat
		echo retry=TERM/30
	} >"/etc/init.d/$1"
	chmod +x "/etc/init.d/$1"
}

# sshd - the daemon of most scenarios, with netns="mgmt"
sshd()
{
	script sshd <<-'END'
		command=/usr/sbin/dropbear
		command_args="-F -E -R -p 22"
		command_background=yes
		pidfile=/run/sshd.pid
	END
	echo 'netns="mgmt"' >/etc/conf.d/sshd
}

# mgmt - write the service of the namespace
mgmt()
{
	ln -s netns /etc/init.d/netns.mgmt
	settings
}

later
