//! What people do by hand, in a few lines of settings: done by netns-setup, by sh and the
//! real ip(8) and nft(8) from its plan, and by the commands that people type. The three
//! hosts end with the same state. Recipes of README are read from README.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "common/far.rs"]
mod far;
mod testbed;
mod tree;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use common::{LIMIT, Sandbox, wait_until};
use far::{dump, in_netns, same, setup};
use serde_json::{Value, json};
use tree::text;

/// The maximum number of lines in the settings of a recipe.
const LINES: usize = 12;

/// Something that people do by hand.
struct Recipe {
    netns: &'static str,
    /// The host before, prepared by sh. `pid:812` in the settings stands for the process id
    /// that sh left in /run/pid.
    host: String,
    settings: String,
    by_hand: String,
    /// Links whose MAC address the kernel chooses at random: `LINK`, or `NETNS/LINK`.
    drawn: &'static [&'static str],
}

/// Three hosts: set up by netns-setup, by sh from its plan, and by the commands that people
/// type.
struct Made {
    ours: Sandbox,
    planned: Sandbox,
    by_hand: Sandbox,
}

impl Recipe {
    /// Sets it up in all three ways; afterwards the hosts and namespaces have the same state.
    #[track_caller]
    fn make(&self) -> Made {
        let is_setting = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let lines = self.settings.lines().filter(is_setting).count();
        assert!(lines <= LINES, "{lines} lines:\n{}", self.settings);
        let made = Made {
            ours: self.sandbox(),
            planned: self.sandbox(),
            by_hand: self.sandbox(),
        };
        setup(&made.ours, &format!("up {}", self.netns)).ok();
        let plan = setup(&made.planned, &format!("plan --script {}", self.netns));
        made.planned.write("/run/plan", &plan.ok().stdout);
        made.planned.sh("sh -e /run/plan").ok();
        made.by_hand.sh(&format!("set -e\n{}", self.by_hand)).ok();
        for sandbox in made.all() {
            self.draw(sandbox);
        }
        for other in [&made.planned, &made.by_hand] {
            for netns in [String::new(), format!("-n {}", self.netns)] {
                let alike = || everything(&made.ours, &netns) == everything(other, &netns);
                wait_until(LIMIT, alike);
                same(&everything(other, &netns), &everything(&made.ours, &netns));
            }
        }
        made
    }

    #[track_caller]
    fn sandbox(&self) -> Sandbox {
        let sandbox = far::sandbox("");
        sandbox.sh(&format!("set -e\n{}", self.host)).ok();
        let file = format!("/etc/conf.d/netns.{}", self.netns);
        let pid = sandbox.read("/run/pid").unwrap_or_default();
        let settings = self
            .settings
            .replace("pid:812", &format!("pid:{}", pid.trim()));
        sandbox.write(&file, &settings);
        sandbox
    }

    /// Gives links with a random address the same one on every host.
    fn draw(&self, sandbox: &Sandbox) {
        for (n, link) in self.drawn.iter().enumerate() {
            let (netns, link) = match link.split_once('/') {
                Some((netns, link)) => (format!("-n {netns}"), link),
                None => (String::new(), *link),
            };
            let set = format!("ip {netns} link set {link} address 52:54:00:00:08:{n:02}");
            sandbox.sh(&set).ok();
        }
    }
}

impl Made {
    fn all(&self) -> [&Sandbox; 3] {
        [&self.ours, &self.planned, &self.by_hand]
    }

    /// To netns-setup, the result by hand is what it would have made itself.
    #[track_caller]
    fn nothing_to_do(&self, netns: &str) {
        for sandbox in [&self.planned, &self.by_hand] {
            let plan = setup(sandbox, &format!("plan {netns}"));
            plan.ok().stdout("").stderr("");
        }
    }
}

/// The links, addresses, routes and rules that `ip` prints.
#[track_caller]
fn everything(sandbox: &Sandbox, netns: &str) -> Value {
    let mut all = dump(sandbox, netns);
    for link in all["link"].as_array_mut().into_iter().flatten() {
        // The index of a link of the host; ip would print the namespace's link of that index
        if let Some(vxlan) = link.pointer_mut("/linkinfo/info_data") {
            vxlan.as_object_mut().unwrap().remove("link");
        }
    }
    all["rule"] = json!(sandbox.ip_json(&format!("{netns} rule")));
    all["rule6"] = json!(sandbox.ip_json(&format!("{netns} -6 rule")));
    all
}

