# bash completion for netns-exec: its options, the namespaces and, after the name, the
# completion of the command itself.
# SPDX-License-Identifier: MIT OR Apache-2.0

_netns_exec()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} place name
	COMPREPLY=()
	# Options and their values come before the name.
	for ((place = 1; place < COMP_CWORD; place++)); do
		case ${COMP_WORDS[place]} in
		--pid | --path) ((place++)); name=none ;;
		--host) name=none ;;
		--vrf | --wait | --heal) ((place++)) ;;
		--) ((place++)); break ;;
		-*) ;;
		*) break ;;
		esac
	done
	if [ "${name-}" ]; then
		[ "$place" -gt "$COMP_CWORD" ] || [[ $word == -* && $place -eq $COMP_CWORD ]] || {
			_command_offset "$place"
			return
		}
	elif [ "$place" -lt "$COMP_CWORD" ]; then
		# This word is the name.
		((place++))
		[ "${COMP_WORDS[place]}" != -- ] || [ "$place" -eq "$COMP_CWORD" ] || ((place++))
		_command_offset "$place"
		return
	fi
	case $before in
	--pid) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$word") ;;
	--path) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--vrf | --wait) ;;
	*)
		mapfile -t COMPREPLY < <(
			if [[ $word == -* ]]; then
				compgen -W '--pid --path --host --net-only --vrf --env --wait --heal --help --version' -- "$word"
			else
				compgen -W "$(ls /run/netns 2>/dev/null)" -- "$word"
			fi
		)
		;;
	esac
}
complete -F _netns_exec netns-exec
