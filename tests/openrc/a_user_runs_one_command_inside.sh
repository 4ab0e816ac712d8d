#!/bin/sh
# The recipe of netns-exec(8): an ordinary user runs one command in a namespace through
# doas or sudo, with that user's own id, and nothing else.
# shellcheck disable=SC2016
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh
card
mgmt
run 0 netns-setup up mgmt

# (No maintainer script has run, which would have created the settings of PAM)
mkdir -p /etc/pam.d
for name in doas sudo su; do
	printf '%s required pam_permit.so\n' auth account session >/etc/pam.d/$name
done
# As in the page
cat >/usr/local/sbin/in-mgmt <<'END'
#!/bin/sh
exec netns-exec mgmt -- su -s /bin/sh -c 'exec "$@"' -- \
	"${DOAS_USER:-$SUDO_USER}" sh "$@"
END
chmod 755 /usr/local/sbin/in-mgmt
echo 'permit nopass tester as root cmd /usr/local/sbin/in-mgmt' >/etc/doas.conf
echo 'tester ALL=(root) NOPASSWD: /usr/local/sbin/in-mgmt' >/etc/sudoers
chmod 440 /etc/sudoers
chmod 400 /etc/doas.conf

# by COMMAND... - as the user types it
by() { su -s /bin/sh -c 'exec "$@"' -- tester sh "$@"; }
tools='doas sudo'
[ ! -e /etc/alpine-release ] || tools=sudo
for tool in $tools; do
	run 0 by "$tool" /usr/local/sbin/in-mgmt sh -c 'id -un; id -g; id -G; readlink /proc/self/ns/net; echo "$1"' sh '-a  b'
	is "who and where" "$(grep -v Warn /tmp/said)" "$(printf '%s\n' tester "$(id -g tester)" "$(id -G tester)" "$(netns_named mgmt)" '-a  b')"
	run 3 by "$tool" /usr/local/sbin/in-mgmt sh -c 'exit 3'
	for command in netns-exec id; do
		refused by "$tool" -n "$command" mgmt
	done
	run 0 by env DOAS_USER=root SUDO_USER=root "$tool" /usr/local/sbin/in-mgmt id -u
	is "who it is" "$(cat /tmp/said)" "$(id -u tester)"
done
