//! A host with a card, the settings of a namespace that wants it, and what `ip`, `nft` and
//! `ls` say of both: what is looked at before and after a fault.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{NETNS_SETUP, Run, Sandbox, wait_until};
use crate::far;

/// Settings, and those that `reload` finds afterwards; and the rules of each.
pub struct Settings {
    pub first: &'static str,
    pub second: &'static str,
    pub rules: [&'static str; 2],
}

/// A card with all that can be given to it, a veth, a bridge, rules, and a file in /etc.
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
};

/// The least there can be.
pub const LEAST: Settings = Settings {
    first: "netns_links=\n",
    second: "netns_links=lo\nconfig_lo=10.7.7.7/32\n",
    rules: ["", ""],
};

/// Each `ip` prints one line.
const LOOK: &str = "
    look() {
        ip -j $1 $2 -d address
        ip -j $1 $2 route show table all; echo
        ip -j $1 $2 -6 route show table all; echo
    }
    look
    if [ -e /run/netns/mgmt ]; then
        look -n mgmt
        ip netns exec mgmt nft list ruleset
        cat /run/netns-services/mgmt/etc
        find /run/netns-services/mgmt -name ready
        cat /etc/netns/mgmt/resolv.conf
    fi
    ls -A /run/netns
    [ ! -e /run/netns-services ] || ls -A /run/netns-services
    [ ! -e /etc/netns ] || ls -A /etc/netns
    cut -d ' ' -f 5 /proc/self/mountinfo | grep /run
";

/// The sandbox, and the states that it ought to be in.
pub struct World {
    pub sandbox: Sandbox,
    settings: &'static Settings,
    /// Of the host alone, and with the namespace by the first and by the second settings.
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
        let sandbox = far::sandbox(settings.first);
        // A bare host may not have these folders; they stay
        sandbox.sh("mkdir -p /run/netns-services /etc/netns").ok();
        let mut world = World {
            sandbox,
            settings,
            states: Default::default(),
        };
        world.write(State::First);
        world.setup("up mgmt").ok();
        world.setup("down mgmt").ok();
        world.states[0] = world.look();
        for (n, which) in [(1, State::First), (2, State::Second)] {
            world.write(which);
            world.setup("up mgmt").ok();
            world.states[n] = world.look();
            world.setup("down mgmt").ok();
            assert_eq!(world.differs(State::Nothing), None);
        }
        world
    }

    /// Write the settings down.
    pub fn write(&self, which: State) {
        let (text, rules) = match which {
            State::Second => (self.settings.second, self.settings.rules[1]),
            _ => (self.settings.first, self.settings.rules[0]),
        };
        self.sandbox.write("/etc/rules.nft", rules);
        far::write(&self.sandbox, text);
    }

    /// Call netns-setup, without any fault.
    pub fn setup(&self, words: &str) -> Run {
        far::setup(&self.sandbox, words)
    }

    /// How it differs, for longer than the kernel takes for what it does by itself.
    pub fn differs(&self, from: State) -> Option<String> {
        let expected = &self.states[from as usize];
        let mut now = Value::Null;
        let same = || {
            now = self.look();
            now == *expected
        };
        if wait_until(Duration::from_secs(3), same) {
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

    /// All that is there.
    fn look(&self) -> Value {
        let said = self.sandbox.sh(LOOK).stdout;
        let lines = said.lines().map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap_or_else(|_| json!(line));
            far::blur(&mut value);
            if let Value::Array(items) = &mut value {
                // What nobody asked for is made up anew each time
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
