//! `netns-setup graph`: each namespace, each link, and what it leads to, in three languages.

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use far::{MGMT, sandbox, setup};

const VMS: &str = r#"netns_links="br0 mac0 tap0 up0"
type_mac0="macvlan"
link_mac0="eth2"
type_br0="bridge"
bridge_br0="tap0 up0"
type_tap0="tap"
type_up0="veth"
peer_config_up0="10.9.0.1/24"
"#;

const TEXT: &str = "\
the host
  eth2  uplink
  vms-up0  veth, peer up0 in vms
far
  far1  veth
  far2  veth
mgmt
  eth1  veth
od.d
vms
  br0  bridge
  mac0  macvlan, parent eth2 on the host
  tap0  tap, no carrier, master br0
  up0  veth, peer vms-up0 on the host, master br0
";

const DOT: &str = r#"graph netns {
	subgraph cluster_0 {
		label="the host"
		"/" [shape=point, style=invis]
		"/eth2" [label="eth2 (uplink)"]
		"/vms-up0" [label="vms-up0 (veth)"]
	}
	subgraph cluster_1 {
		label="far"
		"far/" [shape=point, style=invis]
		"far/far1" [label="far1 (veth)"]
		"far/far2" [label="far2 (veth)"]
	}
	subgraph cluster_2 {
		label="mgmt"
		"mgmt/" [shape=point, style=invis]
		"mgmt/eth1" [label="eth1 (veth)"]
	}
	subgraph cluster_3 {
		label="od.d"
		"od.d/" [shape=point, style=invis]
	}
	subgraph cluster_4 {
		label="vms"
		"vms/" [shape=point, style=invis]
		"vms/br0" [label="br0 (bridge)"]
		"vms/mac0" [label="mac0 (macvlan)"]
		"vms/tap0" [label="tap0 (tap, no carrier)"]
		"vms/up0" [label="up0 (veth)"]
	}
	"vms/mac0" -- "/eth2" [label="parent"]
	"vms/tap0" -- "vms/br0" [label="master"]
	"vms/up0" -- "/vms-up0" [label="veth"]
	"vms/up0" -- "vms/br0" [label="master"]
}
"#;

const MERMAID: &str = r#"flowchart LR
    subgraph n0["the host"]
        l0["eth2 (uplink)"]
        l1["vms-up0 (veth)"]
    end
    subgraph n1["far"]
        l2["far1 (veth)"]
        l3["far2 (veth)"]
    end
    subgraph n2["mgmt"]
        l4["eth1 (veth)"]
    end
    subgraph n3["od.d"]
    end
    subgraph n4["vms"]
        l5["br0 (bridge)"]
        l6["mac0 (macvlan)"]
        l7["tap0 (tap, no carrier)"]
        l8["up0 (veth)"]
    end
    l6 ---|parent| l0
    l7 ---|master| l5
    l8 ---|veth| l1
    l8 ---|master| l5
"#;

#[test]
fn what_a_link_leads_to_is_drawn_once() {
    let sandbox = sandbox(MGMT);
    sandbox
        .sh(
            "ip link add eth2 type veth peer name far2 netns far && ip -n far link set far2 up
             ip link set eth2 up && ip address add 203.0.113.5/24 dev eth2
             ip route add default via 203.0.113.1 dev eth2; ip netns add od.d",
        )
        .ok();
    setup(&sandbox, "up --quiet mgmt").ok();
    sandbox.write("/etc/conf.d/netns.vms", VMS);
    setup(&sandbox, "up --quiet vms").ok();
    setup(&sandbox, "graph").ok().stdout(TEXT).stderr("");
    setup(&sandbox, "graph --dot").ok().stdout(DOT).stderr("");
    setup(&sandbox, "graph --mermaid")
        .ok()
        .stdout(MERMAID)
        .stderr("");
}
