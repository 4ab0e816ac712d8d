#!/bin/sh
# Alpine's kernel for virtual machines has no dnotify.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

[ ! -e /proc/sys/fs/dir-notify-enable ] || fail "this kernel has dnotify"
cat >/etc/conf.d/netns.blue <<-'END'
	netns_links="d0"
	type_d0="dummy"
	config_d0="192.0.2.10/24"
END

run 111 netns-exec --wait 0.3 blue echo ran
says 'blue is not ready after 0.3 s'
says 'nothing has started it'
says_not CONFIG

# It waits both if nothing exists, and if only the namespace exists
sleeps()
{
	grep -q sigtimedwait "/proc/$1/wchan" 2>/dev/null
}
waits()
{
	netns-exec --wait 200 blue $judge -o -4 addr show dev d0 >/tmp/got 2>&1 &
	waiting=$!
	eventually "it waits" sleeps "$waiting"
}
comes()
{
	run 0 netns-setup up blue
	eventually "it has been woken" test -s /tmp/got
	wait "$waiting"
	is "how it ended" "$?" 0
	cat /tmp/got
	grep -q 192.0.2.10/24 /tmp/got || fail "it ran elsewhere, or too early"
	run 0 netns-setup down blue
}
waits
comes
waits
run 0 $judge netns add blue
eventually "it waits on" sleeps "$waiting"
run 0 $judge netns delete blue
comes
