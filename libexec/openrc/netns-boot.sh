# shellcheck shell=sh disable=SC2154,SC3043  # OpenRC's variables and functions
# Sourced by netns: the order of the boot and of the shutdown, without a need for localmount.
# OpenRC would follow that need at each start of a service that needs the namespace.
# SPDX-License-Identifier: MIT OR Apache-2.0

# Does localmount mount a filesystem that can hold programs, settings or keys? Then the service
# needs it. Otherwise local_filesystems sees to the order of the boot, and at the shutdown
# localmount unmounts nothing that is needed: netns.conf excludes /run/netns.
fstab_has_more_than_root()
{
	local device at options _
	[ -r /etc/fstab ] || return
	while read -r device at _ options _; do
		case $device:,$options, in :* | '#'*:* | *:*,noauto,*) continue ;; esac
		case $at in
		/ | none | swap | /boot | /boot/* | /efi | /tmp) ;;
		/proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /run | /run/*) ;;
		*) return 0 ;;
		esac
	done </etc/fstab
	return 1
}

# Before the runlevel default, the root may still be read-only. (While a runlevel starts,
# rc-service starts nothing that the service needs.)
local_filesystems()
{
	local service
	case $RC_RUNLEVEL:$RC_SYS in
	sysinit: | boot: | sysinit:XEN* | boot:XEN*) [ -e /etc/runlevels/boot/localmount ] || return 0 ;;
	*) return 0 ;;
	esac
	for service in $(rc-service localmount ineed) localmount; do
		while service_starting "$service"; do
			sleep 0.1
		done
		service_started "$service" || rc-service "$service" start || return
	done
}