/// The settings of a namespace that README shows.
#[track_caller]
fn readme(netns: &str) -> String {
    let examples = tree::examples(&text("README.md"), "```");
    let found = examples.into_iter().find(|(name, _)| name == netns);
    found.unwrap_or_else(|| panic!("README shows no {netns}")).1
}

/// Answers every connection with `who` and the address that it came from.
fn serve(sandbox: &Sandbox, netns: &str, port: u16, who: &'static str) {
    let server = in_netns(sandbox, netns, || {
        TcpListener::bind(("0.0.0.0", port)).unwrap()
    });
    thread::spawn(move || {
        for stream in server.incoming().flatten() {
            let from = stream.peer_addr().unwrap().ip();
            let _ = (&stream).write_all(format!("{who} {from}").as_bytes());
        }
    });
}

/// The answer of a server to a client in this place; empty if it cannot be reached.
fn ask(sandbox: &Sandbox, netns: &str, to: &str) -> String {
    let to = to.parse().unwrap();
    in_netns(sandbox, netns, || {
        let mut said = String::new();
        if let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_millis(700)) {
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let _ = stream.read_to_string(&mut said);
        }
        said
    })
}

#[test]
fn a_card_with_several_addresses_routes_and_an_mtu() {
    let recipe = Recipe {
        netns: "mgmt",
        host: String::new(),
        settings: text("conf.d/netns.example"),
        by_hand: "
            ip netns add mgmt
            ip -n mgmt link set lo up
            ip link set eth1 netns mgmt
            ip -n mgmt link set eth1 mtu 1400
            ip -n mgmt address add 192.0.2.10/24 dev eth1
            ip -n mgmt address add 2001:db8:10::10/64 dev eth1
            ip -n mgmt link set eth1 up
            ip -n mgmt route add default via 192.0.2.1
            ip -n mgmt route add 198.51.100.0/24 via 192.0.2.254 metric 50
            mkdir -p /etc/netns/mgmt
            echo nameserver 192.0.2.53 >/etc/netns/mgmt/resolv.conf"
            .into(),
        drawn: &[],
    };
    let made = recipe.make();
    for sandbox in made.all() {
        let servers = "grep -v '^#' /etc/netns/mgmt/resolv.conf";
        sandbox.sh(servers).ok().stdout("nameserver 192.0.2.53\n");
        sandbox
            .sh("ip netns exec mgmt ping -c 1 -W 5 192.0.2.1")
            .ok();
    }
}

/// A veth, the default route through it, and masquerading, as people type it. Here there is
/// only one route for answers; the table of their own is for namespaces with several.
const WEB: &str = "
    ip netns add web
    ip -n web link set lo up
    ip link add web-eth0 type veth peer name eth0 netns web
    ip address add 10.8.0.1/24 dev web-eth0
    ip link set web-eth0 up
    ip -n web address add 10.8.0.2/24 dev eth0
    ip -n web link set eth0 up
    ip -n web route add default via 10.8.0.1
    ip -n web route add default via 10.8.0.1 table 28275
    ip -n web route add unreachable default metric 4294967295 table 28275
    ip -n web rule add priority 900 fwmark 0x40000000/0x40000000 table 28275
    sysctl -qw net.ipv4.ip_forward=1
    nft add table ip hand
    nft 'add chain ip hand out { type nat hook postrouting priority srcnat; }'
    nft add rule ip hand out ip saddr 10.8.0.0/24 oifname eth1 masquerade
    nft 'add chain ip hand in { type nat hook prerouting priority dstnat; }'
    nft add rule ip hand in fib daddr type local tcp dport 8080 dnat to 10.8.0.2:80";

