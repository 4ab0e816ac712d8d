# shellcheck shell=sh
# Sourced by scenarios: init scripts and settings as a distribution's packages install
# them for iptables, ip6tables, ipset and nftables. They are written as Alpine's are: how
# the script uses its name, which verbs there are, how it queries and stops itself, and
# where and how it saves its rules.

# distributions - install them, and the tools
distributions()
{
	for tool in nft ipset iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
		[ -x "/usr/sbin/$tool" ] || ln -s "/judge/$tool" "/usr/sbin/$tool"
	done
	mkdir -p /etc/iptables /etc/ipset.d

	# One script for both families, which uses SVCNAME; it saves in place
	script iptables <<-'END'
		extra_commands="save panic"
		extra_started_commands="reload"
		family=$SVCNAME
		case $family in
		iptables | ip6tables) ;;
		*) family=iptables ;;
		esac
		case $family in
		iptables) rules=$IPTABLES_SAVE forward=net.ipv4.ip_forward ;;
		ip6tables) rules=$IP6TABLES_SAVE forward=net.ipv6.conf.all.forwarding ;;
		esac
		depend() { before net; provide firewall; }
		policy() {
			for chain in INPUT FORWARD OUTPUT; do
				$family -P $chain $1
			done
		}
		flush() { $family -F; $family -X; }
		checkconfig() {
			[ -f "$rules" ] && return
			eerror "Not starting $family: write rules, then /etc/init.d/$family save"
			return 1
		}
		start() {
			checkconfig || return 1
			ebegin "Loading $family"
			$family-restore $SAVE_RESTORE_OPTIONS <"$rules"
			eend $?
			! yesno "$IPFORWARD" || sysctl -w $forward=1 >/dev/null
		}
		stop() {
			if yesno "$SAVE_ON_STOP"; then
				save || return 1
			fi
			ebegin "Stopping $family"
			policy ACCEPT
			flush
			eend $?
		}
		reload() { flush; start; }
		save() {
			ebegin "Saving $family"
			touch "$rules"
			chmod 0600 "$rules"
			$family-save $SAVE_RESTORE_OPTIONS >"$rules"
			eend $?
		}
		panic() {
			if service_started $family; then
				rc-service $family stop
			fi
			ebegin "Dropping all packets"
			flush
			policy DROP
			eend $?
		}
	END
	ln -s iptables /etc/init.d/ip6tables
	for tool in "iptables IPTABLES_SAVE rules-save" "ip6tables IP6TABLES_SAVE rules6-save"; do
		# shellcheck disable=SC2086  # three words
		set -- $tool
		printf '%s="/etc/iptables/%s"\nSAVE_RESTORE_OPTIONS="-c"\nSAVE_ON_STOP="yes"\nIPFORWARD="no"\n' \
			"$2" "$3" >"/etc/conf.d/$1"
	done

	# The directory is written in the script; errors of the program's output are lost in a pipe
	script ipset <<-'END'
		extra_started_commands="save reload"
		DIR=/etc/ipset.d
		STATUS=0
		depend() { before iptables ip6tables; }
		tool() { ipset "$@" || STATUS=1; }
		start() { reload; }
		stop() {
			ebegin "Removing the sets"
			tool destroy
			eend $STATUS
		}
		save() {
			ebegin "Saving the sets"
			ipset save | while read -r verb name rest; do
				case $verb in
				create) echo "$rest" >$DIR/$name ;;
				add) echo "$rest" >>$DIR/$name ;;
				esac
			done
			for name in $(cd $DIR && ls); do
				ipset -n list $name >/dev/null 2>&1 || rm -f $DIR/$name
			done
			eend $STATUS
		}
		reload() {
			ebegin "Loading the sets"
			for name in $(cd $DIR && ls); do
				{
					echo "create $name $(head -n 1 $DIR/$name)"
					echo "flush $name"
					sed "1d;s/^/add $name /" $DIR/$name
				} | tool -exist restore
			done
			eend $STATUS
		}
	END

	# This script uses RC_SVCNAME; it saves to another file and renames that, with the status
	# of another step
	script nftables <<-'END'
		extra_commands="list panic save check"
		extra_started_commands="reload"
		: ${rules_file:=${NFTABLES_SAVE:="/var/lib/nftables/rules-save"}}
		: ${save_on_stop:=${SAVE_ON_STOP:="yes"}}
		depend() { need localmount; before net; provide firewall; }
		start_pre() {
			[ -f "$rules_file" ] && return
			eerror "Not starting nftables: write rules, then rc-service nftables save"
			return 1
		}
		list() { nft list ruleset; }
		check() { nft -c -f "$rules_file"; }
		panic() {
			if service_started "$RC_SVCNAME"; then
				rc-service "$RC_SVCNAME" stop
			fi
			ebegin "Dropping all packets"
			nft 'flush ruleset; table inet filter {
				chain input { type filter hook input priority 0; policy drop; }
				chain output { type filter hook output priority 0; policy drop; }
			}'
			eend $?
		}
		reload() { start; }
		save() {
			ebegin "Saving nftables"
			checkpath -q -d "${rules_file%/*}"
			checkpath -q -m 0600 -f "$rules_file"
			echo 'flush ruleset' >"$rules_file.tmp"
			nft list ruleset >>"$rules_file.tmp"
			retval=$?
			[ $retval -eq 0 ] && mv "$rules_file.tmp" "$rules_file"
			eend $retval
		}
		start() {
			ebegin "Loading nftables"
			nft -f "$rules_file"
			eend $?
		}
		stop() {
			if yesno "$save_on_stop"; then
				save || return 1
			fi
			ebegin "Stopping nftables"
			nft flush ruleset
			eend $?
		}
	END
	echo 'rules_file="/etc/nftables.nft"' >/etc/conf.d/nftables
}
