# shellcheck shell=sh disable=SC2154,SC3043  # OpenRC's variables and functions
# Sourced by netns-firewall.sh: how the service of $tool closes the namespace that the
# script is in, and opens it. All rules stay. A service does not open what another one
# closed. Uses nft or, if that is not installed, iptables.
# SPDX-License-Identifier: MIT OR Apache-2.0

# close_namespace [established] - let nothing pass except on lo, until open_namespace of the
# same service. With established, packets of existing connections pass too; those of TCP
# also if connection tracking did not know them before.
close_namespace()
{
	local hook family keep=
	if command -v nft >/dev/null; then
		[ -z "$1" ] || keep="ct state established,related accept
			tcp flags & (fin | syn | rst | ack) != syn accept
			icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
		{
			opened
			for hook in input output forward; do
				printf '%s\n' "table inet netns_closed { chain ${tool}_$hook {" \
					"type filter hook $hook priority -150; policy drop" \
					"iifname lo accept" "oifname lo accept" "$keep" "}; }"
			done
		} | nft -f -
		return
	fi
	open_namespace
	for family in iptables ip6tables; do
		[ -z "$1" ] || keep="-A netns_closed_$tool -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A netns_closed_$tool -p tcp ! --syn -j RETURN"
		[ "$1$family" != establishedip6tables ] || keep="$keep
-A netns_closed_$tool -p icmpv6 --icmpv6-type neighbour-solicitation -j RETURN
-A netns_closed_$tool -p icmpv6 --icmpv6-type neighbour-advertisement -j RETURN"
		"$family-restore" -w 5 --noflush <<-END || return
			*filter
			:netns_closed_$tool - [0:0]
			-A netns_closed_$tool -i lo -j RETURN
			-A netns_closed_$tool -o lo -j RETURN
			$keep
			-A netns_closed_$tool -j DROP
			-I INPUT -j netns_closed_$tool
			-I OUTPUT -j netns_closed_$tool
			-I FORWARD -j netns_closed_$tool
			COMMIT
		END
	done
}

# Print the nft commands that delete what close_namespace created, and keep what another
# service closed
opened()
{
	local chain
	nft list table inet netns_closed 2>/dev/null | awk -v own="${tool}_" '
		$1 == "chain" && index($2, own) == 1 { print "delete chain inet netns_closed", $2; next }
		$1 == "chain" { others = 1 }
		$1 == "table" { there = 1 }
		END { if (there && !others) print "delete table inet netns_closed" }'
}

is_closed()
{
	nft list table inet netns_closed || iptables-save | grep netns_closed
} >/dev/null 2>&1

open_namespace()
{
	local family chain
	if command -v nft >/dev/null; then
		opened | nft -f -
		return
	fi
	for family in iptables ip6tables; do
		for chain in INPUT OUTPUT FORWARD; do
			while "$family" -w 5 -D "$chain" -j "netns_closed_$tool"; do :; done
		done
		"$family" -w 5 -F "netns_closed_$tool" && "$family" -w 5 -X "netns_closed_$tool"
	done 2>/dev/null
	return 0
}
