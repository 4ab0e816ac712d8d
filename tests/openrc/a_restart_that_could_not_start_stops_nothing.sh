#!/bin/sh
# A restart stops a service and the services that need it, before it starts them again. If its
# netns= would make the start fail, nothing is stopped: neither the sshd through which its owner
# is logged in, nor what OpenRC stops before it.
# shellcheck disable=SC2016
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
may_log_in
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
script below <<-'END'
	depend() { need sshd; }
	start() { :; }
	stop() { echo "$RC_SVCNAME is stopped"; }
END
cp /etc/conf.d/netns.mgmt /run/good
printf 'table inet fw {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tiif "eth1" accept\n\t}\n}\n' >/run/good.nft

# all_is_good - restore a valid state of the namespace; each case then adds an error
all_is_good()
{
	later
	mkdir -p /etc/netns/mgmt
	cp /run/good /etc/conf.d/netns.mgmt
	cp /run/good.nft /etc/netns/mgmt/nftables.nft
	echo 'netns="mgmt"' >/etc/conf.d/sshd
}

broken_settings() { sed -i 's,192.0.2.10/24,192.0.2.10,' /etc/conf.d/netns.mgmt; }
broken_rules() { sed -i 's/accept;/acept;/' /etc/netns/mgmt/nftables.nft; }
missing_card() { sed -i 's/^netns_links=.*/netns_links="eth1 eth7"/' /etc/conf.d/netns.mgmt; }
no_namespace() { echo 'netns="nowhere"' >/etc/conf.d/sshd; }
empty_value() { echo 'netns="$NOTHING"' >/etc/conf.d/sshd; }
no_assignment() { echo 'netns = "mgmt"' >/etc/conf.d/sshd; }
no_name() { echo 'netns="a b"' >/etc/conf.d/sshd; }

# On the host, and netns= is new
echo >/etc/conf.d/sshd
run 0 rc-service below start
pid=$(cat /run/sshd.pid)
is "where sshd is" "$(netns_of "$pid")" "$host"

# all_stays NETNS - whether everything is still up
all_stays()
{
	says "could not be started again"
	says_not "is stopped"
	is "the daemon" "$(cat /run/sshd.pid) $(netns_of "$pid")" "$pid $1"
	for name in sshd below; do
		run 0 rc-service -q $name status
	done
}

for fault in broken_settings broken_rules missing_card no_namespace empty_value no_assignment no_name; do
	echo "## $fault"
	all_is_good
	$fault
	refused rc-service sshd restart
	case $fault in
	broken_settings) says '/etc/conf.d/netns.mgmt:2' ;;
	broken_rules) says '/etc/netns/mgmt/nftables.nft:3:' ;;
	missing_card) says 'eth7' ;;
	*) says '/etc/conf.d/sshd:1' ;;
	esac
	all_stays "$host"
	[ ! -e /run/netns/mgmt ] || fail "there is a namespace"
done
# The NIC carries the person's own connection
all_is_good
far $judge route add 203.0.113.0/24 dev far
$judge route add 192.0.2.0/24 dev eth1
eventually "it answers" greets far nc -w 2 203.0.113.7 22
refused session 203.0.113.7 "rc-service sshd restart"
says 'netns_links moves eth1, which carries your own connection from 192.0.2.1 '
says 'netns-setup try mgmt --within 60'
all_stays "$host"

# From elsewhere it may
run 0 rc-service sshd restart
eventually "what needs it is up again" rc-service -q below status
pid=$(cat /run/sshd.pid)
is "where sshd is" "$(netns_of "$pid")" "$(netns_named mgmt)"

# Inside: a namespace that is incomplete, and a service that is restarted with its
# namespace
run 0 mv /run/netns-services/mgmt/ready /run/ready
refused rc-service sshd restart
says 'is not ready'
all_stays "$(netns_named mgmt)"
run 0 mv /run/ready /run/netns-services/mgmt/ready
for fault in broken_settings broken_rules missing_card; do
	echo "## $fault"
	all_is_good
	$fault
	refused rc-service netns.mgmt restart
	says_not "is stopped"
	is "the daemon" "$(cat /run/sshd.pid) $(netns_of "$pid")" "$pid $(netns_named mgmt)"
	run 0 rc-service -q below status
