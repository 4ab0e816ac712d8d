//! netns-setup on a real kernel. The result is read back by `ip`, never by our own code.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, dump, in_netns, is_again, same, sandbox, setup, write};
use serde_json::Value;

/// The output of `up` for the example.
const UP: &str = "\
+ ip netns add mgmt
+ ip link set eth1 netns mgmt
+ ip -n mgmt link set eth1 mtu 1400
+ ip -n mgmt link set lo up
+ ip -n mgmt link set eth1 up
+ ip -n mgmt address add 192.0.2.10/24 dev eth1
+ ip -n mgmt address add 2001:db8:10::10/64 dev eth1
+ ip -n mgmt route add 198.51.100.0/24 via 192.0.2.254 dev eth1 metric 50
+ ip -n mgmt route add default via 192.0.2.1 dev eth1
";

fn names(links: &Value) -> Vec<&str> {
    links
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["ifname"].as_str().unwrap())
        .collect()
}

fn addresses(sandbox: &Sandbox, netns: &str, link: &str) -> Vec<String> {
    let found = sandbox.ip_json(&format!("-n {netns} address show dev {link}"));
    let found = found[0]["addr_info"].as_array().unwrap().clone();
    let global = found.iter().filter(|a| a["scope"] != "link");
    global
        .map(|a| format!("{}/{}", a["local"].as_str().unwrap(), a["prefixlen"]))
        .collect()
}

fn route<'a>(routes: &'a Value, dst: &str) -> &'a Value {
    let routes = routes.as_array().unwrap();
    routes
        .iter()
        .find(|route| route["dst"] == dst)
        .unwrap_or(&Value::Null)
}

#[test]
fn up_makes_what_the_settings_say_and_says_so() {
    let sandbox = sandbox(&format!("{MGMT}netns_dns_options=\"timeout:2 rotate\"\n"));
    let run = setup(&sandbox, "up mgmt").ok();
    assert!(run.stdout.starts_with(UP), "{run}");
    let link = sandbox.ip_json("-n mgmt link");
    assert_eq!(names(&link), ["lo", "eth1"]);
    assert!(link[0]["flags"].to_string().contains("UP"), "{link}");
    assert_eq!(link[1]["mtu"], 1400);
    assert_eq!(
        addresses(&sandbox, "mgmt", "eth1"),
        ["192.0.2.10/24", "2001:db8:10::10/64"]
    );
    let routes = sandbox.ip_json("-n mgmt route");
    assert_eq!(route(&routes, "default")["gateway"], "192.0.2.1");
    assert_eq!(route(&routes, "198.51.100.0/24")["metric"], 50);
    assert_eq!(names(&sandbox.ip_json("link")), ["lo"]);
    let dns = sandbox.read("/etc/netns/mgmt/resolv.conf").unwrap();
    assert!(
        dns.starts_with("# written by netns-setup") && dns.contains("/etc/conf.d/netns.mgmt:6")
    );
    let said = "\nnameserver 192.0.2.53\noptions timeout:2 rotate\n";
    assert!(dns.ends_with(said), "{dns}");
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
    in_netns(&sandbox, "mgmt", || {
        TcpStream::connect("192.0.2.1:1").unwrap_err()
    });
    sandbox
        .sh("ip netns exec mgmt ping -c 1 -W 2 192.0.2.1 >/dev/null")
        .ok();
}

/// `--json` has the same commands as the lines, with the line of the settings that asked.
#[test]
fn each_verb_that_changes_prints_what_it_does_as_json() {
    let json = |sandbox: &Sandbox, call: &str, code| -> Value {
        let run = setup(sandbox, call).code(code);
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}\n{run}"))
    };
    let commands = |of: &Value| {
        let changes = of[0]["changes"].as_array().unwrap().iter();
        let lines = changes.map(|change| format!("+ {}\n", change["command"].as_str().unwrap()));
        lines.collect::<String>()
    };
    let sandbox = sandbox(MGMT);
    let plan = json(&sandbox, "plan --json mgmt", 0);
    let up = json(&sandbox, "up --json mgmt", 0);
    for of in [&plan, &up] {
        assert_eq!(
            (&of[0]["name"], &of[0]["outcome"]),
            (&"mgmt".into(), &"done".into())
        );
        assert!(commands(of).starts_with(UP), "{of:#}");
        let mtu = &of[0]["changes"][2]["origin"];
        let place = (&mtu["setting"], &mtu["file"]);
        assert_eq!(
            place,
            (&"mtu_eth1".into(), &"/etc/conf.d/netns.mgmt".into())
        );
        assert!(mtu["line"].as_u64() > Some(0), "{mtu}");
    }
    let held = json(&sandbox, "reload -v --json mgmt", 0);
    assert_eq!(commands(&held), "");
    assert_eq!(held[0]["satisfied"][0]["command"], "ip netns add mgmt");

    sandbox
        .sh("ip netns exec mgmt sleep 60 >/dev/null 2>&1 & until [ -n \"$(ip netns pids mgmt)\" ]; do sleep 0.05; done")
        .ok();
    let used = json(&sandbox, "down --json mgmt", 111);
    assert_eq!(used[0]["outcome"], "refused");
    let wrong = used[0]["errors"][0].as_str().unwrap();
    assert!(
        wrong.starts_with("mgmt: still used by 1 process"),
        "{used:#}"
    );
    // A hook that fails does not make the call fail
    sandbox.write(
        "/run/netns-services/mgmt/pre_down",
        "# netns_pre_down\nexit 3\n",
    );
    let down = json(&sandbox, "down --kill --json mgmt", 0);
    assert_eq!(down[0]["outcome"], "done", "{down:#}");
    let hook = down[0]["errors"][0].as_str().unwrap();
    assert!(
        hook.contains("netns_pre_down ended with exit code 3"),
        "{hook}"
    );
    assert!(
        commands(&down).contains("+ ip netns delete mgmt\n"),
        "{down:#}"
    );

    write(&sandbox, "netns_links=eth1\nmtu_eth1=5\n");
    for verb in ["check", "up"] {
        let wrong = json(&sandbox, &format!("{verb} --json mgmt"), 100);
        assert_eq!(wrong[0]["outcome"], "wrong");
        let text = wrong[0]["errors"][0].as_str().unwrap();
        assert!(text.contains("netns.mgmt:2: mtu_eth1=\"5\" "), "{text}");
    }
}

