# shellcheck shell=sh
# Sourced by every scenario of the firewall scripts: a namespace that another machine
# sends packets to, and functions that judge the rules. The nft, iptables and ipset of
# /judge are installed, as packages would do.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

folder=/etc/netns/mgmt

# tools NAME... - "install" them where they are missing, as on Alpine
tools()
{
	for tool; do
		[ -x "/usr/sbin/$tool" ] || ln -s "/judge/$tool" "/usr/sbin/$tool"
	done
}

# services TOOL... - install the services of the namespace
services()
{
	for tool; do
		ln -s "netns-$tool" "/etc/init.d/netns-$tool.mgmt"
	done
}

inside()
{
	nsenter --net=/run/netns/mgmt "$@"
}

# others - make a namespace mgmt as another program would, with a link that is up
others()
{
	card
	$judge netns add mgmt
	$judge link set eth1 netns mgmt
	$judge -n mgmt link set lo up
	$judge -n mgmt link set eth1 up
	$judge -n mgmt addr add 192.0.2.10/24 dev eth1
	$judge -n mgmt addr add 2001:db8:10::10/64 dev eth1 nodad
	$judge -n far link 2>/dev/null
	eventually "the other machine answers" inside ping -c 1 -W 1 192.0.2.1
}

# changes COUNT COMMAND... - whether the rules inside change this many times, atomically
changes()
{
	count=$1
	shift
	nsenter --net=/run/netns/mgmt /judge/nft monitor >/tmp/monitor &
	monitor=$!
	eventually "the rules are watched" is_watched begin
	: >/tmp/monitor
	inside /judge/nft add table inet begin
	run 0 "$@"
	inside /judge/nft add table inet end
	eventually "all is seen" grep -q 'add table inet end' /tmp/monitor
	kill "$monitor"
	sed -n '/add table inet begin/,/add table inet end/p' /tmp/monitor >/tmp/changes
	is "changes of the rules" "$(($(grep -c 'new generation' /tmp/changes) - 1))" "$count"
}

is_watched()
{
	inside /judge/nft add table inet "$1"
	inside /judge/nft delete table inet "$1"
	grep -q "delete table inet $1" /tmp/monitor
}

# saves SERVICE FILE... - whether the files change without being seen half written: the
# old content still exists under another name
saves()
{
	service=$1
	shift
	for file; do
		echo "# before" >>"$file"
		ln "$file" "$file.held"
	done
	run 0 rc-service "$service" save
	for file; do
		grep -q '# before' "$file.held" || fail "$file was written to in place"
		! grep -q '# before' "$file" || fail "$file was not saved"
		rm "$file.held"
		is "what is left beside $file" "$(echo "$file".*)" "$file.*"
	done
}

# open, closed - whether the namespace lets in a new packet of the other machine
open()
{
	far ping -c 1 -W 1 192.0.2.10 >/dev/null 2>&1
}

closed()
{
	rm -f /tmp/passed
	{ ! open || echo "in" >>/tmp/passed; } &
	first=$!
	{ ! far ping -c 1 -W 1 2001:db8:10::10 || echo "in by IPv6" >>/tmp/passed; } >/dev/null 2>&1 &
	second=$!
	{ ! inside ping -c 1 -W 1 192.0.2.1 || echo out >>/tmp/passed; } >/dev/null 2>&1 &
	wait "$first" "$second" "$!"
	[ ! -e /tmp/passed ] || fail "a packet passed: $(xargs </tmp/passed)"
	inside ping -c 1 -W 1 127.0.0.1 >/dev/null || fail "lo is closed as well"
	echo "ok: closed"
}

# Print the host's firewall, with every tool that can list a part of it
hosts()
{
	/judge/nft -j list ruleset | sed 's/"metainfo": {[^}]*}//'
	/judge/iptables-save | sed '/^#/d'
	/judge/ip6tables-save | sed '/^#/d'
	/judge/ipset list
	cat /proc/sys/net/ipv4/ip_forward
}
hosts_as_before()
{
	hosts >/tmp/host.now
	cmp -s /tmp/host.before /tmp/host.now || {
		diff -U 0 /tmp/host.before /tmp/host.now
		fail "the host's firewall has changed"
	}
	echo "ok: the host's firewall is as it was"
}

# The host has firewall rules of its own.
/judge/nft 'table inet own { set s { type ipv4_addr; }; chain c { type filter hook input priority 0; counter; }; }'
/judge/iptables -A INPUT -p tcp --dport 4242 -j DROP
/judge/ipset create own hash:ip
hosts >/tmp/host.before
