#!/bin/sh
# The four firewall scripts of a distribution, as BASE.mgmt with netns="mgmt", with each
# of their verbs. All that they do happens inside and in the namespace's own files, while
# the host's service of the same name is started or stopped. Prints a table.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
# shellcheck source=tests/openrc/distributions.sh
. /t/distributions.sh
distributions
rows=0

inside() { nsenter --net=/run/netns/mgmt "$@"; }
nft() { /judge/nft "$@"; }

# rules PORT - write a file in the format of the script, with this port
rules()
{
	case $base in
	iptables) printf '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport %s -j ACCEPT\nCOMMIT\n' "$1" ;;
	ip6tables) printf '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport %s -j ACCEPT\nCOMMIT\n' "$1" ;;
	ipset) printf 'bitmap:port range 0-65535\n%s\n' "$1" ;;
	nftables) printf 'flush ruleset\ntable inet fw {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t\ttcp dport %s accept\n\t}\n}\n' "$1" ;;
	esac
}

# all_of FAMILY... - print all rules of each, here or inside
all_of()
{
	"$@" /judge/iptables-save | sed '/^#/d; s/\[.*\]//'
	echo --
	"$@" /judge/ip6tables-save | sed '/^#/d; s/\[.*\]//'
	echo --
	"$@" /judge/ipset save
	echo --
	"$@" /judge/nft list ruleset
}

# Print the rules, files and services of the host
of_the_host()
{
	all_of env
	cat /proc/sys/net/ipv4/ip_forward
	find /etc/iptables /etc/ipset.d /etc/nftables* /var/lib/nftables* -type f -exec md5sum {} + 2>/dev/null | sort
	for service in iptables ip6tables ipset nftables; do
		rc-service "$service" status
	done 2>&1
}

# own - print what the script's own tool shows inside
own()
{
	case $base in
	iptables | ip6tables) inside "/judge/$base-save" ;;
	ipset) inside /judge/ipset save ;;
	nftables) inside /judge/nft list ruleset ;;
	esac
}

# others - print what the tools of the other family show inside: nothing
others()
{
	case $base in
	iptables) inside /judge/ip6tables-save ;;
	ip6tables) inside /judge/iptables-save ;;
	esac | grep dport
}

add()
{
	case $base in
	iptables | ip6tables) inside "/judge/$base" -A INPUT -p tcp --dport "$1" -j ACCEPT ;;
	ipset) inside /judge/ipset add ports "$1" ;;
	nftables) inside /judge/nft add rule inet fw input tcp dport "$1" accept ;;
	esac
}

# shows PORT - whether the rules inside are those with this port, and no others
shows()
{
	own >/tmp/own
	is "the ports inside" "$(grep -owE '1111|2222|3333' /tmp/own | sort -u | xargs)" "$*"
	[ -z "$(others)" ] || fail "it did the same to the other family"
}

drops_all()
{
	own >/tmp/own
	case $base in
	nftables) is "chains that drop" "$(grep -c 'policy drop' /tmp/own)" 2 ;;
	*) is "chains that drop" "$(grep -c '^:[A-Z]* DROP' /tmp/own)" 3 ;;
	esac
	! grep -qE 'dport|accept' /tmp/own || fail "something is let in"
}

opens_all()
{
	own >/tmp/own
	! grep -qE 'DROP|drop|dport|add ' /tmp/own || fail "something is left"
}

# is_saved PORT... - whether the file of the namespace has these ports, complete, and no
# other file exists
is_saved()
{
	is "the ports saved" "$(grep -owE '1111|2222|3333' "$file" | sort -u | xargs)" "$*"
	is "what is left beside it" "$(ls -d "$file".* 2>/dev/null)" ""
}

# row VERB [STATUS] - run one verb; nothing on the host changes
row()
{
	run "${2:-0}" rc-service "$base.mgmt" "$1"
	of_the_host >/tmp/host.now
	cmp -s /tmp/host.before /tmp/host.now || {
		diff /tmp/host.before /tmp/host.now
		fail "the host is not as it was"
	}
	rows=$((rows + 1))
	printf '| %-9s | %-7s | %-13s | %-18s | right |\n' "$base" "$1" "$state" "$whose" >>/tmp/table
}