#[test]
fn a_veth_with_a_default_route_and_masquerading_and_a_port_that_leads_inside() {
    let recipe = Recipe {
        netns: "web",
        // The uplinks are the links of the default routes
        host: "ip route add default via 192.0.2.1".into(),
        settings: readme("web"),
        by_hand: WEB.into(),
        drawn: &["web-eth0", "web/eth0"],
    };
    let made = recipe.make();
    for sandbox in made.all() {
        serve(sandbox, "far", 80, "far");
        serve(sandbox, "web", 80, "web");
        // Outside, the host's address is seen and not the namespace's; inside, the client's
        assert_eq!(ask(sandbox, "web", "192.0.2.1:80"), "far 192.0.2.7");
        assert_eq!(ask(sandbox, "far", "192.0.2.7:8080"), "web 192.0.2.1");
    }
    // By hand, the host has become a router for every machine that uses it as one. Not with
    // netns-setup
    for sandbox in made.all() {
        sandbox
            .sh("ip -n far route add 10.8.0.0/24 via 192.0.2.7")
            .ok();
    }
    assert_eq!(ask(&made.by_hand, "far", "10.8.0.2:80"), "web 192.0.2.1");
    for sandbox in [&made.ours, &made.planned] {
        assert_eq!(ask(sandbox, "far", "10.8.0.2:80"), "");
    }
}

/// The script that README replaces, which has the same result as the settings.
#[test]
fn a_script_of_ip_netns_commands() {
    let readme = text("README.md");
    let blocks = readme
        .split("```sh\n")
        .filter_map(|block| block.split("```").next());
    let script = blocks.filter(|block| block.starts_with("ip netns add blue\n"));
    let recipe = Recipe {
        netns: "blue",
        host: String::new(),
        settings: self::readme("blue"),
        by_hand: script.collect(),
        drawn: &["blue0", "blue/eth0"],
    };
    recipe.make().nothing_to_do("blue");
}

#[test]
fn virtual_machines_on_a_bridge() {
    let recipe = Recipe {
        netns: "vms",
        host: String::new(),
        settings: readme("vms"),
        by_hand: "
            ip netns add vms
            ip -n vms link set lo up
            ip -n vms link add br0 type bridge
            ip -n vms tuntap add dev tap0 mode tap user nobody
            ip -n vms tuntap add dev tap1 mode tap user nobody
            ip link add vms-up0 type veth peer name up0 netns vms
            for port in tap0 tap1 up0; do
                ip -n vms link set $port master br0
            done
            for link in br0 tap0 tap1 up0; do
                ip -n vms link set $link up
            done
            ip address add 10.9.0.1/24 dev vms-up0
            ip link set vms-up0 up"
            .into(),
        drawn: &["vms-up0", "vms/tap0", "vms/tap1", "vms/up0", "vms/br0"],
    };
    let made = recipe.make();
    made.nothing_to_do("vms");
    // One command deletes all of it
    let gone = |sandbox: &Sandbox| sandbox.run(&["ip", "link", "show", "vms-up0"]).code(1);
    setup(&made.ours, "down vms").ok();
    gone(&made.ours);
}

/// The first process of a container: in a network namespace of its own, with no links in it.
const CONTAINER: &str = "
    unshare -n sh -ec 'ip link set lo up; echo >/run/made; exec sleep 1000' </dev/null >/dev/null 2>&1 &
    echo $! >/run/pid
    until [ -e /run/made ]; do sleep 0.01; done";

#[test]
fn a_container_by_its_process() {
    let recipe = Recipe {
        netns: "box",
        host: CONTAINER.into(),
        settings: readme("box"),
        by_hand: "
            ip netns attach box $(cat /run/pid)
            ip link add box-eth0 type veth peer name eth0 netns box
            ip address add 10.7.0.1/24 dev box-eth0
            ip link set box-eth0 up
            ip -n box address add 10.7.0.2/24 dev eth0
            ip -n box link set eth0 up
            ip -n box route add default via 10.7.0.1"
            .into(),
        drawn: &["box-eth0", "box/eth0"],
    };
    let made = recipe.make();
    made.nothing_to_do("box");
    for sandbox in made.all() {
        let same = "[ $(readlink /proc/$(cat /run/pid)/ns/net) = $(ip netns exec box readlink /proc/self/ns/net) ]";
        sandbox.sh(same).ok();
        sandbox
            .sh("nsenter -n -t $(cat /run/pid) ping -c 1 -W 5 10.7.0.1")
            .ok();
    }
}

