# shellcheck shell=sh disable=SC2154,SC2034  # the runner of each init sets and uses them
# Sourced by the script of each init system: what a service of the matrix is, and how a cell is
# judged. A cell is a verb of a service in a place, "host" or "netns". Prints one line for each:
# cell, service, place, verb and result, separated by tabs. The result is "ok" and the exit
# codes, or "n/a: REASON", or "FAILED: REASON" followed by the log of the cell.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

services="${MATRIX-sshd dnsmasq nginx chrony notify-fd notify-socket user capabilities healthcheck forking twins}"
verbs="start status restart reload crash rebuilt stop"

# what SERVICE - set its program and port
what()
{
	program=/usr/sbin/dropbear protocol=tcp
	case $1 in
	sshd) program=/usr/sbin/sshd port=22 ;;
	dnsmasq) program=/usr/sbin/dnsmasq port=53 ;;
	nginx) program=/usr/sbin/nginx port=8080 ;;
	chrony) program=/usr/sbin/chronyd port=123 protocol=udp ;;
	notify-fd) port=2201 ;;
	notify-socket) program=/usr/sbin/sshd port=2202 ;;
	user) port=2203 ;;
	capabilities) port=204 ;;
	healthcheck) port=2205 ;;
	forking) port=2206 ;;
	twins) port=2207 ;;
	esac
}

# asks SERVICE - whether the service answers correctly, asked from here
asks()
{
	case $1 in
	dnsmasq) nslookup test.example 127.0.0.1 | grep -q 192.0.2.99 ;;
	nginx) wget -qO - http://127.0.0.1:8080/ | grep -q 'it is nginx' ;;
	chrony) chronyc -n -h 127.0.0.1 tracking | grep -q '^Stratum *: 10' ;;
	*) nc -w 2 127.0.0.1 "$port" </dev/null | grep -q '^SSH-2.0-' ;;
	esac
}

# at PLACE COMMAND... - run it there; it may be a function
at()
{
	case $1 in
	host)
		shift
		"$@"
		;;
	netns)
		shift
		# shellcheck disable=SC2016  # for the inner shell
		nsenter --net=/run/netns/mgmt sh -c '. /t/lib.sh; service=$1; what "$1"; shift; "$@"' sh "$service" "$@"
		;;
	esac
}

namespace_of_place()
{
	case $1 in
	host) echo "$host" ;;
	netns) netns_named mgmt ;;
	esac
}

other_place()
{
	case $1 in
	host) echo netns ;;
	netns) echo host ;;
	esac
}

# sockets - print what listens on the port of the service, seen from here
sockets()
{
	case $protocol in
	tcp) /judge/ss -Hltnp "sport = :$port" ;;
	udp) /judge/ss -Hlunp "sport = :$port" ;;
	esac
}

# daemon PLACE - print the pid of the service's daemon: the first process that listens
# there
daemon()
{
	at "$1" sockets | grep -o 'pid=[0-9]*' | cut -d = -f 2 | sort -nu | head -n 1
}

# processes - print the pids of all processes of the service's program, in every place
processes()
{
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/exe")" != "$program" ] || echo "${process#/proc/}"
	done
}

answers()
{
	[ -n "$(daemon "$place")" ] && at "$place" asks "$service" 2>/dev/null
}

# is_in_place - whether the daemon answers in its place, and none of its processes is
# anywhere else. Records its pid.
is_in_place()
{
	eventually "it answers in its place" answers
	pid=$(daemon "$place")
	is "the daemon's namespace" "$(netns_of "$pid")" "$(namespace_of_place "$place")"
	is "the daemon's program" "$(readlink "/proc/$pid/exe")" "$program"
	for other in $(own_processes); do
		found=$(netns_of "$other") || continue   # a worker whose time was up
		is "the namespace of process $other" "$found" "$(namespace_of_place "$place")"
	done
	is_as_asked
	case $service in
	twins) is "the twin" "$(daemon "$(other_place "$place")")" "$(cat /tmp/twin)" ;;
	*) is "listeners elsewhere" "$(at "$(other_place "$place")" sockets)" "" ;;
	esac
	echo "$pid" >/tmp/pid
}

