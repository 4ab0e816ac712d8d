# shellcheck shell=sh
# Sourced by every scenario of runit: the services, and runit itself.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

# service NAME MODEL - copy one of our templates; it is down until it is told to start
service()
{
	cp -R "/usr/share/netns-services/runit/$2" "/etc/sv/$1"
	: >"/etc/sv/$1/down"
	ln -s "/etc/sv/$1" /etc/service/
}

# sshd - the daemon of most scenarios: the template with another command
sshd()
{
	service sshd daemon
	sed -i 's,^exec netns-exec mgmt -- .*,exec netns-exec mgmt -- /usr/sbin/dropbear -F -E -R -p 22,' \
		/etc/sv/sshd/run
}

# runit - have all services supervised
runit()
{
	runsvdir -P /etc/service >>/tmp/log 2>&1 &
	for folder in /etc/service/*; do
		eventually "${folder##*/} is supervised" test -p "$folder/supervise/ok"
	done
}

# pid_of SERVICE - print the process id that runit supervises
pid_of()
{
	cat "/etc/sv/$1/supervise/pid"
}

# is_in STATE SERVICE - as sv says it
is_in()
{
	sv status "$2" | grep -q "^$1: "
}
