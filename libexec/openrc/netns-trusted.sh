# shellcheck shell=sh disable=SC2154,SC3043  # OpenRC's own words
# Sourced by netns-firewall.sh: whether root may load a file of rules.
# SPDX-License-Identifier: MIT OR Apache-2.0

# trusted FILE... - as netns-setup has it: each is a file, and none but root may write to it,
# to its folder, and to what a link leads to. One that is not there is not.
trusted()
{
	local file real others
	for file; do
		[ -e "$file" ] || continue
		real=$(readlink -f "$file")
		if [ ! -f "$real" ] || [ "${real#/proc/}" != "$real" ] || [ "${real#/sys/}" != "$real" ]; then
			eerror "$RC_SVCNAME: $file: is not a regular file, or made by the kernel as it is read"
			eerror "$RC_SVCNAME: expected a file of rules, such as root could write with an editor"
			return 1
		fi
		others=$(find -L "$real" "${real%/*}/" "${file%/*}/" -prune \
			\( ! -user 0 -o -perm -020 -o -perm -002 \) | head -n 1)
		[ -n "$others" ] || continue
		eerror "$RC_SVCNAME: $file: others than root may write to $others"
		eerror "$RC_SVCNAME: expected root alone; run chown root $others; chmod go-w $others"
		return 1
	done
}