#[test]
fn a_second_up_changes_nothing_and_says_nothing() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let before = dump(&sandbox, "-n mgmt");
    setup(&sandbox, "up mgmt").ok().stdout("").stderr("");
    setup(&sandbox, "reload mgmt").ok().stdout("").stderr("");
    setup(&sandbox, "plan mgmt").ok().stdout("").stderr("");
    same(&dump(&sandbox, "-n mgmt"), &before);
    let run = setup(&sandbox, "up -v mgmt").ok();
    assert!(run.stdout.starts_with("= ip netns add mgmt\n"), "{run}");
    assert_eq!(run.stdout.replace("= ", "+ "), {
        let mut lines: Vec<_> = UP.lines().collect();
        lines.sort_unstable();
        let mut held: Vec<_> = run
            .stdout
            .lines()
            .map(|l| l.replacen('=', "+", 1))
            .collect();
        held.sort_unstable();
        lines
            .iter()
            .for_each(|line| assert!(held.contains(&line.to_string()), "{line}\n{run}"));
        run.stdout.replace("= ", "+ ")
    });
}

#[test]
fn an_ipv6_address_can_be_bound_when_up_returns() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    in_netns(&sandbox, "mgmt", || {
        TcpListener::bind("[2001:db8:10::10]:80").unwrap()
    });
}

#[test]
fn down_gives_the_card_back_as_it_was_and_leaves_nothing() {
    let sandbox = sandbox(MGMT);
    let before = dump(&sandbox, "");
    let mounts = || sandbox.sh("grep -c . /proc/self/mountinfo").stdout;
    sandbox.sh("ip netns add first; ip netns delete first").ok();
    let mounted = mounts();
    setup(&sandbox, "up mgmt").ok();
    assert_ne!(dump(&sandbox, ""), before);
    let run = setup(&sandbox, "down mgmt").ok();
    assert!(
        run.stdout
            .starts_with("+ ip -n mgmt link set eth1 netns 1\n"),
        "{run}"
    );
    assert!(run.stdout.contains("+ ip netns delete mgmt\n"), "{run}");
    is_again(&sandbox, "", &before);
    for gone in [
        "/run/netns/mgmt",
        "/run/netns-services/mgmt",
        "/etc/netns/mgmt",
    ] {
        sandbox.sh(&format!("[ ! -e {gone} ]")).ok();
    }
    assert_eq!(mounts(), mounted);
    setup(&sandbox, "down mgmt").ok().stdout("").stderr("");
}

#[test]
fn reload_makes_only_the_needed_changes_and_keeps_connections() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let listener = in_netns(&sandbox, "far", || {
        TcpListener::bind("192.0.2.1:7").unwrap()
    });
    let mut inside = in_netns(&sandbox, "mgmt", || {
        TcpStream::connect("192.0.2.1:7").unwrap()
    });
    let (mut outside, _) = listener.accept().unwrap();
    outside
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let edited = MGMT
        .replace("metric 50", "metric 60")
        .replace("1400", "1300");
    let edited = edited.replace("2001:db8:10::10/64", "2001:db8:10::10/64 192.0.2.11/24");
    write(&sandbox, &edited);
    let planned = setup(&sandbox, "plan mgmt").ok().stdout;
    setup(&sandbox, "reload mgmt").ok().stdout(&planned).stdout(
        "+ ip -n mgmt link set eth1 mtu 1300\n\
         + ip -n mgmt address add 192.0.2.11/24 dev eth1\n\
         + ip -n mgmt route add 198.51.100.0/24 via 192.0.2.254 dev eth1 metric 60\n\
         + ip -n mgmt route delete 198.51.100.0/24 via 192.0.2.254 dev eth1 metric 50\n",
    );
    inside.write_all(b"still").unwrap();
    let mut heard = [0; 5];
    outside.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"still");
    write(&sandbox, MGMT);
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(
        addresses(&sandbox, "mgmt", "eth1"),
        ["192.0.2.10/24", "2001:db8:10::10/64"]
    );
}