#[test]
fn a_macvlan_whose_address_stays() {
    let settings = "netns_links=\"lan0\"
type_lan0=\"macvlan\"
link_lan0=\"eth1\"
mac_lan0=\"stable\"
config_lan0=\"192.0.2.20/24\"
routes_lan0=\"default via 192.0.2.1\"
";
    let address = |sandbox: &Sandbox, netns: &str, link: &str| {
        let found = sandbox.ip_json(&format!("-n {netns} link show {link}"));
        found[0]["address"].as_str().unwrap().to_string()
    };
    let first = far::sandbox(settings);
    setup(&first, "up mgmt").ok();
    let stable = address(&first, "mgmt", "lan0");
    let recipe = Recipe {
        netns: "mgmt",
        host: String::new(),
        settings: settings.into(),
        by_hand: format!(
            "
            ip netns add mgmt
            ip -n mgmt link set lo up
            ip link add lan0 link eth1 address {stable} netns mgmt type macvlan mode bridge
            ip -n mgmt address add 192.0.2.20/24 dev lan0
            ip -n mgmt link set lan0 up
            ip -n mgmt route add default via 192.0.2.1"
        ),
        drawn: &[],
    };
    let made = recipe.make();
    made.nothing_to_do("mgmt");
    for sandbox in made.all() {
        sandbox
            .sh("ip netns exec mgmt ping -c 1 -W 5 192.0.2.1")
            .ok();
    }
    // The same at each start, different in another namespace, and a unicast address
    setup(&made.ours, "down mgmt").ok();
    setup(&made.ours, "up mgmt").ok();
    assert_eq!(address(&made.ours, "mgmt", "lan0"), stable);
    made.ours.write("/etc/conf.d/netns.lan", settings);
    setup(&made.ours, "up lan").ok();
    let other = address(&made.ours, "lan", "lan0");
    assert_ne!(other, stable);
    for mac in [stable, other] {
        let first = u8::from_str_radix(&mac[..2], 16).unwrap();
        assert_eq!(first & 3, 2, "{mac}");
    }
}

#[test]
fn a_tunnel_that_is_born_outside_and_lives_inside() {
    let recipe = Recipe {
        netns: "mgmt",
        // The other end
        host: "
            ip -n far link add vx0 type vxlan id 42 remote 192.0.2.7 local 192.0.2.1 dev far1 dstport 4789
            ip -n far address add 10.42.0.1/24 dev vx0
            ip -n far link set vx0 up"
            .into(),
        settings: "netns_links=\"vx0\"
type_vx0=\"vxlan\"
vxlan_id_vx0=42
vxlan_local_vx0=\"192.0.2.7\"
vxlan_remote_vx0=\"192.0.2.1\"
link_vx0=\"eth1\"
config_vx0=\"10.42.0.2/24\"
routes_vx0=\"default via 10.42.0.1\"
"
        .into(),
        // The packets of the tunnel itself still use the routes of the namespace it was created in
        by_hand: "
            ip link add vx0 type vxlan id 42 remote 192.0.2.1 local 192.0.2.7 dev eth1 dstport 4789
            ip netns add mgmt
            ip -n mgmt link set lo up
            ip link set vx0 netns mgmt
            ip -n mgmt address add 10.42.0.2/24 dev vx0
            ip -n mgmt link set vx0 up
            ip -n mgmt route add default via 10.42.0.1"
            .into(),
        drawn: &["mgmt/vx0"],
    };
    let made = recipe.make();
    made.nothing_to_do("mgmt");
    for sandbox in made.all() {
        sandbox
            .sh("ip netns exec mgmt ping -c 1 -W 5 10.42.0.1")
            .ok();
    }
}

/// The recipes that need a kernel with VLANs and WireGuard; README is available there.
#[test]
fn a_daemon_that_knows_no_way_but_the_tunnel_and_a_vlan_whose_address_stays() {
    let mut command = testbed::host("run-vm", "alpine", "vm");
    let readme = format!("{}/README.md:/README.md", tree::ROOT);
    command.args(["-b", &readme, "-n", "2", "-t", "300"]);
    let run = command.args(["sh", "/t/recipes.sh"]).output().unwrap();
    let said = [run.stdout, run.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(run.status.success(), "{}\n{said}", run.status);
}
