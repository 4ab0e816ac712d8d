# shellcheck shell=sh disable=SC2016,SC2034,SC2154  # the scripts' own words
# Sourced by run.sh: the services of the matrix, one for each kind of settings, and the
# namespaces. The daemon of each is "/bin/sleep NUMBER" with a number of its own, which is
# in the file /run/cells/SERVICE.

# service NAME - write an init script, its text from standard input, with @ for the number
service()
{
	count=$((${count-70000} + 1))
	echo "$count" >"/run/cells/$1"
	{
		echo '#!/sbin/openrc-run'
		sed "s/@/$count/"
	} >"/etc/init.d/$1"
	chmod +x "/etc/init.d/$1"
}

# background NAME, supervised NAME, script NAME - the ways to start a daemon
background()
{
	service "$1" <<-'END'
		command=/bin/sleep
		command_args=@
		command_background=yes
		pidfile=/run/$RC_SVCNAME.pid
	END
}

supervised()
{
	service "$1" <<-'END'
		supervisor=supervise-daemon
		command=/bin/sleep
		command_args=@
		pidfile=/run/$RC_SVCNAME.pid
		respawn_delay=''
	END
}

script()
{
	service "$1" <<-'END'
		start()
		{
			/bin/sleep @ </dev/null >/dev/null 2>&1 &
			echo $! >/run/$RC_SVCNAME.pid
		}
		stop()
		{
			kill $(cat /run/$RC_SVCNAME.pid)
		}
	END
}

# own NAME WORDS [END] - in daemon mode, with a start() that starts the daemon by WORDS
own()
{
	service "$1" <<-END
		command=/bin/sleep
		pidfile=/run/\$RC_SVCNAME.pid
		SSD=start-stop-daemon
		start()
		{
			$2 --start --background --make-pidfile --pidfile \$pidfile --exec /bin/sleep -- @${3-}
		}
	END
	printf '%s\n' 'netns="mgmt"' 'netns_mode="daemon"' >"/etc/conf.d/$1"
}

# conf NAME LINE... - write its settings
conf()
{
	name=$1
	shift
	printf '%s\n' "$@" >"/etc/conf.d/$name"
}

on_the_host()
{
	background plain
	supervised plain-supervised
	script plain-script
	background empty
	conf empty 'netns=""'
	background unreached
	conf unreached 'if false; then' '	netns="mgmt"' 'fi'
	background comment
	conf comment '# netns="mgmt"'
	background stays
	conf stays 'netns_from_inside="stay"'
}

in_mgmt()
{
	background inside
	supervised inside-supervised
	script inside-script
	service words <<-'END'
		supervisor=supervise-daemon
		command="/bin/sleep @"
		pidfile=/run/$RC_SVCNAME.pid
		respawn_delay=''
	END
	# with functions of their own, and so with the whole script inside
	background inside-functions
	supervised inside-functions-supervised
	for name in inside-functions inside-functions-supervised; do
		printf '%s() { :; }\n' start_pre start_post stop_post status_pre >>"/etc/init.d/$name"
	done
	for name in inside inside-supervised inside-script words inside-functions inside-functions-supervised; do
		conf "$name" 'netns="mgmt"'
	done
}

refused_ones()
{
	for name in substitution unset spaces space-after set-word bom crlf upper-case two-names dangling included assumed \
		multi.one netns.web nowhere wrong; do
		background "$name"
	done
	conf substitution 'netns=$(false)' 'true'
	conf unset 'netns="$UNSET"'
	conf spaces 'netns = "mgmt"' 'true'
	conf space-after 'netns= "mgmt"' 'true'
	conf set-word 'set netns="mgmt"' 'true'
	conf bom "$(printf '\357\273\277')"'netns="mgmt"' 'true'
	conf crlf 'netns="mgmt"'"$(printf '\r')" "true"
	conf upper-case 'NETNS="mgmt"'
	conf two-names 'netns="mgmt blue"'
	ln -s /etc/conf.d/nothing /etc/conf.d/dangling
	conf more 'netns="mgmt"'
	conf included '. /etc/conf.d/more'
	conf included.default 'rc_nothing=1'
	conf assumed ': ${netns:=mgmt}'
	conf assumed.default 'rc_nothing=1'
	conf multi 'netns="mgmt"'
	conf multi.default 'rc_nothing=1'
	conf multi.one.default 'rc_nothing=2'
	conf netns.web 'netns="mgmt"'
	conf nowhere 'netns="nowhere"'
	conf wrong 'netns="torn"'
	service by-script <<-'END'
		command=/bin/sleep
		command_args=@
		command_background=yes
		pidfile=/run/$RC_SVCNAME.pid
		netns="mgmt"
	END
	background linked
	conf linked 'netns="mgmt"'
	mkdir -p /opt/scripts
	mv /etc/init.d/linked /opt/scripts/
	ln -s /opt/scripts/linked /etc/init.d/
}

