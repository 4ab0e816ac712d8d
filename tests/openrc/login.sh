# shellcheck shell=sh
# Sourced by the scenarios with sessions: people log in over eth1 to mgmt, with OpenSSH's
# own client on the other machine. Functions tell where their processes are.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

# people - add root and an ordinary user, with a key of the other machine
people()
{
	ssh-keygen -q -t ed25519 -N '' -f /tmp/key || fail "no key"
	for home in ~root /home/tester; do
		mkdir -p "$home/.ssh"
		cp /tmp/key.pub "$home/.ssh/authorized_keys"
		chmod 700 "$home" "$home/.ssh"
	done
	chown -R tester:tester /home/tester
	sed -i 's/^\(root\|tester\):[^:]*:/\1::/' /etc/passwd   # not locked
	mkdir -p /run/sshd
	# A person at a terminal who types nothing
	mkfifo /tmp/silence
	exec 9<>/tmp/silence
}

# openssh - set up its user, its host keys, and PAM, which records where it opens a
# session
openssh()
{
	grep -q '^sshd:' /etc/passwd || echo 'sshd:x:990:65534:sshd:/run/sshd:/bin/false' >>/etc/passwd
	run 0 ssh-keygen -A
	cat >/etc/ssh/sshd_config <<-'END'
		UsePAM yes
		Subsystem sftp /usr/lib/openssh/sftp-server
		MaxStartups 3:100:3
	END
	cat >/etc/pam.d/sshd <<-'END'
		auth required pam_permit.so
		account required pam_permit.so
		session required pam_exec.so /run/note
	END
	cat >/run/note <<-'END'
		#!/bin/sh
		readlink /proc/self/ns/net >>/run/pam
	END
	chmod 755 /run/note
}

# Of all its clients
options='-q -i /tmp/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'

# logged_in USER@ADDRESS COMMAND
logged_in()
{
	# shellcheck disable=SC2086  # a list of words
	far timeout 30 ssh $options "$1" \
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; $2"
}

# Print where a session is, as the session sees it
where='readlink /proc/self/ns/net; readlink /proc/self/ns/mnt; cat /etc/resolv.conf; ls /sys/class/net; ls /mnt'

# all_are_on_the_host - the sessions of both users, over both families, by ssh, scp and
# sftp
all_are_on_the_host()
{
	later
	echo 'nameserver 198.51.100.53' >/etc/resolv.conf
	mount -t tmpfs tmpfs /mnt   # while sshd runs
	: >/mnt/mounted_later
	chmod 1777 /mnt
	sh -c "$where" >/tmp/expected
	for user in root tester; do
		for address in 192.0.2.10 2001:db8:10::10; do
			run 0 logged_in "$user@$address" "$where"
			is "where $user is" "$(cat /tmp/said)" "$(cat /tmp/expected)"
			run 0 logged_in "$user@$address" 'id -un; set -- $SSH_CONNECTION; echo "${1#::ffff:} ${3#::ffff:} $4"'
			case $address in
			*:*) is "the session" "$(cat /tmp/said)" "$(printf '%s\n' $user "2001:db8:10::1 $address 22")" ;;
			*) is "the session" "$(cat /tmp/said)" "$(printf '%s\n' $user "192.0.2.1 $address 22")" ;;
			esac
		done
		run_far 'ssh -tt' "$user@192.0.2.10" 'tty; readlink /proc/self/ns/net' <&9
		says /dev/pts/
		says "$host"
		copies "$user"
	done
	umount /mnt
}

# run_far CLIENT WORD [WORD] - run ssh, scp or sftp on the other machine
run_far()
{
	# shellcheck disable=SC2086  # lists of words
	set -- $1 $options "$2" ${3+"$3"}
	printf '# %s\n' "$*"
	far timeout 30 "$@" >/tmp/said 2>&1 || fail "$*: $(cat /tmp/said)"
}

# copies USER - copy a file to /mnt, a mount that only the host has, and back
copies()
{
	for way in scp 'scp -O' sftp; do
		echo "$1 by $way" >/tmp/sent
		rm -f /tmp/back
		case $way in
		sftp)
			echo "put /tmp/sent /mnt/file" | run_far sftp "$1@192.0.2.10"
			echo "get /mnt/file /tmp/back" | run_far sftp "$1@192.0.2.10"
			;;
		*)
			run_far "$way" /tmp/sent "$1@192.0.2.10:/mnt/file" </dev/null
			run_far "$way" "$1@192.0.2.10:/mnt/file" /tmp/back </dev/null
			;;
		esac
		is "what came back by $way" "$(cat /tmp/back /mnt/file)" "$(cat /tmp/sent /tmp/sent)"
		is "its owner" "$(stat -c %U /mnt/file)" "$1"
		rm /mnt/file
	done
}

# knock COUNT, knock_off - open so many connections that never authenticate, and close
# them
knock()
{
	for _ in $(seq "$1"); do
		sleep 60 | far nc 192.0.2.10 22 >/dev/null 2>&1 &
	done
}

# is_served - whether the server answers within two seconds
is_served()
{
	greets far timeout 2 nc 192.0.2.10 22
}

# is_turned_away - whether one more connection is closed
is_turned_away()
{
	! is_served || { knock 1; false; }
}

knock_off()
{
	for pid in $(pidof nc); do
		kill "$pid"
	done
}

# stays USER, end_sessions - open a session that stays, and end all of them
stays()
{
	logged_in "$1@192.0.2.10" 'touch /tmp/here; exec sleep 60' >/tmp/log 2>&1 </dev/null &
	eventually "$1 is logged in" test -e /tmp/here
	rm /tmp/here
}

end_sessions()
{
	for pid in $(pidof ssh); do
		kill "$pid"
	done
}

# nobody_cuts_himself_off SERVER - check that commands that take the namespace down are errors
# in a session of SERVER, however little is left of the environment of the session
nobody_cuts_himself_off()
{
	pid=$(cat /run/listener)
	for command in 'netns-setup down mgmt' 'exec env -i PATH=$PATH netns-setup down mgmt' \
		'exec env -i PATH=$PATH netns-setup down --force mgmt' \
		'rc-service netns.mgmt stop' 'exec env -i PATH=$PATH rc-service netns.mgmt restart'; do
		for address in 192.0.2.10 2001:db8:10::10; do
			refused logged_in "root@$address" "$command"
			says "mgmt: it would take away eth1, which carries your own connection from "
			says " to $address"
			is "the listener" "$(netns_of "$pid")" "$(netns_named mgmt)"
		done
	done
	rc-service -q netns.mgmt status || fail "it was stopped"
	# From another place it may be stopped; but not while somebody is logged in, who
	# is listed
	stays tester
	refused rc-service netns.mgmt stop
	says "netns-setup: mgmt: held from outside by "
	says "(${1%% *}) socket "
	end_sessions
	eventually "the namespace is down" rc-service -q netns.mgmt stop
	$judge -o addr show dev eth1 | grep -q 203.0.113.7/24 || fail "the card is not back"
}
