# bash's completion of netns-setup. Made from netns-setup's own options: UPDATE_GOLDEN=1 cargo test --test completions
# SPDX-License-Identifier: MIT OR Apache-2.0

_netns_setup()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local place file verb='' options='' names='' named=''
	COMPREPLY=()
	for ((place = 1; place < COMP_CWORD; place++)); do
		case ${COMP_WORDS[place]} in
		--conf-dir | --within | --with) ((place++)) ;;
		-*) ;;
		*) verb=${verb:-${COMP_WORDS[place]}} ;;
		esac
	done
	case $verb in
	'') options='--help --version' names='up down reload plan check list status graph metrics doctor try confirm may-go may-come watch' ;;
	up) options='--all --json --conf-dir --yes-move-my-connection --verbose --quiet --help' named=yes ;;
	down) options='--all --json --conf-dir --yes-move-my-connection --quiet --force --kill --help' named=yes ;;
	reload) options='--all --json --conf-dir --yes-move-my-connection --verbose --quiet --help' named=yes ;;
	plan) options='--all --json --conf-dir --yes-move-my-connection --verbose --quiet --script --help' named=yes ;;
	check) options='--all --json --conf-dir --quiet --help' named=yes ;;
	list) options='--json --conf-dir --help' ;;
	status) options='--all --json --conf-dir --help' named=yes ;;
	graph) options='--conf-dir --dot --mermaid --settings --help' ;;
	metrics) options='--conf-dir --help' ;;
	doctor) options='--all --json --conf-dir --help' named=yes ;;
	try) options='--conf-dir --verbose --within --with --help' named=yes ;;
	confirm) options='--help' named=yes ;;
	may-go) options='--all --conf-dir --yes-move-my-connection --help' named=yes ;;
	may-come) options='--all --conf-dir --yes-move-my-connection --quiet --help' named=yes ;;
	watch) options='--all --conf-dir --yes-move-my-connection --verbose --quiet --help' named=yes ;;
	esac
	for file in ${named:+/etc/conf.d/netns.*}; do
		[ ! -e "$file" ] || names+=" ${file#/etc/conf.d/netns.}"
	done
	case $before in
	--conf-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	--with) mapfile -t COMPREPLY < <(cd /etc/init.d && compgen -f -- "$word") ;;
	--within) ;;
	*)
		[[ $word != -* ]] || names=$options
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
		;;
	esac
}
complete -F _netns_setup netns-setup