#[test]
fn up_leaves_what_is_no_longer_asked_for_and_reload_takes_it_away() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    write(&sandbox, "netns_links=eth1\nconfig_eth1=192.0.2.10/24\n");
    setup(&sandbox, "up mgmt").ok().stdout("");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(addresses(&sandbox, "mgmt", "eth1"), ["192.0.2.10/24"]);
    assert_eq!(
        sandbox.ip_json("-n mgmt route").as_array().unwrap().len(),
        1
    );
    assert_eq!(sandbox.ip_json("-n mgmt link show eth1")[0]["mtu"], 1500);
    sandbox.sh("[ ! -e /etc/netns/mgmt ]").ok();
    let before = dump(&sandbox, "");
    write(&sandbox, "");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(names(&sandbox.ip_json("link")), ["lo", "eth1"]);
    assert_ne!(dump(&sandbox, ""), before);
}

#[test]
fn what_others_made_inside_is_not_touched_and_is_listed() {
    let sandbox = sandbox(&format!(
        "{MGMT}netns_rules=\"to 10.0.0.0/8 table 9 priority 80\"\n"
    ));
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("ip -n mgmt address add 172.31.0.1/24 dev lo; ip -n mgmt route add 172.30.0.0/16 via 192.0.2.1 proto bird
        ip -n mgmt rule add from 172.30.0.0/16 table 9 priority 70").ok();
    let before = dump(&sandbox, "-n mgmt");
    setup(&sandbox, "reload mgmt").ok().stdout("");
    same(&dump(&sandbox, "-n mgmt"), &before);
    let run = setup(&sandbox, "status mgmt").ok();
    assert!(
        run.stdout
            .starts_with("mgmt: ready, as its settings say, 0 processes\n"),
        "{run}"
    );
    // The addresses of the kernel without their proto, which is only that
    assert!(
        run.stdout
            .contains("127.0.0.1/8 172.31.0.1/24 (not ours) ::1/128\n"),
        "{run}"
    );
    assert!(
        run.stdout
            .contains("172.30.0.0/16 via 192.0.2.1 dev eth1 proto 12 (not ours)"),
        "{run}"
    );
    assert!(
        run.stdout
            .contains("  rule priority 70 from 172.30.0.0/16 table 9 (not ours)\n  rule priority 80 to 10.0.0.0/8 table 9\n"),
        "{run}"
    );
    let json = setup(&sandbox, "status --json mgmt").ok().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["ready"], true);
    let by = |rule: &str| {
        let rules = json[0]["rules"].as_array().unwrap();
        let found = rules.iter().find(|r| r["rule"] == rule);
        found.map(|rule| rule["by"].as_str().unwrap().to_string())
    };
    assert_eq!(
        by("priority 80 to 10.0.0.0/8 table 9").as_deref(),
        Some("us")
    );
    assert_eq!(by("priority 0 table 255").as_deref(), Some("kernel"));
    let theirs = "priority 70 from 172.30.0.0/16 table 9";
    assert_eq!(by(theirs).as_deref(), Some("others"));
    assert_eq!(json[0]["differences"].as_array().unwrap().len(), 0);
}

#[test]
fn status_finds_a_difference_and_reload_mends_it() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "status mgmt").code(1);
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("ip -n mgmt route delete default").ok();
    let run = setup(&sandbox, "status mgmt").code(1);
    assert!(
        run.stdout
            .ends_with("+ ip -n mgmt route add default via 192.0.2.1 dev eth1\n"),
        "{run}"
    );
    setup(&sandbox, "reload mgmt")
        .ok()
        .stdout("+ ip -n mgmt route add default via 192.0.2.1 dev eth1\n");
    setup(&sandbox, "status mgmt").ok();
}