# is_as_asked - check what is particular to the service
is_as_asked()
{
	case $service in
	user | capabilities) is "whose process it is" "$(stat -c %U "/proc/$pid")" tester ;;
	esac
	case $service in
	capabilities)
		is "its capabilities" "$(awk '/^Cap(Eff|Amb):/ { print $2 }' "/proc/$pid/status" | xargs)" \
			"0000000000000400 0000000000000400"
		;;
	healthcheck)
		rm -f "/run/$name.looked"
		eventually "its health is looked at" test -s "/run/$name.looked"
		is "from where" "$(cat "/run/$name.looked")" "$(namespace_of_place "$place")"
		;;
	esac
}

# is_another, is_the_same - whether the daemon has changed since it was last recorded
is_another()
{
	now=$(daemon "$place")
	[ -n "$now" ] && [ "$now" != "$(cat /tmp/pid)" ]
}

is_the_same()
{
	is "the daemon" "$(daemon "$place")" "$(cat /tmp/pid)"
}

has_twin()
{
	daemon "$(other_place "$place")" >/tmp/twin
	[ -s /tmp/twin ]
}

# own_processes - print all except those of the second instance
own_processes()
{
	processes | grep -vx "$(cat /tmp/twin)"
}

# is_made_anew COMMAND... - whether this command recreates the namespace
is_made_anew()
{
	# (Its inode number alone can soon be another's, and an open descriptor of it
	# would prevent a down)
	was=$(cat /run/netns-services/mgmt/ready)
	run 0 "$@"
	[ "$(cat /run/netns-services/mgmt/ready)" != "$was" ] || fail "it is the same namespace"
}

nothing_is_left()
{
	[ -z "$(own_processes)" ] && [ -z "$(at "$place" sockets)" ]
}

# said COMMAND... - run it; its exit code is part of the result of the cell
said()
{
	printf '# %s\n' "$*"
	timeout 60 "$@" >/tmp/said 2>&1 </dev/null
	code=$?
	cat /tmp/said
	printf ' %s' "$code" >>/tmp/codes
}

# well COMMAND... - the same, and the exit code must be 0
well()
{
	said "$@"
	[ "$code" = 0 ] || fail "exit status $code of: $*"
}

# cell VERB - judge the cell and print it
cell()
{
	: >/tmp/codes
	reason=$(lacking "$1")
	if [ -n "$failed" ]; then
		result="FAILED: not tried, after another failure"
	elif [ -n "$reason" ]; then
		result="n/a: $reason"
	elif (verb_"$1") >/tmp/cell 2>&1; then
		result="ok$(cat /tmp/codes)"
	else
		result=$(grep '^FAILED: ' /tmp/cell | tail -n 1)
		result=${result:-FAILED: it ended otherwise}
		failed=yes
	fi
	printf 'cell\t%s\t%s\t%s\t%s\n' "$service" "$place" "$1" "$result"
	case $result in
	'FAILED: not tried'*) ;;
	FAILED*) sed 's/^/    /' /tmp/cell ;;
	esac
}

# matrix - run all cells of this init system
matrix()
{
	for service in $services; do
		what "$service"
		for place in host netns; do
			failed=
			echo none >/tmp/twin
			place_service
			for verb in $verbs; do
				cell "$verb"
			done
			unplace_service >/tmp/cell 2>&1
			# shellcheck disable=SC2046  # a list of numbers
			[ -z "$failed" ] || kill -9 $(processes)   # for the next to begin anew
		done
	done
}

# prepare - set up the network, and what the daemons need on the host
prepare()
{
	cat >/etc/conf.d/netns.mgmt <<-'END'
		netns_links="v0"
		type_v0="veth"
		config_v0="192.0.2.2/24"
		peer_v0="v0-host"
	END
	echo 'sshd:x:990:65534:sshd:/run/sshd:/bin/false' >>/etc/passwd
	mkdir -p /run/sshd /var/empty /var/log/nginx /var/lib/nginx /var/lib/chrony /run/chrony
	ssh-keygen -q -t ed25519 -N '' -f /run/ssh_key || exit
	dropbearkey -t ed25519 -f /run/key >/dev/null 2>&1 || exit
	chown tester /run/key
}
