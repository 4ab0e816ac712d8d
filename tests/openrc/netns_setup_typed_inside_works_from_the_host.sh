#!/bin/sh
# Each verb of netns-setup, typed in each place where a person can be, does and prints the same
# as on the host, or ends with an error and changes nothing. Prints a table of both, in which
# nothing may be wrong. (a_session_inside_is_as_good_as_one_outside.sh tests a person who is
# logged in there, and which commands are errors then.)
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

# Places where netns-setup goes to the host by itself; where it goes there, keeps the caller's
# own mounts and therefore creates no namespace; and where it stays and ends with an error
free="exec net-only unshared old"
kept="own ip"
stays="old-net own-net theirs theirs-ip chroot user"

looks="plan check status doctor all"
makes="up try watch"
changes="reload down kill confirm may-go"

# at PLACE COMMAND... - become the command there
at()
{
	place=$1
	shift
	case $place in
	host) ;;
	exec) set -- netns-exec mgmt -- "$@" ;;
	net-only) set -- netns-exec --net-only mgmt -- "$@" ;;
	unshared) set -- netns-exec mgmt -- unshare -m "$@" ;;
	old) set -- nsenter -t "$old" -n -m "$@" ;;
	own) set -- unshare -m netns-exec --net-only mgmt -- "$@" ;;
	ip) set -- $judge netns exec mgmt "$@" ;;
	own-net) set -- netns-exec mgmt -- unshare -n "$@" ;;
	old-net) set -- nsenter -t "$old_net" -n "$@" ;;
	theirs) set -- netns-exec theirs -- "$@" ;;
	theirs-ip) set -- $judge netns exec theirs "$@" ;;
	chroot) set -- netns-exec mgmt -- chroot /srv/tree "$@" ;;
	user) set -- netns-exec mgmt -- chpst -u tester "$@" ;;
	*) fail "there is no place $place" ;;
	esac
	exec "$@"
}

# type_at PLACE VERB - its output goes to /tmp/said, except since when a namespace is ready
type_at()
{
	case $2 in
	all) words="status --all" ;;
	try) words="try blue --within 60" ;;
	kill) words="down --kill blue" ;;
	up | watch | may-go | down | confirm) words="$2 blue" ;;
	*) words="$2 mgmt" ;;
	esac
	# shellcheck disable=SC2086  # they are words
	(at "$1" netns-setup $words) >/tmp/says 2>/tmp/complains </dev/null &
	typed=$!
	if [ "$2" = watch ]; then
		eventually "it watches, or has ended" has_begun >/dev/null
		kill "$typed" 2>/dev/null
	fi
	wait "$typed"
	code=$?
	cat /tmp/says /tmp/complains | sed 's/^  ready for .*/  ready/' >/tmp/said
}

has_begun()
{
	[ -e /run/netns-services/blue/ready ] || ! kill -0 "$typed" 2>/dev/null
}

# prepare VERB, restore VERB - on the host
prepare()
{
	case $1 in
	down | kill | may-go) netns-setup up blue ;;
	confirm) netns-setup try blue --within 60 ;;
	reload | plan | status) sed -i 's/1400/1300/' /etc/conf.d/netns.mgmt ;;
	esac >/tmp/prepared 2>&1
}

restore()
{
	sed -i 's/1300/1400/' /etc/conf.d/netns.mgmt
	netns-setup confirm blue >/tmp/prepared 2>&1
	netns-setup reload mgmt >/tmp/prepared 2>&1 || fail "$(cat /tmp/prepared)"
	netns-setup down blue >/tmp/prepared 2>&1 || fail "$(cat /tmp/prepared)"
}

# dump - print the state of the host and of the namespaces (except what the process of try
# writes when the trial was confirmed)
dump()
{
	# shellcheck disable=SC2086  # an option and its word, or nothing
	for where in "" "-n mgmt" "-n blue" "-n theirs"; do
		echo "== $where"
		$judge $where -o link | sed 's/^[0-9]*: \([^:@]*\)[^<]*<\([^>]*\)>.* mtu \([0-9]*\) .*/\1 \3/'
		$judge $where -o addr | awk '$4 !~ /^fe80/ { print $2, $4 }'
		$judge $where route | sed 's/ linkdown//'
	done 2>/dev/null
	$judge netns | sed 's/ (id.*//' | sort
	sort /proc/1/mounts
	find /run/netns /run/netns-services /etc/netns ! -name met ! -name new ! -name '*.failed' ! -path '*/.undone*' | sort
}