#[test]
fn links_are_made_where_they_belong() {
    let sandbox = sandbox(
        r#"netns_links="br0 v0 v1 m0 lo"
type_br0=bridge
bridge_br0="v1"
config_br0="10.9.0.1/24"
type_v0=veth
peer_v0=v0-host
peer_config_v0="10.8.0.1/24"
peer_master_v0=
config_v0="10.8.0.2/24"
mac_v0=stable
mtu_v0=1420
routes_v0="default via 10.8.0.1"
type_v1=veth
peer_v1=v1-host
peer_master_v1=hostbr
type_m0=macvlan
link_m0=eth1
mode_m0=private
config_m0="192.0.2.20/24"
config_lo="10.7.7.7/32"
"#,
    );
    sandbox
        .sh("ip link add hostbr address 52:54:00:00:00:99 type bridge; ip link set hostbr up")
        .ok();
    let before = dump(&sandbox, "");
    setup(&sandbox, "up mgmt").ok();
    let links = sandbox.ip_json("-n mgmt -d link");
    let of = |name: &str| -> Value {
        let found = links
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["ifname"] == name);
        found
            .unwrap_or_else(|| panic!("no {name}: {links}"))
            .clone()
    };
    assert_eq!(of("br0")["linkinfo"]["info_kind"], "bridge");
    assert_eq!(of("v1")["master"], "br0");
    assert_eq!(of("v0")["mtu"], 1420);
    assert_eq!(of("m0")["linkinfo"]["info_data"]["mode"], "private");
    assert_eq!(sandbox.ip_json("link show v1-host")[0]["master"], "hostbr");
    assert_eq!(
        addresses(&sandbox, "mgmt", "lo"),
        ["127.0.0.1/8", "10.7.7.7/32", "::1/128"]
    );
    sandbox
        .sh("ip netns exec mgmt ping -c 1 -W 2 10.8.0.1 >/dev/null")
        .ok();
    sandbox
        .sh("ip netns exec mgmt ping -c 1 -W 2 192.0.2.1 >/dev/null")
        .ok();
    setup(&sandbox, "up mgmt").ok().stdout("");
    let mac = of("v0")["address"].clone();
    setup(&sandbox, "down mgmt").ok();
    is_again(&sandbox, "", &before);
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(sandbox.ip_json("-n mgmt link show v0")[0]["address"], mac);
}

#[test]
fn down_refuses_while_a_process_is_inside() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let mut sleeper = sandbox.spawn(&[
        "ip",
        "netns",
        "exec",
        "mgmt",
        "sh",
        "-c",
        "echo $$; exec sleep 1000",
    ]);
    let pid = sleeper.line();
    assert!(wait_until(LIMIT, || {
        let comm = sandbox.sh(&format!("cat /proc/{pid}/comm"));
        comm.stdout == "sleep\n"
    }));
    setup(&sandbox, "down mgmt")
        .code(111)
        .stdout("")
        .stderr(&format!(
            "netns-setup: mgmt: still used by 1 process: {pid} (sleep)\n\
         netns-setup: stop them first, or run netns-setup down --kill to kill them, or down --force to leave them behind without links\n"
        ));
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
    setup(&sandbox, "down --force mgmt").ok().stderr(&format!(
        "netns-setup: mgmt: left behind in it, without links: 1 process: {pid} (sleep)\n"
    ));
    assert_eq!(names(&sandbox.ip_json("link")), ["lo", "eth1"]);
    assert!(sleeper.child.try_wait().unwrap().is_none());
    setup(&sandbox, "up mgmt").ok();
    let mut other = sandbox.spawn(&[
        "ip",
        "netns",
        "exec",
        "mgmt",
        "sh",
        "-c",
        "echo; exec sleep 1000",
    ]);
    other.line();
    setup(&sandbox, "down --kill mgmt").ok().stderr("");
    assert!(wait_until(LIMIT, || other
        .child
        .try_wait()
        .unwrap()
        .is_some()));
    assert!(sleeper.child.try_wait().unwrap().is_none());
}

#[test]
fn a_stale_file_is_repaired_and_a_namespace_of_others_is_kept() {
    let sandbox = sandbox(MGMT);
    sandbox
        .sh("mkdir -p /run/netns && : >/run/netns/mgmt && chmod 000 /run/netns/mgmt")
        .ok();
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    sandbox
        .sh("ip netns add mgmt; ip -n mgmt link add theirs type bridge")
        .ok();
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(
        names(&sandbox.ip_json("-n mgmt link")),
        ["lo", "theirs", "eth1"]
    );
    let run = setup(&sandbox, "down mgmt").ok();
    assert!(!run.stdout.contains("netns delete"), "{run}");
    assert_eq!(names(&sandbox.ip_json("-n mgmt link")), ["lo", "theirs"]);
    assert_eq!(names(&sandbox.ip_json("link")), ["lo", "eth1"]);
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
}

/// ip(8) creates and deletes a name in two system calls, and a busy machine may let others run
/// between them. The file that is there meanwhile is left to it.
#[test]
fn a_name_that_others_are_about_to_create_or_delete_is_waited_for() {
    let sandbox = sandbox("netns_links=br0\ntype_br0=bridge\n");
    sandbox.sh("ip netns add first").ok();
    for (slow, command) in [
        ("unshare:delay_enter", "add"),
        ("umount2:delay_exit", "delete"),
    ] {
        let slow = format!("strace -qq -o /dev/null -e inject={slow}=300000");
        let theirs = format!("{slow} ip netns {command} mgmt");
        let ours = format!("sleep 0.1; {NETNS_SETUP} up mgmt");
        sandbox.sh(&format!("{theirs} & {ours} && wait $!")).ok();
        let mounted = sandbox.sh("grep -c ' /run/netns/mgmt ' /proc/self/mountinfo");
        mounted.ok().stdout("1\n");
        setup(&sandbox, "status mgmt").ok();
    }
}

