#!/bin/sh
# A script written for the host uses its own name and the names of other services. As
# BASE.mgmt, run inside completely, its own name means itself and the other names mean
# services of the host, with every command that uses names. In a namespace of ours and in
# one of another program.
# shellcheck source=tests/openrc/lib.sh
. /t/lib.sh

# say COMMAND - a verb that runs the command from within the script
script talk <<'END'
extra_commands="say"
start() { readlink /proc/self/ns/net >"/run/$RC_SVCNAME.at"; }
stop() { rm "/run/$RC_SVCNAME.at"; }
say() { . /run/say; }
END
script other <<'END'
start() { readlink /proc/self/ns/net >/run/other.at; }
stop() { rm /run/other.at; }
END
# A script that uses the name of its file, under a link with another name
ln -s talk /etc/init.d/talk.mgmt
ln -s talk /etc/init.d/chatter
for service in talk.mgmt chatter; do
	echo 'netns="mgmt"' >/etc/conf.d/$service
done

started() { [ -e "/run/$1.at" ]; }

# says_and COMMAND - the script of $service runs it. (It is read as part of a function, as
# all code of a script is.)
speak()
{
	printf '%s\n' "$1" >/run/words
	sed -i "s|^say() .*|say() { $1; }|" /etc/init.d/talk
	printf '# %s: %s\n' "$service" "$1"
	rc-service "$service" say >/tmp/said 2>&1 </dev/null
	got=$?
	cat /tmp/said
}

state()
{
	for name in talk "$service" other; do
		started "$name" && printf '%s ' "$name"
	done
}

# row COMMAND STATUS STARTED... - compare the result, while the host's own service exists
row()
{
	speak "$1"
	is "the status" "$got" "$2"
	is "what is started" "$(state | sed 's/ $//')" "$3"
	for name in talk other; do
		! started $name || is "where $name is" "$(cat /run/$name.at)" "$host"
	done
	! started "$service" || is "where $service is" "$(cat "/run/$service.at")" "$(netns_named mgmt)"
	rows=$((rows + 1))
	printf '| %-9s | %-9s | %-8s | %s\n' "$service" "$made" "$own" "$1" >>/tmp/table
}

rows=0
later
for made in by-others ours; do
	if [ $made = ours ]; then
		ln -s netns /etc/init.d/netns.mgmt
		printf 'netns_links="eth0"\ntype_eth0="veth"\nconfig_eth0="192.0.2.10/24"\n' >/etc/conf.d/netns.mgmt
		later
		run 0 rc-service netns.mgmt start
	else
		$judge netns add mgmt
	fi
	for service in talk.mgmt chatter; do
		for own in stopped started; do
			talk=
			if [ $own = started ]; then
				run 0 rc-service talk start
				talk="talk "
			fi
			# itself is stopped
			row 'service_started talk' 1 "${talk% }"
			row 'service_stopped talk' 0 "${talk% }"
			row 'if ! service_started talk; then rc-service talk start; fi' 0 "$talk$service"
			row 'service_started talk' 0 "$talk$service"
			row 'service_started' 0 "$talk$service"
			row "service_started $service" 0 "$talk$service"
			row 'service_stopped talk' 1 "$talk$service"
			row 'rc-service --ifstarted talk stop' 0 "${talk% }"
			row 'rc-service -q talk start' 0 "$talk$service"
			row 'rc-service talk restart' 0 "$talk$service"
			row 'service talk stop' 0 "${talk% }"
			row "rc-service $service start" 0 "$talk$service"
			if [ "$service" = talk.mgmt ]; then
				# bash accepts no path as an alias, and env no alias at
				# all: then the host's service is not called instead
				if [ "$(readlink -f /bin/sh)" != "$(readlink -f /bin/bash)" ]; then
					row '/etc/init.d/talk restart' 0 "$talk$service"
				elif [ $own = started ]; then
					row '/etc/init.d/talk restart' 1 "$talk$service"
				fi
				[ $own = started ] || row 'env rc-service talk start' 1 "$talk$service"
				[ $own = stopped ] || row 'env rc-service talk stop' 1 "$talk$service"
			fi
			# others
			row 'service_started other' 1 "$talk$service"
			row 'rc-service other start' 0 "$talk$service other"
			row 'service_started other' 0 "$talk$service other"
			row 'service_started other \&\& rc-service other stop' 0 "$talk$service"
			row 'rc-service talk stop' 0 "${talk% }"
			row 'rc-service nobody stop' 1 "${talk% }"
			if [ $own = started ]; then
				run 0 rc-service talk stop
			fi
		done
	done
	if [ $made = ours ]; then
		run 0 rc-service netns.mgmt stop
	else
		$judge netns del mgmt
	fi
done
cat /tmp/table
printf '%s cells, all of them right\n' "$rows"