card
mgmt
cat >/etc/conf.d/netns.blue <<-'END'
	netns_links="v0"
	type_v0="veth"
	config_v0="10.9.0.2/24"
	peer_config_v0="10.9.0.1/24"
	netns_dns="192.0.2.53"
END

# Two namespaces of ours that have lost their names
run 0 netns-setup up mgmt
netns-exec mgmt -- sleep 600 &
old=$!
netns-exec --net-only mgmt -- sleep 600 &
old_net=$!
eventually "they are inside" is_elsewhere "$old"
eventually "they are inside" is_elsewhere "$old_net"
run 0 netns-setup down --force mgmt
# The name belongs to another namespace now
run 0 netns-setup up mgmt
# status says of an address that the kernel still tests that it is tentative
is_tested() { ! $judge -n mgmt -o addr | grep -q tentative; }
eventually "its addresses can be used" is_tested
$judge netns add theirs

mkdir -p /srv/tree
mount -t tmpfs root /srv/tree
mkdir -p /srv/tree/proc /srv/tree/etc /srv/tree/run /srv/tree/usr/sbin
mount --bind /proc /srv/tree/proc
mount --bind /etc /srv/tree/etc
cp /usr/sbin/netns-setup /srv/tree/usr/sbin

count=0 wrong=0
# row PLACE VERB RESULT EXPECTED - print it, and count it if it is wrong
row()
{
	count=$((count + 1))
	if [ "$3" = "$4" ]; then
		printf '%-10s %-8s %s\n' "$1" "$2" "$3"
	else
		wrong=$((wrong + 1))
		printf '%-10s %-8s %s, WRONG: expected %s\n' "$1" "$2" "$3" "$4"
		printf '%s: %s\non the host %s: %s\n' "$code" "$(cat /tmp/said)" "$code_on_host" "$said_on_host"
		diff -U 0 /tmp/expected /tmp/now
	fi
}

# is_in WORD WORD...
is_in()
{
	word=$1
	shift
	case " $* " in
	*" $word "*) return 0 ;;
	esac
	return 1
}

# expectation PLACE VERB - set $expected, and write the expected state to /tmp/expected
expectation()
{
	expected=refused
	cp /tmp/before /tmp/expected
	if is_in "$1" "$free" || { is_in "$1" "$kept" && ! is_in "$2" "$makes"; }; then
		expected="as on the host"
		cp /tmp/on-host /tmp/expected
	elif [ "$1" = user ] && [ "$2" != check ]; then
		expected=refused
	elif is_in "$2" "$looks" confirm && [ "$2" != doctor ]; then
		# netns-setup queries from where it is; and confirm only deletes a file, for which
		# it has permission
		expected="not refused"
		[ "$2" != confirm ] || cp /tmp/now /tmp/expected
	fi
}

# outcome - print the result in the same words
outcome()
{
	said=$(cat /tmp/said)
	case $code:$said in
	"$code_on_host:$said_on_host") echo "as on the host" ;;
	100:*"must be run from the host, not inside a namespace: "*"or type netns-exec --host -- netns-setup "*) echo refused ;;
	100:*"only root can see and change namespaces"*) echo refused ;;
	111:*"this process has mounts of its own"*"or type netns-exec --host -- before the"*) echo refused ;;
	*) echo "not refused" ;;
	esac
}

for verb in $looks $makes $changes; do
	prepare "$verb"
	dump >/tmp/before
	type_at host "$verb"
	said_on_host=$(cat /tmp/said)
	code_on_host=$code
	dump >/tmp/on-host
	restore "$verb"
	[ "$code" -le 1 ] || fail "on the host: netns-setup $verb: $code: $said_on_host"
	for place in $free $kept $stays; do
		prepare "$verb"
		type_at "$place" "$verb"
		dump >/tmp/now
		expectation "$place" "$verb"
		got=$(outcome)
		[ "$expected" != "not refused" ] || [ "$got" = refused ] || got=$expected
		cmp -s /tmp/expected /tmp/now || got="$got, and something is elsewhere"
		row "$place" "$verb" "$got" "$expected"
		restore "$verb"
	done
done
printf '%s combinations, %s wrong\n' "$count" "$wrong"
[ "$wrong" = 0 ] || fail "$wrong of $count are wrong"
kill "$old" "$old_net"