/// A process with mounts of its own, as every service inside has, sees a name that is made later,
/// even with a private /, as OpenRC and runit leave it.
#[test]
fn a_new_name_is_seen_by_those_who_have_mounts_of_their_own() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        sandbox.write(&format!("/etc/conf.d/netns.{name}"), "netns_links=\n");
    }
    setup(&sandbox, "up one").ok();
    let sees = "echo up; read -r go; stat -f -c %T /run/netns/two";
    let mut before = sandbox.spawn(&["unshare", "-m", "--propagation", "slave", "sh", "-c", sees]);
    assert_eq!(before.line(), "up");
    setup(&sandbox, "up two").ok();
    before.say("\n");
    assert_eq!(before.line(), "nsfs");
}

#[test]
fn a_namespace_that_was_made_anew_by_others_is_not_ours_to_delete() {
    let sandbox = sandbox("netns_links=\n");
    // Sooner or later it gets the inode number of the earlier one
    for _ in 0..20 {
        setup(&sandbox, "up mgmt").ok();
        sandbox.sh("ip netns delete mgmt; ip netns add mgmt").ok();
        sandbox
            .run(&[NETNS_EXEC, "mgmt", "echo", "ran"])
            .code(111)
            .stdout("")
            .stderr(
                "netns-exec: mgmt was replaced by another namespace of the same name\n\
             netns-exec: to set this one up, run netns-setup up mgmt\n",
            );
        setup(&sandbox, "status mgmt").code(1);
        setup(&sandbox, "down mgmt").ok();
        sandbox
            .sh("ip netns exec mgmt true && ip netns delete mgmt")
            .ok();
    }
    sandbox.sh("ip netns add mgmt").ok();
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("ip netns delete mgmt; ip netns add mgmt").ok();
    setup(&sandbox, "up mgmt").ok();
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
}

#[test]
fn all_names_every_namespace_and_two_at_once_do_not_disturb_each_other() {
    let sandbox = sandbox(MGMT);
    for n in 1..5 {
        let text = format!(
            "netns_links=v{n}\ntype_v{n}=veth\npeer_v{n}=h{n}\nconfig_v{n}=10.{n}.0.2/24\n"
        );
        sandbox.write(&format!("/etc/conf.d/netns.n{n}"), &text);
    }
    sandbox.write("/etc/conf.d/netns.n1.apk-new", "nonsense(");
    let both = format!(
        "{NETNS_SETUP} up --all >/run/a & {NETNS_SETUP} up --all >/run/b; wait $! && cat /run/a /run/b"
    );
    let run = sandbox.sh(&both).ok();
    assert_eq!(run.stdout.matches("netns add").count(), 5, "{run}");
    setup(&sandbox, "status --all").ok();
    setup(&sandbox, "down --all").ok();
    assert_eq!(sandbox.sh("ls /run/netns").stdout, "far\n");
}

