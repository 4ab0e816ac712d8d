#!/bin/sh
# The end of a first day, on a machine with real NICs that OpenRC has booted (run-vm -o -r). A
# person who is logged in over eth1, through the host's sshd, sets up mgmt, moves that sshd into
# it, makes this permanent, and types reboot. After the reboot the person logs in over the NIC
# that moved. This script is run after each of the two boots.
# shellcheck disable=SC2016
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh
# shellcheck source=tests/testbed/trial.sh
. /testbed/trial.sh
# shellcheck source=tests/testbed/first_day.sh
. /testbed/first_day.sh
patience=120   # the processor is emulated

sshd_pid() { cat /run/sshd.pid; }
web_pid() { cat /run/web.pid; }

# The other machine on the LAN is the other NIC, in a namespace of its own
other_machine()
{
	unshare -n sleep 600 &
	far=$!
	eventually "there is another machine" is_elsewhere "$far"
	$judge link set eth0 name far netns "$far"
	far $judge link set lo up
	far $judge addr add 203.0.113.1/24 dev far
	far $judge link set far up
}

# service NAME TEXT - add it to the runlevel default
service()
{
	printf '#!/sbin/openrc-run\n%s\n' "$2" >"/etc/init.d/$1"
	chmod +x "/etc/init.d/$1"
	run 0 rc-update add "$1" default
}

# The machine as its owner has set it up: networking sets up eth1
as_its_owner_has_it()
{
	sed -i /testbed-vm-run/d /etc/inittab   # each boot adds it
	printf '%s\n' 'auto lo' 'iface lo inet loopback' '' 'auto eth1' 'iface eth1 inet static' \
		'	address 203.0.113.7/24' '	gateway 203.0.113.1' >/etc/network/interfaces
	run 0 ifup eth1
	daemon='command_background=yes; pidfile=/run/$RC_SVCNAME.pid'
	service sshd "command=/usr/sbin/dropbear; command_args='-F -E -R -p 22'; $daemon"
	service web "command=/bin/sleep; command_args=4711; $daemon"
	# Records what a shutdown leaves when the others have been stopped
	service witness 'depend() { need localmount; before netns.mgmt sshd web; }
		start() { :; }
		stop() { ls /sys/class/net /run/netns /run/netns-services >~root/left 2>&1; return 0; }'
	run 0 openrc default
	may_log_in
	cp /tmp/key ~root/
	eventually "it answers" greets far nc -w 2 203.0.113.7 22
}

the_first_day()
{
	type_at 203.0.113.7 'printf "netns_links=\"eth1\"\nconfig_eth1=\"203.0.113.7/24\"\nroutes_eth1=\"default via 203.0.113.1\"\nnetns_dns=\"203.0.113.1\"\n" >/etc/conf.d/netns.mgmt;
		ln -s netns /etc/init.d/netns.mgmt; echo "netns=\"mgmt\"" >/etc/conf.d/sshd'
	moves_by_try
	type_at 203.0.113.7 'rc-update add netns.mgmt default'
	: >~root/left
	type_at 203.0.113.7 'reboot'
	sleep 600
	fail "it did not reboot"
}

the_morning_after()
{
	cp ~root/key /tmp/
	eventually "it answers" greets far nc -w 2 203.0.113.7 22
	all_is_in_its_place
	is "what listens on the host" "$(listeners)" 0
	[ ! -e /sys/class/net/eth1 ] || fail "the card is on the host"
	type_at 203.0.113.7 'netns-setup status mgmt; readlink /proc/self/ns/net; cat /etc/resolv.conf'
	says "mgmt: ready, as its settings say"
	says "$(netns_named mgmt)"
	says "nameserver 203.0.113.1"
	type_at 203.0.113.7 'rc-service web restart'
	all_is_in_its_place
	# The shutdown gave the NIC back, and left nothing
	cat ~root/left
	grep -qx eth1 ~root/left || fail "the shutdown did not give the card back"
	! grep -qx mgmt ~root/left || fail "the shutdown left the namespace"
}

other_machine
if [ -e ~root/left ]; then
	the_morning_after
else
	as_its_owner_has_it
	the_first_day
fi
