# fish's completion of netns-exec: its options, the namespaces there are, and behind the
# name whatever completes the command itself.
# SPDX-License-Identifier: MIT OR Apache-2.0

# The words behind the options: the name, if one is needed, and the command.
function __netns_exec_words
	set -l words (commandline -opc)[2..]
	set -l named yes
	while set -q words[1]
		switch $words[1]
			case --pid --path
				set named no
				set -e words[1]
			case --host
				set named no
			case --vrf --wait --heal
				set -e words[1]
			case --
				set -e words[1]
				break
			case '-*'
			case '*'
				break
		end
		set -e words[1]
	end
	echo $named
	set -q words[1]; and printf '%s\n' $words
end

function __netns_exec_needs_name
	set -l words (__netns_exec_words)
	test $words[1] = yes -a (count $words) = 1
end

function __netns_exec_takes_options
	test (count (__netns_exec_words)) = 1
end

function __netns_exec_command
	set -l words (__netns_exec_words)
	set -l first 2
	test $words[1] = yes; and set first 3
	test "$words[$first]" = --; and set first (math $first + 1)
	# An option of netns-exec's own
	if not set -q words[$first]; and string match -q -- '-*' (commandline -ct)
		return
	end
	__fish_complete_subcommand --commandline $words[$first..] (commandline -ct)
end

complete -c netns-exec -f
complete -c netns-exec -n __netns_exec_needs_name -a '(ls /run/netns 2>/dev/null)' -d namespace
complete -c netns-exec -n 'not __netns_exec_needs_name' -a '(__netns_exec_command)'
complete -c netns-exec -n __netns_exec_takes_options -l pid -x -a '(__fish_complete_pids)' -d 'Join the namespace of this process'
complete -c netns-exec -n __netns_exec_takes_options -l path -r -F -d 'Join the namespace that FILE refers to'
complete -c netns-exec -n __netns_exec_takes_options -l host -d 'Go back to the network and the mounts of process 1'
complete -c netns-exec -n __netns_exec_takes_options -l net-only -d 'Leave all mounts as they are'
complete -c netns-exec -n __netns_exec_takes_options -l vrf -x -d 'Bind sockets to this VRF'
complete -c netns-exec -n __netns_exec_takes_options -l env -d 'Set NETNS_NAME to the name'
complete -c netns-exec -n __netns_exec_takes_options -l wait -x -d 'Wait so many seconds for the namespace to be ready'
complete -c netns-exec -n __netns_exec_takes_options -l heal -x -a '(ls /run/netns 2>/dev/null)' -d 'Bind again what is lost'
complete -c netns-exec -n __netns_exec_takes_options -s h -l help -d 'Print a summary'
complete -c netns-exec -n __netns_exec_takes_options -s V -l version -d 'Print the version'