#[test]
fn a_hup_while_it_comes_up_is_not_the_end_of_watch() {
    let sandbox = sandbox(MGMT);
    let mut watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    watch.line();
    let pid = nix::unistd::Pid::from_raw(watch.pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    assert!(wait_until(LIMIT, || {
        sandbox.read("/run/netns-services/mgmt/ready").is_some()
    }));
    // The watch has read its settings once more by the time it handles this signal
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(watch.ended(), Some(0));
}

#[test]
fn watch_stays_reloads_at_hup_and_leaves_things_as_they_are_at_term() {
    let sandbox = sandbox(MGMT);
    let mut watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    assert_eq!(watch.line(), "+ ip netns add mgmt");
    assert!(wait_until(LIMIT, || sandbox
        .read("/run/netns-services/mgmt/ready")
        .is_some()));
    write(&sandbox, &MGMT.replace("1400", "1300"));
    let signal =
        |name| nix::sys::signal::kill(nix::unistd::Pid::from_raw(watch.pid()), name).unwrap();
    let mtu = || sandbox.ip_json("-n mgmt link show eth1")[0]["mtu"].clone();
    assert!(wait_until(LIMIT, || {
        signal(nix::sys::signal::Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(50));
        mtu() == 1300
    }));
    signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(watch.ended(), Some(0));
    assert_eq!(mtu(), 1300);
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
}

#[test]
fn what_is_traced_is_told_where_it_is_asked_for() {
    let sandbox = sandbox("netns_links=v0\ntype_v0=veth\n");
    let traced = format!("NETNS_LOG=debug {NETNS_SETUP} up mgmt");
    let told = sandbox.sh(&traced).ok().stderr;
    for word in ["there is State", "make AddLink"] {
        assert!(told.contains(word), "{word} is not in\n{told}");
    }
    setup(&sandbox, "reload mgmt").ok().stderr("");
}

#[test]
fn a_link_of_others_is_refused_and_not_deleted_and_all_of_ours_is_taken_back() {
    let settings = "netns_links=v0\ntype_v0=veth\nconfig_v0=10.0.0.1/24\n";
    let sandbox = sandbox(settings);
    sandbox
        .sh("ip netns add mgmt; ip -n mgmt link add v0 type bridge")
        .ok();
    let run = setup(&sandbox, "up mgmt").code(111);
    let said = "there is another link v0, which netns-setup did not make\nnetns-setup: choose \
                another name, or delete it: nsenter --net=/run/netns/mgmt ip link delete v0\n";
    assert!(run.stderr.contains(said), "{run}");
    assert_eq!(names(&sandbox.ip_json("-n mgmt link")), ["lo", "v0"]);
    // The other end of a veth may be in a namespace that cannot be seen any more
    sandbox.sh("ip -n mgmt link delete v0").ok();
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("ip -n mgmt link set v0 netns far").ok();
    let before = names(&sandbox.ip_json("link")).len();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(names(&sandbox.ip_json("link")).len(), before - 1);
}

#[test]
fn what_cannot_come_back_is_told_and_holds_up_nothing_else() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    // Another host has taken the gateway's network by now
    sandbox
        .sh("ip -n mgmt address flush dev eth1; ip link add lan0 type bridge; ip address add 192.0.2.7/32 dev lan0
            sed -i s,192.0.2.7/24,192.0.2.7/32, /run/netns-services/mgmt/journal")
        .ok();
    let run = setup(&sandbox, "down mgmt").ok();
    let said = "netns-setup: mgmt: the host did not get back all that it had: cannot run \"ip route \
                add 203.0.113.0/24 via 192.0.2.1 dev eth1 metric 7\": ";
    assert!(run.stderr.contains(said), "{run}");
    assert!(!run.stderr.contains("onlink"), "{run}");
    assert!(names(&sandbox.ip_json("link")).contains(&"eth1"));
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
    setup(&sandbox, "down mgmt").ok().stderr("");
}

/// A link of another program is never ours, whatever its name is; the kernel tells links apart
/// by their index.
#[test]
fn a_link_that_others_made_anew_is_theirs() {
    let settings = |more: &str| {
        format!(
            "netns_links=\"x0 br0\"\ntype_x0=vxlan\nvxlan_remote_x0=192.0.2.1\n\
             config_x0=10.9.0.1/24\ntype_br0=bridge\n{more}"
        )
    };
    let sandbox = sandbox(&settings("vxlan_id_x0=7\n"));
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "up mgmt").ok().stdout("");
    // After the undo it is recreated, and is still ours
    let wrong = "vxlan_id_x0=8\nnetns_sysctl=net.ipv4.conf.x0.rp_filter=none\n";
    write(&sandbox, &settings(wrong));
    let run = setup(&sandbox, "reload mgmt").code(111);
    assert!(run.stdout.contains("link add name x0"), "{run}");
    write(&sandbox, &settings("vxlan_id_x0=9\n"));
    setup(&sandbox, "reload mgmt").ok();
    setup(&sandbox, "up mgmt").ok().stdout("");
    let anew = "ip -n mgmt link delete x0; ip -n mgmt link delete br0
        ip -n mgmt link add x0 type vxlan id 9 remote 192.0.2.1 dstport 4789
        ip -n mgmt link add br0 type bridge";
    sandbox.sh(anew).ok();
    let theirs = sandbox.sh("ip -n mgmt -d link show x0").ok().stdout;
    for verb in ["up", "reload"] {
        let run = setup(&sandbox, &format!("{verb} mgmt")).code(111);
        assert!(
            run.stderr
                .contains("there is another link x0, which netns-setup did not make")
                && run
                    .stderr
                    .contains("nsenter --net=/run/netns/mgmt ip link delete x0"),
            "{run}"
        );
    }
    setup(&sandbox, "status mgmt").code(1);
    assert_eq!(sandbox.sh("ip -n mgmt -d link show x0").ok().stdout, theirs);
    sandbox.sh("ip -n mgmt link delete x0").ok();
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "status mgmt").ok();
    // Theirs is not removed when the settings no longer list it
    write(&sandbox, "netns_links=\n");
    setup(&sandbox, "reload mgmt").ok();
    sandbox.sh("ip -n mgmt link show br0").ok();
    sandbox.sh("! ip -n mgmt link show x0").ok();
    setup(&sandbox, "down mgmt").ok();
}

