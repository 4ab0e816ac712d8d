# shellcheck shell=sh disable=SC2034
# Sourced by every scenario: how results are compared, and the host that most of them begin
# with, whatever its init system is. A scenario ends at the first result that is wrong. Results
# are read by the real iproute2 in /judge, never by our own programs.
set -u

judge=/judge/ip
host=$(readlink /proc/self/ns/net)
patience=30   # for how many seconds something is waited for

fail()
{
	printf 'FAILED: %s\n' "$*"
	exit 1
}

# run STATUS COMMAND... - check the exit status; the output goes to /tmp/said
run()
{
	expected=$1
	shift
	printf '# %s\n' "$*"
	"$@" >/tmp/said 2>&1 </dev/null
	got=$?
	cat /tmp/said
	[ "$got" = "$expected" ] || fail "exit status $got, expected $expected, of: $*"
	case $1 in rc-service | session | openrc | /etc/init.d/*) wait_for_daemons ;; esac
}

# wait_for_daemons - wait until the started process has become the daemon: Debian's
# start-stop-daemon --background returns before its child executes it, and --stop does not
# find it until then
wait_for_daemons()
{
	for _ in $(seq $((patience * 10))); do
		pgrep -x start-stop-daem >/dev/null || return 0
		sleep 0.1
	done
	fail "start-stop-daemon still runs"
}

# refused COMMAND... - the command fails, with any status, because OpenRC has statuses of
# its own
refused()
{
	printf '# %s\n' "$*"
	! "$@" >/tmp/said 2>&1 </dev/null || fail "exit status 0 of: $*"
	cat /tmp/said
}

# says TEXT, says_not TEXT - whether the output of the last command contains it
says()
{
	grep -qF -e "$1" /tmp/said || fail "it did not say: $1"
}

says_not()
{
	! grep -qF -e "$1" /tmp/said || fail "it said: $1"
}

# is WHAT GOT EXPECTED
is()
{
	[ "$2" = "$3" ] || fail "$1 is \"$2\", expected \"$3\""
	printf 'ok: %s is "%s"\n' "$1" "$3"
}

# eventually WHAT COMMAND... - wait until it succeeds, for $patience seconds at most
eventually()
{
	what=$1
	shift
	for _ in $(seq $((patience * 10))); do
		if "$@"; then
			printf 'ok: %s\n' "$what"
			return
		fi
		sleep 0.1
	done
	fail "$what: not within $patience seconds"
}

# gives_up SERVICE - whether supervise-daemon has ended, after it restarted a program
# repeatedly. It misses the end of a program that ends before it waits (OpenRC 0.45 to
# 0.63: SIGCHLD between fork and open of its fifo), and then waits forever. One more
# signal wakes it.
gives_up()
{
	rc-service "$1" status
	case $? in
	0 | 8) ;;   # started or starting
	*) return 0 ;;
	esac
	kill -CHLD "$(cat "/run/supervise-$1.pid")" 2>/dev/null
	false
}

# later - to be called before settings are changed: OpenRC compares times of files in whole
# seconds
later()
{
	now=$(date +%s)
	eventually "a new second has begun" is_past "$now"
}

# is_past SECOND - whether a file that is written now is newer: the kernel takes its time from
# the last tick, up to 10 ms before what date says
is_past()
{
	: >/tmp/later
	[ "$(stat -c %Y /tmp/later)" -gt "$1" ]
}

# netns_of PID, netns_named NAME - print the namespace as /proc does
netns_of()
{
	readlink "/proc/$1/ns/net"
}

netns_named()
{
	printf 'net:[%s]' "$(stat -L -c %i "/run/netns/$1")"
}

# card - create a "network card" eth1 that is up, with an address of the host.
card()
{
	plug_in
	$judge link set eth1 up
	$judge addr add 203.0.113.7/24 dev eth1
	eventually "the card is ready" is_settled
}

# plug_in - create a "network card" eth1, in the state in which the kernel creates one.
# Its other end is on another machine: far COMMAND... runs there.
plug_in()
{
	unshare -n sleep 600 &
	far=$!
	eventually "there is another machine" is_elsewhere "$far"
	$judge link add eth1 type veth peer name far netns "$far"
	far $judge link set lo up
	far $judge link set far up
	far $judge addr add 192.0.2.1/24 dev far
	far $judge addr add 2001:db8:10::1/64 dev far nodad
}

# plug_out - delete eth1 on the host or in mgmt, and the other machine with it
plug_out()
{
	kill "$far"
	eventually "the card is gone" is_unplugged
}

is_unplugged()
{
	! $judge -n mgmt link show eth1 >/dev/null 2>&1 && ! $judge link show eth1 >/dev/null 2>&1
}

is_settled()
{
	$judge -o -6 addr show dev eth1 scope link >/tmp/settled
	[ -s /tmp/settled ] && ! grep -q tentative /tmp/settled
}

is_elsewhere()
{
	[ "$(netns_of "$1")" != "$host" ]
}

far()
{
	nsenter -t "$far" -n "$@"
}

# settings - write the settings of the namespace of most scenarios
settings()
{
	cat >/etc/conf.d/netns.mgmt <<-'END'
		netns_links="eth1"
		config_eth1="192.0.2.10/24 2001:db8:10::10/64"
		routes_eth1="default via 192.0.2.1
		198.51.100.0/24 via 192.0.2.254 metric 50"
		mtu_eth1=1400
		netns_dns="192.0.2.53"
	END
}

# readme NETNS - write the settings that README has
readme()
{
	awk -v head="# /etc/conf.d/netns.$1" '/^```$/ { shown = 0 } shown { print } $0 == head { shown = 1 }' \
		/README.md >"/etc/conf.d/netns.$1"
	[ -s "/etc/conf.d/netns.$1" ] || fail "README shows no $1"
}

# greets COMMAND... - whether the other end of the connection is an SSH server
greets()
{
	"$@" </dev/null 2>/dev/null | grep -q '^SSH-2.0-'
}

# may_log_in - let root log in with a key of the other machine
may_log_in()
{
	mkdir -p ~root/.ssh
	dropbearkey -t ed25519 -f /tmp/key >/tmp/said 2>&1 || fail "no key: $(cat /tmp/said)"
	grep ^ssh- /tmp/said >~root/.ssh/authorized_keys
	chmod 700 ~root ~root/.ssh
}

# session ADDRESS COMMAND - run it in a session from the other machine, through the sshd
# there
session()
{
	far timeout "$patience" dbclient -y -y -T -i /tmp/key "root@$1" \
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; $2"
}

# listeners - print what listens on port 22, here or with "netns exec NAME" there
listeners()
{
	"$@" /judge/ss -Hltn 'sport = :22' | wc -l
}

# has_listeners COUNT - whether so many listen on port 22 in mgmt
has_listeners()
{
	[ "$(listeners "$judge" netns exec mgmt 2>/dev/null)" = "$1" ]
}

# snapshot - print everything that a namespace could leave behind on this host, except:
# what the kernel numbers, times or learns by itself; pid files, which dpkg's
# start-stop-daemon leaves; the lock that all namespaces share; logs; why a start failed;
# that a trial was undone; and the scenario's own processes, also those that have just ended
snapshot()
{
	$judge -o link | sed 's/^[0-9]*: //; s/ link-netnsid [0-9]*//'
	$judge -o addr | sed 's/^[0-9]*: //; s/ *valid_lft.*//; s/ tentative//'
	$judge route show table all
	$judge -6 route show table all
	$judge netns
	grep -v ' /run/netns ' /proc/self/mounts
	find /run /etc -type d \( -path /run/openrc -o -name conf.d -o -name init.d -o -path /etc/sv \) -prune -o \
		-type f ! -name '*.pid' ! -name .ties ! -name '*.failed' ! -path '/run/netns-services/*.log' \
		! -path '*/.undone/*' -print
	find /run/netns /run/netns-services /etc/netns -mindepth 1 ! -name .ties ! -name '*.failed' ! -name '*.log' \
		! -path '*/.undone*' 2>/dev/null
	# shellcheck disable=SC2009  # all of them, and not their names alone
	ps -o args | grep -v -e 'ps -o' -e '^\[\{0,1\}grep' -e '^\[find' -e '^\[sed' -e '^[a-z]*sh /t/'
}

runs()
{
	pidof "$1" >/dev/null
}

is_gone()
{
	! runs "$1"
}

# remember, and later: all_as_before - compare the snapshots
remember()
{
	snapshot >/tmp/before
}

all_as_before()
{
	for _ in $(seq 100); do
		snapshot >/tmp/now
		if cmp -s /tmp/before /tmp/now; then
			printf 'ok: the host is as it was\n'
			return
		fi
		sleep 0.1
	done
	diff -U 0 /tmp/before /tmp/now
	fail "the host is not as it was (- before, + now)"
}
