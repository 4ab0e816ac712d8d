# shellcheck shell=sh
# Sourced by dhcp-hook and resolvconf: checks whether untrusted text is an address or a name,
# and writes a file that other programs may read meanwhile.
# SPDX-License-Identifier: MIT OR Apache-2.0

# Is it a prefix length of IPv4?
is_length() { case $1 in [0-9] | [12][0-9] | 3[012]) ;; *) return 1 ;; esac }

is_ipv4()
{
	case .$1. in
	*[!0-9.]* | *..* | *.*.*.*.*.*.*) return 1 ;;
	*.0[0-9]* | *[0-9][0-9][0-9][0-9]* | *.[3-9][0-9][0-9].* | *.2[6-9][0-9].* | *.25[6-9].*) return 1 ;;
	*.*.*.*.*.*) ;;
	*) return 1 ;;
	esac
}

# Eight groups, or fewer and one ::
is_ipv6()
{
	case $1 in
	*[!0-9A-Fa-f:]* | *:::* | *::*::* | :[!:]* | *[!:]: | *:*:*:*:*:*:*:*:*:*) return 1 ;;
	*[!:][!:][!:][!:][!:]*) return 1 ;;
	::* | *:: | *:*:*:*:*:*:*:*) ;;
	*::*) return 0 ;;
	*) return 1 ;;
	esac
	case $1 in
	::* | *::) ;;
	*:*:*:*:*:*:*:*:*) return 1 ;;
	esac
}

is_address() { is_ipv4 "$1" || is_ipv6 "$1"; }

is_name() { case $1 in '' | *[!A-Za-z0-9._-]*) return 1 ;; esac }

# written FILE TEXT - write it in place. The file is never empty: the new text overwrites the
# old one, and then the rest is cut off
written()
{
	printf '%s\n' "$2" 1<>"$1"
	dd if=/dev/null of="$1" bs=1 seek=$((${#2} + 1)) 2>/dev/null
}