# The cells of one script; the rules inside and the files are checked after each verb.
verbs()
{
	row start
	shows "$port"
	row status
	case $base in
	nftables)
		row list
		says "dport $port"
		row check
		;;
	esac
	add 3333
	row reload
	shows "$port"
	add 3333
	row save
	is_saved "$port" 3333
	row restart
	shows "$port" 3333
	row stop
	opens_all
	row status 3
	if [ "$base" = ipset ]; then
		row start
		shows "$port" 3333
		row stop
		return
	fi
	is_saved "$port" 3333
	# With the service stopped, and with it started
	row panic
	drops_all
	row start
	shows "$port" 3333
	row panic
	drops_all
	row status 3
	is_saved "$port" 3333
	row start
	row stop
	opens_all
}

# prepare - write the services of the host and of the namespace, and the files
prepare()
{
	case $base in
	iptables) hosts=/etc/iptables/rules-save file=/etc/netns/mgmt/iptables/rules-save ;;
	ip6tables) hosts=/etc/iptables/rules6-save file=/etc/netns/mgmt/iptables/rules6-save ;;
	ipset) hosts=/etc/ipset.d/ports file=/etc/netns/mgmt/ipset.d/ports ;;
	nftables) hosts=/etc/nftables.nft file=/etc/netns/mgmt/nftables.nft ;;
	esac
	rm -rf /etc/netns/mgmt /etc/iptables/* /etc/ipset.d/* /etc/nftables.nft*
	rules 1111 >"$hosts"
	if [ "$whose" = "the namespace's" ]; then
		port=2222
		mkdir -p "${file%/*}"
		rules 2222 >"$file"
	else
		port=1111
	fi
	rm -f /etc/init.d/*.mgmt
	later
	ln -s "$base" "/etc/init.d/$base.mgmt"
	echo 'netns="mgmt"' >"/etc/conf.d/$base.mgmt"
	if [ "$whose" = "the namespace's" ]; then
		ln -s netns /etc/init.d/netns.mgmt
		printf 'netns_links="eth0"\ntype_eth0="veth"\nconfig_eth0="192.0.2.10/24"\n' >/etc/conf.d/netns.mgmt
		run 0 rc-service netns.mgmt start
		inside /judge/nft flush ruleset
	else
		$judge netns add mgmt
	fi
	[ "$state" = stopped ] || run 0 rc-service "$base" start
	of_the_host >/tmp/host.before
}

tidy()
{
	case $whose in
	"the namespace's") run 0 rc-service netns.mgmt stop ;;
	*) $judge netns del mgmt ;;
	esac
	[ "$state" = stopped ] || run 0 rc-service "$base" stop
	nft flush ruleset
	/judge/ipset destroy
}

for base in iptables ip6tables ipset nftables; do
	for state in started stopped; do
		for whose in "the host's" "the namespace's"; do
			prepare
			verbs
			tidy
		done
	done
done
# As on the host, rules that refer to sets are loaded after them; and they are no firewall
# of the host
later
for base in iptables ip6tables ipset nftables; do
	ln -sf $base /etc/init.d/$base.mgmt
	echo 'netns="mgmt"' >/etc/conf.d/$base.mgmt
done
run 0 rc-update -u
says_not loop
for base in iptables ip6tables; do
	number=$(sed -n "s/^depinfo_\([0-9]*\)_service='$base.mgmt'$/\1/p" /run/openrc/deptree)
	grep -q "^depinfo_${number}_iafter_[0-9]*='ipset.mgmt'" /run/openrc/deptree ||
		fail "$base.mgmt does not come after ipset.mgmt"
done
! grep -E "_providedby_[0-9]*='.*\.mgmt'" /run/openrc/deptree || fail "it is taken for the host's firewall"

printf '\n| script    | verb    | the host'"'"'s own | the file there is  |       |\n'
cat /tmp/table
printf '%s cells, all of them right\n' "$rows"