with_a_start_of_their_own()
{
	own own-path /sbin/start-stop-daemon
	own own-env "env start-stop-daemon"
	own own-command "command start-stop-daemon"
	own own-exec "(exec start-stop-daemon" ")"
	own own-setsid "setsid start-stop-daemon"
	own own-sh 'sh -c "start-stop-daemon' '"'
	own own-backslash '\start-stop-daemon'
	own own-quotes '"start-stop-daemon"'
	own own-variable '$SSD'
	own own-auto /sbin/start-stop-daemon
	conf own-auto 'netns="mgmt"'
	service own-abbreviated <<-'END'
		pidfile=/run/$RC_SVCNAME.pid
		start()
		{
			supervise-daemon $RC_SVCNAME --sta --pidfile $pidfile /bin/sleep -- @
		}
		stop()
		{
			supervise-daemon $RC_SVCNAME --stop --pidfile $pidfile
		}
	END
	cp /etc/conf.d/own-path /etc/conf.d/own-abbreviated
	# by a file that another program wrote, such as /lib/lsb/init-functions
	cat >/opt/functions <<-'END'
		start_daemon()
		{
			/sbin/start-stop-daemon --start --background --make-pidfile "$@"
		}
	END
	service own-function <<-'END'
		. /opt/functions
		start()
		{
			start_daemon --pidfile /run/$RC_SVCNAME.pid --exec /bin/sleep -- @
		}
		stop()
		{
			kill $(cat /run/$RC_SVCNAME.pid)
		}
	END
	cp /etc/conf.d/own-path /etc/conf.d/own-function
}

# needing.SERVICE - for each of them, a service that needs it
needing()
{
	cat >/etc/init.d/needing <<-'END'
		#!/sbin/openrc-run
		depend() { need "${RC_SVCNAME#needing.}"; }
		start() { :; }
	END
	chmod +x /etc/init.d/needing
	for name in /run/cells/*; do
		ln -s needing "/etc/init.d/needing.${name##*/}"
	done
}

# those that start others, listed in /run/nested, and one that nothing may stop
of_the_runner()
{
	script witness
	service nesting <<-'END'
		start()
		{
			read -r inner </run/nested
			rc-service "$inner" start >/run/nested.said 2>&1
			echo $? >/run/nested.status
		}
	END
	service cron <<-'END'
		start()
		{
			read -r inner </run/nested
			setsid sh -c 'sleep 0.1
				rc-service "$1" start >/run/nested.said 2>&1
				echo $? >/run/nested.new
				mv /run/nested.new /run/nested.status' \
				sh "$inner" </dev/null >/dev/null 2>&1 &
		}
	END
	conf nesting 'netns="blue"'
	conf cron 'netns="blue"'
}

namespaces()
{
	conf netns.mgmt 'netns_dns="192.0.2.53"'
	conf netns.blue 'netns_dns="192.0.2.54"'
	conf netns.torn 'netns_links="v0"' 'config_v0="192.0.2.10"'
	for name in mgmt blue torn; do
		ln -s netns "/etc/init.d/netns.$name"
	done
	# In boot, so that a change of the runlevel does not stop them
	ln -s /etc/init.d/netns.mgmt /etc/init.d/netns.blue /etc/runlevels/boot/
	mkdir -p /etc/netns/foreign
	echo 'nameserver 192.0.2.55' >/etc/netns/foreign/resolv.conf
	echo 'nameserver 192.0.2.56' >/etc/resolv.own
	echo 'nameserver 192.0.2.1' >/etc/resolv.conf
	$judge netns add foreign
}