done

# To OpenRC, a service whose settings the shell cannot read does not exist
for fault in 'config_eth1="192.0.2.10/24' "netns_dns='192.0.2.53" 'config_eth1=(192.0.2.10/24)'; do
	echo "## $fault"
	all_is_good
	run 0 rc-update -u
	echo "$fault" >>/etc/conf.d/netns.mgmt
	touch -d '2020-01-01 00:00:00' /etc/conf.d/netns.mgmt   # OpenRC has not noticed it yet
	refused rc-service netns.mgmt stop
	says '/etc/conf.d/netns.mgmt:7: '
	touch /etc/conf.d/netns.mgmt
	refused rc-service sshd restart
	says '/etc/conf.d/netns.mgmt:7: '
	all_stays "$(netns_named mgmt)"
done

# Inside: what only netns-exec finds, as after a restore of /etc
all_is_good
run 0 rc-update -u
cp -a /etc/netns /run/netns.good
lost_files() { rm -r /etc/netns; }
lost_resolv_conf() { rm /etc/netns/mgmt/resolv.conf; }
dangling_file() { ln -s /nowhere /etc/netns/mgmt/hosts; }
folder_for_a_file() { mkdir /etc/netns/mgmt/hosts; }
owner() { chown nobody /etc/netns; }
mode() { chmod 777 /etc/netns/mgmt; }
no_vrf() { echo 'vrf="nowhere"' >>/etc/conf.d/sshd; }
for fault in lost_files lost_resolv_conf dangling_file folder_for_a_file owner mode no_vrf; do
	for netns_mode in daemon script; do
		echo "## $fault, $netns_mode"
		echo "netns_mode=$netns_mode" >>/etc/conf.d/sshd
		$fault
		refused rc-service sshd restart
		says "sshd: asked for by netns=\"mgmt\" at /etc/conf.d/sshd:1"
		all_stays "$(netns_named mgmt)"
		case $fault in
		dangling_file | folder_for_a_file | owner | mode)
			refused netns-setup check mgmt
			refused rc-service netns.mgmt restart
			says_not "is stopped"
			run 0 rc-service -q below status
			;;
		esac
		rm -rf /etc/netns
		cp -a /run/netns.good /etc/netns
		all_is_good
	done
done
# A restart of the namespace mends what is lost, and is not refused for that
lost_resolv_conf
run 0 rc-service netns.mgmt restart
eventually "what needs it is up again" rc-service -q below status
pid=$(cat /run/sshd.pid)

# The namespace was replaced by others
all_is_good
: >/run/netns/theirs
unshare -n mount --bind /proc/self/ns/net /run/netns/theirs
run 0 umount /run/netns/mgmt
run 0 mount --bind /run/netns/theirs /run/netns/mgmt
refused rc-service sshd restart
says 'mgmt was replaced by another namespace'
says "could not be started again"
is "the daemon" "$(cat /run/sshd.pid)" "$pid"
run 0 umount /run/netns/mgmt
run 0 mount --bind "/proc/$pid/ns/net" /run/netns/mgmt

# The namespace was deleted by others
all_is_good
run 0 rc-update -u
run 0 umount /run/netns/mgmt
run 0 rm /run/netns/mgmt
refused rc-service sshd restart
says 'there is no such namespace'
says 'netns-setup up mgmt'
is "the daemon" "$(cat /run/sshd.pid)" "$pid"
: >/run/netns/mgmt
run 0 mount --bind "/proc/$pid/ns/net" /run/netns/mgmt

all_is_good
broken_rules
refused rc-service netns.mgmt check
says '/etc/netns/mgmt/nftables.nft:3:'

all_is_good
run 0 rc-service netns.mgmt restart
eventually "what needs it is up again" rc-service -q below status
pid=$(cat /run/sshd.pid)
is "where sshd is" "$(netns_of "$pid")" "$(netns_named mgmt)"
