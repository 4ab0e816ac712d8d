#!/bin/sh
# The commands that README and the pages show are typed as printed there: each ends with
# 0, and prints what README shows as its output.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

# below HEADING - print the commands that README indents in this section, without comments
below()
{
	awk -v heading="$1" '/^#+ / { shown = $0 == heading } shown && /^    / { print }' /README.md |
		sed 's/^ *//; s/ *# .*//' >/tmp/lines
	[ -s /tmp/lines ] || fail "README shows no command below \"$1\""
}

# example PAGE TEXT [SECTION] - print the commands that follow the line that begins with
# this TEXT
example()
{
	awk -v text="$2" -v head=".Sh ${3:-EXAMPLES}" '/^\.Sh / { examples = $0 == head }
		examples && index($0, text) == 1 { wanted = 1 }
		wanted && /^\.Ed$/ { exit }
		wanted && shown { print }
		wanted && /^\.Bd / { shown = 1 }' "/man/$1" | sed 's/ *# .*//' >/tmp/lines
	[ -s /tmp/lines ] || fail "$1 shows no example \"$2\""
}

# one_line_examples PAGE - print those of .Dl
one_line_examples()
{
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/s/^\.Dl //p' "/man/$1" | sed 's/\\-/-/g'
}

# typed [COMMAND...] - run the lines; a command that stays is ended when it prints nothing
# more
typed()
{
	while read -r line <&9; do
		[ -n "$line" ] || continue
		case $line in
		"netns-setup watch mgmt") stays ;;
		# A login shell needs a terminal
		"netns-exec mgmt") run 0 netns-exec mgmt -- true ;;
		"netns-exec --host") run 0 netns-exec mgmt -- netns-exec --host -- true ;;
		*) run 0 sh -c "$line" ;;
		esac
		wait_for_daemons
	done 9</tmp/lines
}

stays()
{
	netns-setup watch mgmt >/tmp/said 2>&1 &
	watch=$!
	eventually "it watches" sleeps "$watch"
	kill "$watch"
	wait "$watch" || fail "exit status $? of watch"
}

# sleeps PID - whether it waits for events, with nothing to do
sleeps()
{
	grep -q '^State:.S' "/proc/$1/status" && [ "$(readlink "/proc/$1/exe")" = /usr/sbin/netns-setup ] &&
		[ -z "$(netns-setup plan mgmt)" ]
}

# as_shown - replace the MAC address of a veth, which the kernel chooses, and the time since
# which the namespace is ready; a veth stands for a NIC
as_shown()
{
	sed 's/ready for .*/ready for less than a minute/; s/veth    /physical/; s/fe80::[0-9a-f][0-9a-f:]*\/64/fe80::5054:ff:fe12:3456\/64/'
}

has_link_local()
{
	$judge -n mgmt -o -6 addr show dev eth1 scope link >/tmp/settled
	[ -s /tmp/settled ] && ! grep -q tentative /tmp/settled
}

plug_in
$judge link set eth1 up
eventually "the NIC is ready" is_settled
readme mgmt
sed -i '1i # /etc/conf.d/netns.mgmt' /etc/conf.d/netns.mgmt

# The first output that README shows is printed exactly
awk '/^```$/ { shown = 0 } shown { print } /^```console$/ { shown = 1 }' /README.md >/tmp/console
while IFS= read -r line; do
	case $line in
	"# netns-setup status"*) eventually "the link is ready" has_link_local >&2 ;;
	esac
	case $line in
	"# "*)
		printf '%s\n' "$line"
		sh -c "${line#\# }" 2>&1 </dev/null || fail "exit status $? of $line"
		;;
	esac
done </tmp/console >/tmp/printed
as_shown </tmp/printed >/tmp/printed.shown
grep -q '^# netns-setup plan mgmt' /tmp/console || fail "README shows no plan"
diff -u /tmp/console /tmp/printed.shown || fail "README does not show what is printed"

below "### By hand"
typed
example netns-setup.8 "By hand"
typed

# With OpenRC
mkdir -p /etc/runlevels/default
sshd
below "### With OpenRC"
typed
[ -e /usr/sbin/nft ] || ln -s /judge/nft /usr/sbin/nft
mkdir -p /etc/netns/mgmt
echo 'table inet firewall { chain input { type filter hook input priority 0; }; }' >/etc/netns/mgmt/nftables.nft
below "### Load firewall rules before the first link is up"
typed
is "tables inside" "$($judge netns exec mgmt /judge/nft list tables)" "table inet firewall"

# At the console
run 0 rc-service sshd start
run 0 rc-update add netns.mgmt default
example netns-setup.8 "If the machine no longer answers" "WHEN YOU ARE LOCKED OUT"
sed -i 's/NAME/mgmt/' /tmp/lines
typed
eventually "sshd is gone" is_gone dropbear
[ ! -e /run/netns/mgmt ] || fail "the namespace is still there"
for service in sshd netns.mgmt; do
	! rc-service -q $service status || fail "$service counts as started"
done
rm /etc/netns/mgmt/nftables.nft /etc/init.d/netns-nftables.mgmt
rm /etc/init.d/netns.mgmt
example netns-setup.8 "With OpenRC"
typed
run 0 rc-service netns.mgmt stop

# With runit, as on Void
mkdir -p /var/service /etc/sv/sshd
below "### With runit"
cp /tmp/lines /tmp/in-readme
typed
example netns-setup.8 "With runit"
cmp /tmp/lines /tmp/in-readme || fail "netns-setup(8) shows another way than README"
awk '/^```$/ { shown = 0 } /^#!\/bin\/sh$/ { shown = 1 } shown { print }' /README.md |
	sed 's,/usr/sbin/sshd -D,/usr/sbin/dropbear -F -E -R -p 22,' >/etc/sv/sshd/run
chmod 755 /etc/sv/sshd/run
ln -s /etc/sv/sshd /var/service/
runsvdir -P /var/service >/tmp/log 2>&1 &
runsvdir=$!
eventually "sshd listens inside" has_listeners 2
example netns-setup.8 "After an edit of the settings, with runit"
typed
kill -HUP "$runsvdir"
wait "$runsvdir"
eventually "nothing is supervised" is_gone runsv
run 0 netns-setup down --kill mgmt
rm -r /var/service/* /etc/sv/netns-mgmt

# netns-exec(8)
run 0 netns-setup up mgmt
one_line_examples netns-exec.8 >/tmp/lines
grep -v -e SshdSessionPath -e /usr/sbin/sshd -e 'rc-service' /tmp/lines >/tmp/typed
[ -s /tmp/typed ] || fail "netns-exec(8) shows no command"
cp /tmp/typed /tmp/lines
typed
rm /run/netns-services/mgmt/ready
run 111 netns-exec mgmt true
example netns-exec.8 "Two lines" DIAGNOSTICS
cmp /tmp/lines /tmp/said || fail "netns-exec(8) shows another message"
