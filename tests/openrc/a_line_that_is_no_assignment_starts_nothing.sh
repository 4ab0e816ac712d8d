#!/bin/sh
# A line in /etc/conf.d that may be meant as netns="mgmt" and does not set it: the service starts
# nowhere, and the message has the line. A line that does set it, however it is written, works; and
# one that is not about that does not matter. Also if the file is older than the last check of all
# files, if OpenRC does not read it, and if many services start at the same time.
# shellcheck disable=SC2016  # for the shell that reads the settings
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
$judge netns add mgmt
script web <<'END'
	command=/bin/sleep
	command_args=600
	command_background=yes
	pidfile=/run/web.pid
END
# A start that has checked all files before
run 0 rc-service web start
run 0 rc-service web stop

# web_has TEXT - write its settings
web_has()
{
	printf '%b' "$1" >/etc/conf.d/web
	cat /etc/conf.d/web
}

starts_nowhere()
{
	web_has "x=1\n$1\nx=2\n"
	refused rc-service web start
	says "web: /etc/conf.d/web:2: "
	! runs sleep || fail "it runs"
}

# starts_in NAMESPACE TEXT
starts_in()
{
	web_has "x=1\n$2\nx=2\n"
	run 0 rc-service web start
	is "the namespace of web" "$(netns_of "$(cat /run/web.pid)")" "$1"
	run 0 rc-service web stop
}

nbsp='\0302\0240'
for line in 'netns= "mgmt"' 'netns ="mgmt"' 'netns: mgmt' 'set netns=mgmt' 'local netns="mgmt"' \
	'declare -x netns="mgmt"' 'typeset netns=mgmt' 'netns=mgmt blue' 'netns="mgmt" command_user=nobody blue' \
	"netns='mgmt' -v" '"netns"="mgmt"' '+netns="mgmt"' 'netns?=mgmt' '$netns=mgmt' "${nbsp}netns=mgmt" \
	"netns$nbsp=mgmt" 'netns=mgmt | cat' 'netns=mgmt &' 'NETNS=mgmt' 'NetNS=mgmt' 'export NETNS=mgmt'; do
	starts_nowhere "$line"
done
for line in 'netns=mgmt' "netns='mgmt' # inside" 'export netns=mgmt' 'netns="mgmt"; y=1' \
	'y=1 netns="mgmt" z="a b" # c' '[ "$netns" = "" ] && netns=mgmt' '{ netns=mgmt; }' 'netns=$(echo mgmt)' \
	'netns=`echo mgmt`' 'netns=m"gm"t || true' '[ -e / ] \\\n\t&& netns=mgmt' \
	'case $x in\n1) netns=mgmt ;;\nesac' 'if true; then\n\tnetns="mgmt"\nfi'; do
	starts_in "$(netns_named mgmt)" "$line"
done
for line in '# netns= "mgmt"' 'y="--a\n\t--netns=mgmt b\n\t-netns=c"' 'netns_links= true' 'unset netns' \
	'[ "$netns" = "" ] || true'; do
	starts_in "$host" "$line"
done

# The settings are moved there, with a time before the last check, as rsync -a and tar do; or they
# are a link to such a file
web_has ''
later
run 0 rc-service web start
run 0 rc-service web stop
printf 'netns= "mgmt"\ntrue\n' >/etc/web
touch -d '2020-01-01 00:00:00' /etc/web
cp -p /etc/web /etc/web.new
mv /etc/web.new /etc/conf.d/web
refused rc-service web start
says "web: /etc/conf.d/web:1: "
rm /etc/conf.d/web
ln -s ../web /etc/conf.d/web
refused rc-service web start
says "web: /etc/conf.d/web:1: "
rm /etc/conf.d/web
: >/etc/conf.d/web
later
run 0 rc-service web start
run 0 rc-service web stop

# The line is in a file that OpenRC does not read. (web.conf and web.d can also be the settings of
# other services.)
for file in web.conf web.d/netns.conf web/netns; do
	rm -rf /etc/conf.d/web*
	[ "$file" = web.conf ] || mkdir "/etc/conf.d/${file%/*}"
	printf '# inside\nnetns="mgmt"\n' >"/etc/conf.d/$file"
	refused rc-service web start
	says "web: /etc/conf.d/$file:2 has a netns=, but OpenRC does not read that file"
	[ -d /etc/conf.d/web ] || starts_in "$host" 'netns=""'
	echo '# netns="mgmt"' >"/etc/conf.d/$file"
	[ -d /etc/conf.d/web ] || starts_in "$host" ''
done
rm -r /etc/conf.d/web
: >/etc/conf.d/web
echo 'netns="mgmt"' >/etc/conf.d/web.conf
ln -s web /etc/init.d/web.conf
starts_in "$host" ''
rm /etc/init.d/web.conf /etc/conf.d/web.conf

# Two services start at the same time, the first after a boot: the second does not rely on the
# check that the first has begun. (awk waits here, so that it takes long.)
printf 'netns= "mgmt"\ntrue\n' >/etc/conf.d/web
touch -d '2020-01-01 00:00:00' /etc/conf.d/web
script other <<'END'
	start() { :; }
END
rc-update -u
later
rm -f /run/openrc/netns-hook*
: >/run/hold
awk=$(command -v awk)
real=$(readlink -f "$awk")
case $real in
*/busybox) real="$real awk" ;;
esac
rm "$awk"
cat >"$awk" <<END
#!/bin/sh
case \$* in
*netns*) echo >>/run/held; while [ -e /run/hold ]; do sleep 0.1; done ;;
esac
exec $real "\$@"
END
chmod +x "$awk"

held()
{
	[ "$(wc -l <"/run/held")" -ge "$1" ] 2>/dev/null
}

held_or_started()
{
	held 2 || [ -e /run/web.pid ]
}

rm -f /run/web.pid   # which dpkg's start-stop-daemon leaves
rc-service other start >/tmp/other 2>&1 &
other=$!
eventually "the first one checks" held 1
{ rc-service web start; echo "exit status $?"; } >/tmp/web 2>&1 &
web=$!
eventually "the second one checks too, or has started" held_or_started
rm /run/hold
wait $other || fail "the first one: $(cat /tmp/other)"
wait $web
cat /tmp/web
grep -q 'exit status 1' /tmp/web || fail "it has started"
grep -q 'web: /etc/conf.d/web:1: ' /tmp/web || fail "no line"
! runs sleep || fail "it runs"
