//! Golden tests: each settings file has an expected text. `tests/conf/NAME.conf` is read
//! as the settings of the namespace `mgmt`; `NAME.defaults`, if it exists, as
//! conf.d/netns. `NAME.stderr` has the problems as netns-setup prints them, or
//! `NAME.want` the wanted state. tests/setup.rs checks that the program prints the same.
//! `UPDATE_GOLDEN=1` writes both kinds of file again.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

#[path = "common/checked.rs"]
mod checked;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use netns_services::conf::{self, Settings};
use netns_services::definitions::settings;
use netns_services::model::build::{Ready, build};
use netns_services::model::link::bridge_port::Vlans;
use netns_services::model::names::Names;
use netns_services::model::nat::Nat;
use netns_services::model::{Context, Kind, Link, Netns, Want};
use netns_services::name::NetnsName;
use netns_services::source::Problem;
use proptest::prelude::*;
use tempfile::TempDir;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conf");

#[test]
fn every_case_gives_its_exact_text() {
    let mut wrong = Vec::new();
    let (mut bad, mut good) = (0, 0);
    for case in cases() {
        let (ending, text) = match want_of(&case) {
            Ok(want) => ("want", dump(&want)),
            Err(problems) => ("stderr", checked::printed(&mgmt(), &problems)),
        };
        match ending {
            "want" => good += 1,
            _ => bad += 1,
        }
        wrong.extend(compare(&case, ending, &text));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(bad >= 40, "{bad} cases of bad settings");
    assert!(good >= 5, "{good} cases of good settings");
}

/// Settings with `count` elements each, which are valid except for the `wrong` ones.
fn large(count: usize) -> Vec<(&'static str, String)> {
    let all = |line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let links = all(&|n| format!("d{n} "));
    let ip = |n: usize| format!("10.{}.{}.1", n >> 8, n & 255);
    let of_links = |line: &dyn Fn(usize) -> String| {
        format!(
            "netns_links=\"br0 up {links}\"\ntype_br0=bridge\ntype_up=dummy\n{}",
            all(line)
        )
    };
    let of_up = |routes: &dyn Fn(usize) -> String| {
        let (addresses, routes) = (all(&|n| ip(n) + "/24 "), all(routes));
        format!("netns_links=up\ntype_up=dummy\nconfig_up='{addresses}'\nroutes_up='{routes}'\n")
    };
    let to = |n: usize| format!("172.16.{}.{}", n >> 8, n & 255);
    let lines = |setting: &str, line: &dyn Fn(usize) -> String| {
        format!("netns_links=\n{setting}='{}'\n", all(line))
    };
    vec![
        (
            "gateways",
            of_up(&|n| format!("{} via {}0; ", to(n), ip(n))),
        ),
        (
            "wrong gateways",
            of_up(&|n| format!("{} via 11.1.1.1; ", to(n))),
        ),
        (
            "wrong sources",
            of_up(&|n| format!("{} src 11.1.1.1; ", to(n))),
        ),
        (
            "rules",
            lines("netns_rules", &|n| format!("from {} lookup 100\n", to(n))),
        ),
        (
            "wrong rules",
            lines("netns_rules", &|n| {
                format!("from {} lookup 100 priority 9\n", to(n / 2))
            }),
        ),
        (
            "sysctls",
            lines("netns_sysctl", &|n| format!("net.ipv4.key{n}=1\n")),
        ),
        (
            "wrong sysctls",
            lines("netns_sysctl", &|n| format!("net.ipv4.key{}=1\n", n / 2)),
        ),
        (
            "addresses",
            format!(
                "netns_links=up\ntype_up=dummy\nconfig_up='{}'",
                all(&|n| ip(n) + "/8 ")
            ),
        ),
        (
            "ports",
            of_links(&|n| {
                format!(
                    "type_d{n}=dummy\nmaster_d{n}=br0\nport_d{n}='isolated on'\naltname_d{n}=a{n}\nmac_d{n}=stable\n"
                )
            }),
        ),
        (
            "vlans",
            of_links(&|n| {
                let (id, ip) = (n % 4094 + 1, ip(n));
                format!(
                    "type_d{n}=vlan\nlink_d{n}=up\nlink_netns_d{n}=mgmt\nvlan_id_d{n}={id}\nroutes_d{n}={ip}/32\n"
                )
            }),
        ),
        (
            "pairs",
            of_links(&|n| format!("type_d{n}=veth\nconfig_d{n}={}/9\n", ip(n))),
        ),
    ]
}

/// The processor time that this thread has used, in nanoseconds.
fn used() -> u64 {
    std::thread::yield_now(); // the kernel counts when a thread is asked
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Sixteen times the input takes about sixteen times as long, not 256 times.
#[test]
fn a_check_takes_as_long_as_the_settings_are() {
    let cost = |kind: &str, text: &str| {
        let before = used();
        let settings = Settings::of(&mgmt(), vec![("netns.mgmt", text.as_bytes())]);
        let want = build(&settings, &Context::default());
        assert_eq!(want.is_err(), kind.starts_with("wrong"), "{kind}: {want:?}");
        used() - before
    };
    for ((kind, small), (_, large)) in large(250).iter().zip(large(4000)) {
        // Several rounds, because other programs run on the machine too
        let mut tried = Vec::new();
        let in_proportion = (0..20).any(|_| {
            tried.push((cost(kind, small), cost(kind, &large)));
            tried
                .iter()
                .any(|(small, large)| large / small.max(&1) < 80)
        });
        println!("{kind}: {tried:?}");
        assert!(in_proportion, "{kind}: {tried:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A file with any content is either read or reported as wrong.
    #[test]
    fn no_text_makes_it_fall_over(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        lines in prop::collection::vec((0..settings::all().count(), "[a-z0-9.:/ ;\n\"'$\\\\]{0,30}"), 0..6),
    ) {
        let mut text = String::from("netns_links='IF lo'\n");
        for (n, value) in lines {
            text.push_str(&format!("{}=\"{value}\"\n", settings::all().nth(n).unwrap().pattern()));
        }
        for text in [&bytes[..], text.as_bytes()] {
            let settings = Settings::of(&mgmt(), vec![("netns", b""), ("netns.mgmt", text)]);
            if let Err(problems) = build(&settings, &Context::default()) {
                let lines = 1 + text.iter().filter(|&&b| b == b'\n').count();
                let place = |p: &Problem| p.place.as_ref().map_or(0, |place| place.line as usize);
                prop_assert!(problems.iter().all(|p| (1..=lines).contains(&place(p))));
            }
        }
    }
}

/// The difference, if there is one.
fn compare(case: &Path, ending: &str, text: &str) -> Option<String> {
    let path = case.with_extension(ending);
    let other = case.with_extension(if ending == "want" { "stderr" } else { "want" });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
        let _ = fs::remove_file(&other);
        return None;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let differs = golden != text || other.exists();
    differs.then(|| format!("{}\nexpected:\n{golden}\ngot:\n{text}", path.display()))
}

fn want_of(case: &Path) -> Result<Want, Vec<Problem>> {
    let dir = folder_of(case);
    let context = Context {
        seed: || Ok("0123456789abcdef".into()),
        names: Names::default(),
    };
    let settings = conf::read(dir.path(), &mgmt(), checked::own())
        .and_then(|settings| build(&settings, &context));
    settings.map_err(|problems| {
        let hidden = problems.into_iter().map(|mut problem| {
            problem.wrong = hide(dir.path(), &problem.wrong);
            problem.remedy = hide(dir.path(), &problem.remedy);
            if let Some(place) = &mut problem.place {
                place.file = hide(dir.path(), &place.file).into();
            }
            problem
        });
        hidden.collect()
    })
}

/// The case in a directory that only its owner can write to, as /etc/conf.d is.
fn folder_of(case: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &str| {
        fs::write(dir.path().join(to), fs::read(from).unwrap()).unwrap();
    };
    copy(case, "netns.mgmt");
    let defaults = case.with_extension("defaults");
    if defaults.exists() {
        copy(&defaults, "netns");
    }
    dir
}

/// The golden texts do not contain the name of the directory.
fn hide(dir: &Path, text: &str) -> String {
    text.replace(dir.to_str().unwrap(), "/etc/conf.d")
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(CASES).unwrap().map(|e| e.unwrap().path());
    let mut cases: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "conf"))
        .collect();
    cases.sort();
    cases
}

fn mgmt() -> NetnsName {
    "mgmt".parse().unwrap()
}

/// The complete wanted state, with the line that asked for each part.
fn dump(want: &Want) -> String {
    let mut out = format!("namespace {}, overlay {}\n", want.name, want.overlay);
    if let Some(attach) = &want.attach {
        writeln!(out, "attach {attach}").unwrap();
    }
    for link in &want.state.links {
        dump_link(&mut out, link);
    }
    for client in &want.state.clients {
        let line = client.origin.as_ref().unwrap().place.line;
        writeln!(out, "DHCP client for {} (line {line})", client.value.link).unwrap();
    }
    for route in &want.state.routes {
        let line = route.origin.as_ref().unwrap().place.line;
        writeln!(out, "route {route} (line {line})").unwrap();
    }
    for rule in &want.state.rules {
        let line = rule.origin.as_ref().unwrap().place.line;
        writeln!(out, "policy rule {rule} (line {line})").unwrap();
    }
    for sysctl in &want.state.sysctls {
        let line = sysctl.origin.as_ref().unwrap().place.line;
        let missing = if sysctl.value.optional { "-" } else { "" };
        writeln!(out, "sysctl {missing}{sysctl} (line {line})").unwrap();
    }
    let hooks = [
        ("pre_up", &want.hooks.pre_up),
        ("post_up", &want.hooks.post_up),
        ("pre_down", &want.hooks.pre_down),
        ("post_down", &want.hooks.post_down),
    ];
    for (when, hook) in hooks {
        if let Some(hook) = hook {
            let line = hook.origin.as_ref().unwrap().place.line;
            writeln!(out, "{when}: {:?} (line {line})", hook.value).unwrap();
        }
    }
    for (link, hook) in &want.hooks.links {
        let line = hook.origin.as_ref().unwrap().place.line;
        writeln!(out, "post_up of {link}: {:?} (line {line})", hook.value).unwrap();
    }
    for (link, hook) in &want.hooks.given_back {
        let line = hook.origin.as_ref().unwrap().place.line;
        writeln!(out, "post_down of {link}: {:?} (line {line})", hook.value).unwrap();
    }
    for condition in &want.ready.conditions {
        let line = condition.origin.as_ref().unwrap().place.line;
        writeln!(out, "ready when: {condition} (line {line})").unwrap();
    }
    if !want.ready.conditions.is_empty() {
        let Ready { timeout, hold, .. } = want.ready;
        writeln!(
            out,
            "timeout {timeout:?}, hold {hold:?}, restarts services: {}",
            want.restarts_services
        )
        .unwrap();
    }
    if let Some(nat) = &want.nat {
        dump_nat(&mut out, nat);
    }
    if let Some(resolv_conf) = &want.state.resolv_conf {
        for line in resolv_conf.value.lines().skip(1) {
            writeln!(out, "resolv.conf: {line}").unwrap();
        }
    }
    out
}

fn dump_nat(out: &mut String, nat: &Nat) {
    let (ends, families) = (&nat.ends, &nat.families);
    writeln!(
        out,
        "way out by {ends:?} {families:?}: {:?}",
        nat.uplinks.as_ref().map(|u| &u.value)
    )
    .unwrap();
    for publish in &nat.publish {
        let line = publish.origin.as_ref().unwrap().place.line;
        writeln!(
            out,
            "publish {publish} to {:?} (line {line})",
            publish.value.to
        )
        .unwrap();
    }
}

fn dump_link(out: &mut String, link: &Link) {
    let at = match &link.netns {
        Netns::This => String::new(),
        Netns::Host => " on the host".into(),
        Netns::Named(netns) => format!(" in {netns}"),
    };
    write!(out, "link {}{at} {}", link.name, link.kind.word()).unwrap();
    match &link.kind {
        Kind::Veth { peer: Some(peer) } => write!(out, " peer {peer}").unwrap(),
        Kind::Virtual(made) => {
            if let Some(parent) = made.below() {
                write!(out, " parent {parent}").unwrap();
            } else if made.born != Netns::This {
                write!(out, " born {:?}", made.born).unwrap();
            }
            write!(out, "{}", made.options).unwrap();
        }
        _ => {}
    }
    if let Some(card) = &link.device {
        write!(out, " card {card}").unwrap();
    }
    for altname in &link.altnames {
        let line = altname.origin.as_ref().unwrap().place.line;
        write!(out, " altname {altname} (line {line})").unwrap();
    }
    for (option, value) in &link.attributes {
        write!(out, " {} {value}", option.key).unwrap();
    }
    if let Some(master) = &link.master {
        write!(out, " master {master}").unwrap();
    }
    if let Some(port) = &link.port {
        write!(out, " type bridge_slave{port}").unwrap();
    }
    let vlans = link.vlans.iter().map(|vlan| vlan.value);
    for row in Vlans::rows(vlans) {
        write!(out, " vlan {row}").unwrap();
    }
    writeln!(out, " {}", if link.up == Some(true) { "up" } else { "?" }).unwrap();
    for address in &link.addresses {
        let line = address.origin.as_ref().unwrap().place.line;
        writeln!(out, "  address {address} (line {line})").unwrap();
    }
}
