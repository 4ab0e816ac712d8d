//! A host with a NIC, the settings of a namespace that moves it in, and the state of both
//! as `ip`, `nft` and `ls` print it, to be compared before and after a fault.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::common::{LIMIT, NETNS_SETUP, Run, Sandbox, wait_until};
use crate::{far, trace};

/// Settings of `mgmt`, and those that `reload` uses afterwards; the rules of each; and commands
/// for sh that prepare the host.
pub struct Settings {
    pub first: &'static str,
    pub second: &'static str,
    pub rules: [&'static str; 2],
    pub host: &'static str,
}

/// A NIC with all its possible settings, a veth, a bridge, rules, and a file in /etc.
pub const WHOLE: Settings = Settings {
    first: r#"netns_links="eth1 v0 br0"
config_eth1="192.0.2.10/24"
routes_eth1="default via 192.0.2.1
198.51.100.0/24 via 192.0.2.254 metric 50"
mtu_eth1=1400
mac_eth1=52:54:00:00:00:aa
type_v0=veth
peer_v0=v0h
config_v0=10.8.0.2/24
peer_config_v0=10.8.0.1/24
mac_v0=stable
type_br0=bridge
mac_br0=stable
config_br0="10.9.0.1/24 2001:db8:9::1/64"
netns_nftables=/etc/rules.nft
netns_dns="192.0.2.53"
"#,
    second: r#"netns_links="eth1 v0"
config_eth1="192.0.2.11/24"
routes_eth1="default via 192.0.2.254"
mac_eth1=52:54:00:00:00:aa
type_v0=veth
peer_v0=v0h
config_v0=10.8.0.2/24
mac_v0=stable
netns_nftables=/etc/rules.nft
"#,
    rules: [
        "table inet guard { chain in { type filter hook input priority 0; tcp dport 22 accept; }; }\n\
         table ip other { chain one { }; }\n",
        "table inet guard { chain in { type filter hook input priority 0; tcp dport 80 accept; }; }\n\
         table ip6 third { chain one { }; }\n",
    ],
    host: "",
};

/// The smallest settings.
pub const LEAST: Settings = Settings {
    first: "netns_links=\n",
    second: "netns_links=lo\nconfig_lo=10.7.7.7/32\n",
    rules: ["", ""],
    host: "",
};

/// A veth pair with a namespace that is up and names this one; masquerading and port
/// forwarding; and hooks.
pub const TIED: Settings = Settings {
    first: r#"netns_links="m0 ve0"
type_m0=veth
peer_netns_m0=edge
peer_m0=e0
mac_m0=stable
config_m0=10.7.0.1/24
type_ve0=veth
peer_ve0=v0h
mac_ve0=stable
config_ve0="10.8.0.2/24 fd00:8::2/64 nodad"
peer_config_ve0="10.8.0.1/24 fd00:8::1/64 nodad"
routes_ve0="default via 10.8.0.1; default via fd00:8::1"
netns_masquerade=eth1
netns_publish="tcp/8080:80"
netns_dns=192.0.2.53
netns_sysctl="net.ipv4.ip_forward=1"
netns_pre_up=true
netns_post_up=true
netns_pre_down=true
netns_post_down=true
"#,
    second: r#"netns_links="m0 ve0"
type_m0=veth
peer_netns_m0=edge
peer_m0=e0
mac_m0=stable
config_m0=10.7.0.3/24
type_ve0=veth
peer_ve0=v0h
mac_ve0=stable
config_ve0=10.8.0.2/24
peer_config_ve0=10.8.0.1/24
routes_ve0="default via 10.8.0.1"
netns_publish="tcp/8081:80 udp/53"
"#,
    rules: ["", ""],
    host: r#"
        echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
        cat >/etc/conf.d/netns.edge <<-END
		netns_links=e0
		type_e0=veth
		peer_netns_e0=mgmt
		peer_e0=m0
		mac_e0=stable
		config_e0=10.7.0.2/24
		routes_e0="default via 10.7.0.1"
		END
        "$NETNS_SETUP" up edge"#,
};

/// A namespace of another program, which gets a name, and a NIC in addition to its own links.
pub const BOX: Settings = Settings {
    first: r#"netns_attach=path:/run/netns/boxed
netns_links="eth1 own v0"
config_eth1=192.0.2.10/24
config_own=10.3.0.2/24
type_v0=veth
peer_v0=v0h
mac_v0=stable
config_v0=10.8.0.2/24
peer_config_v0=10.8.0.1/24
routes_v0="10.7.0.0/16 via 10.8.0.1; default via 10.8.0.1 metric 7"
"#,
    second: r#"netns_attach=path:/run/netns/boxed
netns_links="eth1 own"
config_eth1=192.0.2.11/24
mtu_eth1=1400
config_own=10.3.0.3/24
routes_own="10.7.0.0/16 via 10.3.0.9"
netns_dns=192.0.2.53
"#,
    rules: ["", ""],
    host: "
        ip netns add boxed
        ip -n boxed link set lo up
        ip -n boxed link add own address 52:54:00:00:00:99 type bridge
        ip -n boxed address add 10.3.0.1/24 dev own
        ip -n boxed link set own up
        ip -n boxed route add default via 10.3.0.9",
};

/// Each `ip` prints one line.
const LOOK: &str = "
    look() {
        ip -j $1 $2 -d address
        ip -j $1 $2 route show table all; echo
        ip -j $1 $2 -6 route show table all; echo
    }
    look
    nft -s list ruleset
    grep . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/route_localnet \
        /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/accept_ra
    for name in mgmt edge boxed; do
        [ -e \"/run/netns/$name\" ] || continue
        look -n \"$name\"
        ip netns exec \"$name\" nft -s list ruleset
        ip netns exec \"$name\" cat /proc/sys/net/ipv4/ip_forward
        cd \"/run/netns-services/$name\" && ls | grep -e ready -e _down && cat etc *_down
        cat \"/etc/netns/$name/resolv.conf\"
    done
    ls -Ad /run/netns/* /run/netns-services/* /run/netns-services/.t* | grep -v '[.]failed$'
    find /etc/netns -mindepth 1 -maxdepth 1 ! -empty
    cut -d ' ' -f 5 /proc/self/mountinfo | grep /run
";

/// The sandbox, and the states that it may be in.
pub struct World {
    pub sandbox: Sandbox,
    settings: &'static Settings,
    /// The state of the host alone, and with the namespace of the first and of the second
    /// settings.
    pub states: [Value; 3],
}

/// Which settings are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Nothing,
    First,
    Second,
}

impl World {
    /// Makes one. Nothing is up.
    pub fn new(settings: &'static Settings) -> World {
        let mut sandbox = far::sandbox(settings.first);
        sandbox.limit = trace::LIMIT;
        // A bare host may not have these directories and files; they stay
        sandbox
            .sh("mkdir -p /run/netns-services /etc/netns /etc/conf.d && touch /run/netns-services/.ties")
            .ok();
        let host = format!("set -e; NETNS_SETUP={NETNS_SETUP}; {}", settings.host);
        sandbox.sh(&host).ok();
        let mut world = World {
            sandbox,
            settings,
            states: Default::default(),
        };
        world.write(State::First);
        world.setup("up mgmt").ok();
        world.setup("down mgmt").ok();
        // Duplicate address detection runs for the NIC's own addresses
        let script = "[ -z \"$(ip -6 address show tentative)\" ] && \
             ip -6 route show table local | grep -q 2001:db8:10::7";
        let settled = || world.sandbox.sh(script).exit_code() == 0;
        assert!(wait_until(LIMIT, settled));
        world.states[0] = world.look();
        for (n, which) in [(1, State::First), (2, State::Second)] {
            world.write(which);
            world.setup("up mgmt").ok();
            assert!(wait_until(LIMIT, || far::addresses_have_routes(
                &world.sandbox
            )));
            world.states[n] = world.look();
            world.setup("down mgmt").ok();
            assert_eq!(world.differs(State::Nothing), None);
        }
        world
    }

    /// Write the settings.
    pub fn write(&self, which: State) {
        let (text, rules) = match which {
            State::Second => (self.settings.second, self.settings.rules[1]),
            _ => (self.settings.first, self.settings.rules[0]),
        };
        self.sandbox.write("/etc/rules.nft", rules);
        far::write(&self.sandbox, text);
    }

    /// Call netns-setup, without a fault.
    pub fn setup(&self, words: &str) -> Run {
        far::setup(&self.sandbox, words)
    }

    /// There is a file to be locked.
    pub fn has_lock(&self) -> bool {
        self.sandbox.read("/run/netns-services/mgmt/lock").is_some()
    }

    /// The differences, if they last longer than what the kernel changes by itself.
    pub fn differs(&self, from: State) -> Option<String> {
        let expected = &self.states[from as usize];
        let mut now = Value::Null;
        let same = || {
            now = self.look();
            now == *expected
        };
        if wait_until(LIMIT, same) {
            return None;
        }
        let lines = |value: &Value| -> Vec<String> {
            let list = value.as_array().unwrap().iter();
            list.flat_map(|part| match part {
                Value::Array(items) => items.iter().map(Value::to_string).collect(),
                other => vec![other.to_string()],
            })
            .collect()
        };
        let (now, expected) = (lines(&now), lines(expected));
        let more = now.iter().filter(|line| !expected.contains(line));
        let less = expected.iter().filter(|line| !now.contains(line));
        let more = more.map(|line| format!("\n  more: {line}"));
        let less = less.map(|line| format!("\n  less: {line}"));
        Some(format!(
            "it is not {from:?}:{}",
            more.chain(less).collect::<String>()
        ))
    }

    /// What netns-setup stores about the namespace, and its settings do not contain.
    pub fn kept(&self) -> String {
        let script = "cd /run/netns-services/mgmt && grep -r '' . | sort";
        self.sandbox.sh(script).stdout
    }

    /// All that is there.
    fn look(&self) -> Value {
        let said = self.sandbox.sh(LOOK).stdout;
        let lines = said.lines().map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap_or_else(|_| json!(line));
            far::blur(&mut value);
            if let Value::Array(items) = &mut value {
                // Values that no setting gives are chosen again each time
                for item in items.iter_mut().filter(|item| item["ifname"] == "v0h") {
                    item["address"] = Value::Null;
                }
                items.sort_by_key(Value::to_string);
            }
            value
        });
        lines.filter(|line| *line != json!("")).collect()
    }
}

/// The words of a call.
pub fn words(verb: &str) -> [&str; 3] {
    [NETNS_SETUP, verb, "mgmt"]
}
