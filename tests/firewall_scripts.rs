//! The scenarios of tests/firewall_scripts under real OpenRCs, and one under runit: netns-nftables,
//! netns-iptables and netns-ipset, with real nft, iptables and ipset, another machine
//! that sends packets in, and the host's own rules, which must stay as they are.

mod testbed;

testbed::scenarios! { "firewall_scripts":
    a_broken_file_at_start_closes_the_namespace
    a_broken_file_of_the_namespace_brings_no_link_up
    a_stop_touches_neither_host_nor_file
    ipset_has_every_verb
    iptables_has_every_verb
    nftables_has_every_verb
    the_name_says_the_namespace
    under_runit_a_firewall_stands
}