/// All cases of tests/conf and tests/wireguard; tests/conf.rs and tests/wireguard_files.rs
/// check the parser's texts. Whatever the log level is, no key of WireGuard is in the log.
#[test]
fn check_says_of_each_golden_case_what_is_written_beside_it() {
    let sandbox = Sandbox::new();
    let folder = tempfile::tempdir().unwrap();
    let (mut script, mut expected) = (String::new(), String::new());
    for case in cases("conf").into_iter().chain(cases("wireguard")) {
        let name = case.file_stem().unwrap().to_str().unwrap();
        let dir = folder.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        let settings = dir.join("netns.mgmt");
        let etc = if case.parent().unwrap().ends_with("wireguard") {
            let keys = dir.join("wg0.conf");
            fs::copy(&case, &keys).unwrap();
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
            let link = "netns_links=wg0\ntype_wg0=wireguard\nwireguard_wg0=";
            fs::write(settings, format!("{link}{}\n", keys.display())).unwrap();
            "/etc/wireguard"
        } else {
            fs::copy(&case, settings).unwrap();
            "/etc/conf.d"
        };
        if case.with_extension("defaults").exists() {
            fs::copy(case.with_extension("defaults"), dir.join("netns")).unwrap();
        }
        let told = fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
        let wrong = told.contains("nothing was changed");
        expected += &format!("{name} {}\n{told}", if wrong { 100 } else { 0 });
        // One shell checks all of them
        script += &format!("check {name} {} {etc}\n", dir.display());
    }
    let check = format!(
        "check() {{
            said=$(NETNS_LOG=trace {NETNS_SETUP} check mgmt --conf-dir $2 2>&1)
            echo $1 $?
            [ -z \"$said\" ] || printf '%s\\n' \"$said\" | sed \"s,$2,$3,g\"
        }}\n"
    );
    let said = sandbox.run(&["sh", "-c", &(check + &script)]).stdout;
    same_text(&said, &expected);
}

/// The golden cases of a directory of tests/.
fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "conf"))
        .collect();
    cases.sort();
    assert!(cases.len() > 3);
    cases
}

/// If two long texts differ, fails with the lines that differ.
#[track_caller]
fn same_text(one: &str, other: &str) {
    let both = one.lines().zip(other.lines());
    let differing: Vec<_> = both.filter(|(one, other)| one != other).take(5).collect();
    assert!(one == other, "{differing:#?}");
}

/// The kernel deletes a link together with the one below it. One of ours is created again in the
/// same run; one of others is an obstacle.
#[test]
fn a_link_with_another_one_on_top_is_deleted() {
    let sandbox = far::sandbox("");
    let write = |links: &str, queues: &str| {
        let settings = match links {
            "" => "netns_links=\n".to_string(),
            _ => format!(
                "netns_links=\"{links}\"\ntype_tap0=tap\nmac_tap0=02:00:00:00:00:07\n\
                 multi_queue_tap0={queues}\ntype_mv0=macvlan\nlink_mv0=tap0\n\
                 link_netns_mv0=mgmt\nmac_mv0=02:00:00:00:00:08\nconfig_mv0=10.1.0.1/24\n"
            ),
        };
        far::write(&sandbox, &settings);
    };
    write("tap0 mv0", "off");
    setup(&sandbox, "up mgmt").ok();
    write("tap0 mv0", "on");
    let planned = setup(&sandbox, "plan mgmt").ok().stdout;
    setup(&sandbox, "reload mgmt").ok().stdout(&planned);
    setup(&sandbox, "status mgmt").ok();
    setup(&sandbox, "reload mgmt").ok().stdout("");

    let theirs = "ip -n mgmt link add theirs link mv0 type macvlan";
    sandbox.sh(theirs).ok();
    for links in ["tap0 mv0", ""] {
        write(links, "off");
        let run = setup(&sandbox, "reload mgmt").code(111);
        let wrong = "theirs is on top of ";
        assert!(run.stderr.contains(wrong), "{run}");
        assert!(
            run.stderr
                .contains("nsenter --net=/run/netns/mgmt ip link delete theirs"),
            "{run}"
        );
        sandbox.sh("ip -n mgmt link show theirs").ok();
    }
    sandbox.sh("ip -n mgmt link delete theirs").ok();
    setup(&sandbox, "reload mgmt")
        .ok()
        .stdout("+ ip -n mgmt link delete mv0\n+ ip -n mgmt link delete tap0\n");
}

