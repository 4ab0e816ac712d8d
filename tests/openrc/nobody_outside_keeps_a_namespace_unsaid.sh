#!/bin/sh
# Every user of the machine can lock /run/netns, and open the file of a namespace there.
# netns-setup does not wait for such a lock without limit. A process that would keep the
# namespace alive is listed before the sshd in it has been stopped.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
sshd
run 0 rc-service sshd start
pid=$(cat /run/sshd.pid)

# as_somebody COMMAND... - run it as an ordinary user, until let_go
as_somebody()
{
	if [ -e /usr/bin/setpriv ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@" &
	else
		sed -i 's/^\(nobody\):[^:]*:\(.*\):[^:]*$/\1::\2:\/bin\/sh/' /etc/passwd
		su nobody -c "exec $*" &
	fi
	somebody=$!
}

let_go()
{
	kill "$somebody"
	wait "$somebody"
}

has_opened()
{
	for file in /proc/[0-9]*/fd/7; do
		# shellcheck disable=SC3013
		[ ! "$file" -ef "$1" ] || return 0
	done
	return 1
}

cat >/run/holds <<-'END'
	#!/bin/sh
	exec 7</run/netns/mgmt
	exec sleep 300
END
cat >/run/locks <<-'END'
	#!/bin/sh
	exec 7</run/netns
	flock 7
	: >/tmp/locked
	exec sleep 300
END
chmod 755 /run/holds /run/locks

as_somebody /run/holds
eventually "somebody has it open" has_opened /run/netns/mgmt
for verb in stop restart; do
	refused rc-service netns.mgmt $verb
	says "netns-setup: mgmt: held from outside by 1 process: "
	says "(sleep) open as descriptor 7"
	is "the daemon" "$(cat /run/sshd.pid) $(netns_of "$pid")" "$pid $(netns_named mgmt)"
	run 0 rc-service -q sshd status
done
let_go

as_somebody /run/locks
eventually "somebody has locked it" test -e /tmp/locked
run 0 timeout 30 rc-service netns.mgmt stop
says "mgmt: /run/netns is locked by 1 process: "
says "(sleep)"
[ ! -e /run/netns/mgmt ] || fail "it is there"
run 0 timeout 30 rc-service sshd start
says "mgmt: /run/netns is locked"
eventually "it answers" greets far nc -w 2 192.0.2.10 22
let_go
run 0 rc-service netns.mgmt restart
says_not "is locked"
