#!/bin/sh
# A VPN client in a namespace sets name servers with resolvconf, as openvpn's update-resolv-conf
# and wg-quick do. All processes inside see them, whenever they joined. The earlier servers are
# back when the client removes its own, or when it was killed and the namespace is taken down.
# The host, with Debian's resolvconf or with openresolv, keeps every byte of its own.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

# The host as the package's maintainer scripts would set it up, and the name servers of
# its DHCP client
host_has_resolvconf()
{
	command -v resolvconf >/dev/null || fail "no resolvconf is installed"
	if [ -d /usr/share/resolvconf ]; then
		mkdir -p /run/resolvconf/interface
		: >/run/resolvconf/enable-updates
		ln -sf ../run/resolvconf/resolv.conf /etc/resolv.conf
	fi
	printf 'nameserver 203.0.113.53\nsearch host.example\n' | resolvconf -a eth0 2>/dev/null
	# Alpine's root directory has only the program
	[ -d /usr/lib/resolvconf ] || echo 'nameserver 203.0.113.53' >/etc/resolv.conf
	is "what the host sees" "$(sed -n 's/^nameserver //p' /etc/resolv.conf)" 203.0.113.53
}

# hosts - print everything that resolvconf has stored on the host
hosts()
{
	find /etc/resolv* /etc/netns /run/resolvconf ! -type d ! -path /etc/netns/vpn/resolv.conf \
		-exec ls -l --full-time {} \; -exec md5sum {} \; | sort
}

# servers FILE - print them on one line
servers() { sed -n 's/^nameserver //p' "$1" | tr '\n' ' '; }

# sees SERVERS - whether all processes inside, and new ones, see them, and the host has
# its own
sees()
{
	for pid in $early $late; do
		is "what process $pid sees" "$(servers "/proc/$pid/root/etc/resolv.conf")" "$1 "
	done
	is "what who comes now sees" \
		"$(netns-exec vpn -- sed -n 's/^nameserver //p' /etc/resolv.conf | tr '\n' ' ')" "$1 "
	[ "$(hosts)" = "$before" ] || fail "the host's files were $before, and are $(hosts)"
}

# let_in - start a process that stays inside; its pid is in $let_in
let_in()
{
	netns-exec vpn -- sleep 1000 &
	let_in=$!
	eventually "it is inside" is_command "$let_in" sleep
}

is_command() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }

# ended PID... - kill it with KILL, and wait until it is gone completely
ended()
{
	kill -9 "$@"
	for pid; do eventually "$pid is gone" is_gone "$pid"; done
}

is_gone() { [ ! -e "/proc/$1/ns/net" ] || ! readlink "/proc/$1/ns/net" >/dev/null 2>&1; }

host_has_resolvconf
ln -s netns /etc/init.d/netns.vpn
script client <<-'END'
	pidfile=/run/client.pid
	start()
	{
		printf 'nameserver 10.8.0.1\nsearch a.example $(reboot)\noptions x;y\n' |
			resolvconf -a tun0.openvpn || return 1
		printf 'nameserver %s\n' 10.8.0.2 evil 10.8.0.1 | resolvconf -a tun.wg0 -m 1 || return 1
		start-stop-daemon --start --background --make-pidfile --pidfile "$pidfile" \
			--exec /bin/sleep -- 1001
	}
	stop()
	{
		start-stop-daemon --stop --retry TERM/30 --pidfile "$pidfile"
		resolvconf -d tun0.openvpn
		resolvconf -f -d tun.wg0
	}
END
echo 'netns="vpn"' >/etc/conf.d/client

for kind in file overlay asked none; do
	printf '### name servers: %s\n' "$kind"
	rm -rf /etc/netns/vpn
	printf 'netns_links="d0"\ntype_d0="bridge"\n' >/etc/conf.d/netns.vpn
	own=203.0.113.53
	case $kind in
	file | overlay)
		mkdir /etc/netns/vpn
		own=192.0.2.1
		echo "nameserver $own" >/etc/netns/vpn/resolv.conf
		;;
	asked)
		own=192.0.2.2
		echo "netns_dns=\"$own\"" >>/etc/conf.d/netns.vpn
		;;
	esac
	[ "$kind" != overlay ] || echo 'netns_etc="overlay"' >>/etc/conf.d/netns.vpn
	before=$(hosts)
	late=
	run 0 rc-service netns.vpn start
	let_in
	early=$let_in
	sees "$own"

	# The client starts, and ends normally
	run 0 rc-service client start
	let_in
	late=$let_in
	sees "10.8.0.1 10.8.0.2"
	is "what else is there" "$(grep -v nameserver "/proc/$late/root/etc/resolv.conf")" \
		"# written by resolvconf in vpn, asked for by tun0.openvpn tun.wg0
search a.example"
	# The host's own file is replaced, which removes what is mounted over it
	cp -pP /etc/resolv.conf /etc/new && mv /etc/new /etc/resolv.conf
	before=$(hosts)
	run 0 netns-exec --heal vpn
	sees "10.8.0.1 10.8.0.2"
	run 0 netns-exec vpn -- sh -c "printf 'nameserver 10.9.0.1\n' | resolvconf -a tun1 -x; resolvconf -l tun1"
	says "nameserver 10.9.0.1"
	sees "10.9.0.1"
	run 0 netns-exec vpn -- resolvconf -d tun1
	run 0 rc-service netns.vpn reload
	sees "10.8.0.1 10.8.0.2"
	run 0 rc-service client stop
	sees "$own"
	run 0 netns-exec vpn -- sh -c "echo 'search b.example' | resolvconf -a tun1"
	sees "$own"
	run 0 netns-exec vpn -- resolvconf -d tun1
	[ ! -e /run/netns-services/vpn/resolv.conf ] || fail "the client's file is left"

	# The client starts again, and is killed with all processes inside
	run 0 rc-service client start
	sees "10.8.0.1 10.8.0.2"
	ended "$(cat /run/client.pid)" "$early" "$late"
	early='' late=''
	sees "10.8.0.1 10.8.0.2"
	run 0 netns-setup down vpn
	run 0 rc-service client zap
	run 0 rc-service netns.vpn zap
	run 0 netns-setup up vpn
	sees "$own"

	# No other program can write to the host's files either
	! netns-exec vpn -- touch /run/resolvconf/new || fail "the host's folder can be written"
	sees "$own"
	run 0 netns-setup down vpn
done

# A namespace of another program has no directory for them, and they are not set on the
# host
$judge netns add other
run 100 netns-exec other -- sh -c "echo 'nameserver 10.8.0.1' | resolvconf -a tun0"
says "resolvconf: this is not a namespace of netns-setup"
[ "$(hosts)" = "$before" ] || fail "the host's files are not what they were"