/// The same on the host, where a link of others may be on top of the other end of a veth. Whatever
/// would delete it changes nothing; only `down --force` goes on, and says so. A bridge of which it
/// is a port stays.
#[test]
fn a_link_of_others_on_the_host_is_not_deleted_with_ours() {
    let sandbox = far::sandbox("");
    let write = |peer: &str| {
        let settings = match peer {
            "" => "netns_links=\n".to_string(),
            _ => format!(
                "netns_links=\"v0\"\ntype_v0=veth\npeer_v0={peer}\nmac_v0=02:00:00:00:00:07\n\
                 config_v0=10.1.0.2/24\npeer_config_v0=10.1.0.1/24\n"
            ),
        };
        far::write(&sandbox, &settings);
    };
    write("v0h");
    setup(&sandbox, "up mgmt").ok();
    let theirs = "ip link add theirs link v0h type macvlan";
    sandbox.sh(theirs).ok();
    setup(&sandbox, "reload mgmt").ok().stdout("");
    setup(&sandbox, "status mgmt").ok();
    let refused = |words: &str| {
        let run = setup(&sandbox, words).code(111);
        let wrong =
            "theirs on the host is on top of v0h on the host, and netns-setup did not make it";
        assert_eq!(run.stderr.matches(wrong).count(), 1, "{run}");
        assert!(
            run.stderr.contains("delete it: ip link delete theirs"),
            "{run}"
        );
        sandbox.sh("ip link show theirs").ok();
        setup(&sandbox, "check mgmt").ok();
        let inside = format!("{NETNS_EXEC} mgmt -- ip link show v0");
        sandbox.sh(&inside).ok();
    };
    for peer in ["new", ""] {
        write(peer);
        refused("plan mgmt");
        refused("reload mgmt");
        refused("down mgmt");
        refused("may-go mgmt");
    }
    sandbox.sh("ip link delete theirs").ok();
    write("v0h");
    sandbox
        .sh("ip link add br0 type bridge; ip link set v0h master br0")
        .ok();
    setup(&sandbox, "down mgmt").ok();
    sandbox.sh("ip link show br0").ok();

    // Links of any kind, also those that netns-setup cannot make
    setup(&sandbox, "up mgmt").ok();
    for kind in [
        "macvtap",
        "vxlan id 5 dev v0h dstport 4789 remote 10.1.0.9",
        "macvlan",
    ] {
        sandbox.sh("ip link delete theirs");
        let on = if kind.contains("dev") { "" } else { "link v0h" };
        let add = format!("ip link add theirs {on} type {kind}");
        sandbox.sh(&add).ok();
        refused("down mgmt");
    }
    sandbox.sh("ip link add more link v0h type macvlan").ok();
    let run = setup(&sandbox, "down --force mgmt").ok();
    let wrong =
        "mgmt: more, theirs, which netns-setup did not make, are deleted with the links below";
    assert!(run.stderr.contains(wrong), "{run}");
    sandbox.sh("ip link show theirs").code(1);
}

/// `down --force` says nothing about a link of others that stays, and the host gets back the routes
/// over it.
#[test]
fn a_forced_down_gives_up_only_what_is_deleted() {
    let sandbox = far::sandbox("netns_links=eth1\n");
    let network = "ip link add theirs link eth1 type macvlan; ip link set theirs up
        ip address add 10.0.0.2/24 dev theirs
        ip route add default nexthop via 10.0.0.1 dev theirs nexthop via 192.0.2.1 dev eth1";
    sandbox.sh(network).ok();
    let routes = || sandbox.sh("ip route show default").ok().stdout;
    let before = routes();
    setup(&sandbox, "up mgmt").ok();
    let run = setup(&sandbox, "down --force mgmt").ok();
    assert_eq!(run.stderr, "", "{run}");
    assert_eq!(routes(), before);
}

/// A trial that is rolled back deletes its links although links of others are on top of them. They
/// stayed, and were in no journal.
#[test]
fn a_trial_leaves_no_link_when_others_are_on_top() {
    let sandbox = far::sandbox("netns_links=\n");
    setup(&sandbox, "up mgmt").ok();
    far::write(&sandbox, "netns_links=v0\ntype_v0=veth\npeer_v0=v0h\n");
    setup(&sandbox, "try mgmt --within 30").ok();
    sandbox.sh("ip link add theirs link v0h type macvlan").ok();
    let end = "kill $(head -n 1 /run/netns-services/mgmt/trial | cut -d ' ' -f 1)";
    sandbox.sh(end).ok();
    let gone = || sandbox.sh("ip link show v0h").exit_code() != 0;
    assert!(wait_until(LIMIT, gone));
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
}

/// A link on top of another one has its MTU, also a large one, unless the settings say another.
#[test]
fn the_mtu_of_a_link_below() {
    let sandbox = far::sandbox("");
    let mtu = |link: &str| sandbox.ip_json(&format!("-n mgmt link show {link}"))[0]["mtu"].clone();
    let links = "netns_links=\"eth1 br0 mv0 mv1\"\ntype_br0=bridge\n\
        type_mv0=macvlan\nlink_mv0=br0\nlink_netns_mv0=mgmt\n\
        type_mv1=macvlan\nlink_mv1=eth1\n";
    for (said, expected) in [
        ("", [1500, 1500]),
        (
            "mtu_br0=9000\nmtu_eth1=9000\nmtu_mv0=9000\nmtu_mv1=9000\n",
            [9000, 9000],
        ),
        ("mtu_br0=9000\nmtu_eth1=9000\nmtu_mv0=1400\n", [1400, 9000]),
        ("mtu_br0=9000\nmtu_eth1=1300\n", [9000, 1300]),
        ("", [1500, 1500]),
    ] {
        far::write(&sandbox, &format!("{links}{said}"));
        setup(&sandbox, "reload mgmt").ok();
        assert_eq!([mtu("mv0"), mtu("mv1")], expected, "{said}");
        setup(&sandbox, "reload mgmt").ok().stdout("");
        if !said.is_empty() {
            setup(&sandbox, "down mgmt").ok();
            setup(&sandbox, "up mgmt").ok();
            assert_eq!([mtu("mv0"), mtu("mv1")], expected, "{said}");
        }
    }
}
