//! `netns-setup list` and `status`: each namespace has its line, no matter who made it and what is
//! wrong with its settings, and `status` prints what a person on call asks about one.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;

mod common;
#[path = "common/far.rs"]
mod far;

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, much, sandbox, setup, write};
use serde_json::Value;

/// The lines without the padding of the columns, and without the line of the second machine,
/// which is a namespace, too. The exit code is 0: a fault of one namespace is no error of list.
#[track_caller]
fn list(sandbox: &Sandbox) -> Vec<String> {
    let run = setup(sandbox, "list").ok().stderr("");
    let cells = |line: &str| {
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        cells.collect::<Vec<_>>().join("  ")
    };
    let lines = run.stdout.lines().filter(|line| !line.starts_with("far "));
    lines.map(cells).collect()
}

/// The JSON of the first namespace, whatever the exit code.
fn json_of_any(sandbox: &Sandbox, words: &str) -> Value {
    let json: Value = serde_json::from_str(&setup(sandbox, words).stdout).unwrap();
    json[0].clone()
}

/// The JSON of a namespace.
fn json_of(sandbox: &Sandbox, words: &str, name: &str) -> Value {
    let json: Value = serde_json::from_str(&setup(sandbox, words).ok().stdout).unwrap();
    let mut all = json.as_array().unwrap().iter();
    all.find(|of| of["name"] == name).unwrap().clone()
}

const WEB: &str = "netns_links=d0
type_d0=bridge
config_d0=198.51.100.1/24
";

#[test]
fn every_namespace_has_its_line_whatever_is_wrong_with_it() {
    let sandbox = sandbox(MGMT);
    assert_eq!(list(&sandbox), ["mgmt  down"]);
    setup(&sandbox, "up --quiet mgmt").ok();
    sandbox.sh("ip netns add theirs && ip netns add od.d").ok();
    sandbox.write("/etc/conf.d/netns.gone", "netns_links=eth7\n");
    setup(&sandbox, "up gone").code(111);
    let waits = "netns_links=eth8\nnetns_wait=yes\n";
    sandbox.write("/etc/conf.d/netns.late", waits);
    let mut watch = sandbox.spawn(&[NETNS_SETUP, "watch", "late"]);
    let is_waiting = || json_of(&sandbox, "list --json", "late")["reason"].is_string();
    assert!(wait_until(LIMIT, is_waiting), "{:?}", watch.ended());
    sandbox.write("/etc/conf.d/netns.wrong", "netns_lnks=eth7\n");
    sandbox.write("/etc/conf.d/netns.web", WEB);
    setup(&sandbox, "up --quiet web").ok();
    sandbox
        .sh("ip -n web address flush dev d0 scope global")
        .ok();
    // What OpenRC records of a daemon that it has started
    let mut inside = sandbox.spawn(&[
        NETNS_EXEC,
        "web",
        "--",
        "sh",
        "-c",
        "mkdir -p /run/openrc/daemons/httpd && echo pidfile=/run/httpd.pid >/run/openrc/daemons/httpd/001
         echo $$ >/run/httpd.pid; echo; exec sleep 99",
    ]);
    inside.line();
    assert_eq!(
        list(&sandbox),
        [
            "gone  failed  less than a minute ago",
            "/etc/conf.d/netns.gone:1: netns_links: the host has no link eth7",
            "late  waiting  for less than a minute",
            "/etc/conf.d/netns.late:1: netns_links: the host has no link eth8",
            "mgmt  ready  for less than a minute  eth1 192.0.2.10/24 2001:db8:10::10/64",
            "od.d  by others",
            "theirs  by others  for less than a minute",
            "web  ready, 1 change away  for less than a minute  httpd, 1 process  d0",
            "wrong  failed",
            "/etc/conf.d/netns.wrong:1: netns_lnks is not a setting",
        ]
    );
    let of = |name: &str| json_of(&sandbox, "list --json", name);
    let state = |name| of(name)["state"].as_str().unwrap().to_string();
    assert_eq!(["gone", "wrong"].map(state), ["failed"; 2]);
    assert_eq!(["mgmt", "web"].map(state), ["ready"; 2]);
    assert_eq!(["theirs", "od.d"].map(state), ["foreign"; 2]);
    assert_eq!(of("mgmt")["links"][0]["addresses"][0], "192.0.2.10/24");
    let web = of("web");
    let web = (&web["changes"], &web["processes"], &web["services"][0]);
    assert_eq!(web, (&1.into(), &1.into(), &"httpd".into()));
    // status without a name is the same
    setup(&sandbox, "status").stdout(&setup(&sandbox, "list").stdout);
    setup(&sandbox, "status --json").stdout(&setup(&sandbox, "list --json").stdout);
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(of("mgmt")["state"], "down");
}

/// A cable that is pulled, a NIC that is gone, and a trial that runs.
#[test]
fn what_goes_wrong_later_is_in_the_line_of_the_namespace() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up --quiet mgmt").ok();
    let line = || list(&sandbox).remove(0);
    let ready = "mgmt  ready  for less than a minute  ";
    sandbox.sh("ip -n far link set far1 down").ok();
    let pulled = format!("{ready}eth1 (no carrier) 192.0.2.10/24 2001:db8:10::10/64");
    let has_no_carrier = || line() == pulled;
    assert!(wait_until(LIMIT, has_no_carrier), "{}", line());
    sandbox.sh("ip -n far link set far1 up").ok();
    write(&sandbox, &MGMT.replace("1400", "1300"));
    let mut trial = sandbox.spawn(&[NETNS_SETUP, "try", "mgmt", "--within", "99"]);
    let runs = || json_of(&sandbox, "list --json", "mgmt")["trial"].is_number();
    assert!(wait_until(LIMIT, runs), "{:?}", trial.ended());
    let trial = &list(&sandbox)[1];
    assert!(
        trial.starts_with("a trial is running; it is rolled back in"),
        "{trial}"
    );
    setup(&sandbox, "confirm mgmt").ok();
    sandbox.sh("ip -n far link delete far1").ok();
    let gone = list(&sandbox);
    assert!(gone[0].ends_with("  eth1 (gone)"), "{gone:?}");
    assert!(gone[1].ends_with("no link eth1"), "{gone:?}");
}

#[test]
fn columns_align_and_only_a_terminal_gets_colors() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up --quiet mgmt").ok();
    sandbox.write("/etc/conf.d/netns.a-longer-name", "netns_links=eth7\n");
    setup(&sandbox, "up a-longer-name").code(111);
    sandbox.write("/etc/conf.d/netns.web", WEB);
    setup(&sandbox, "up --quiet web").ok();
    sandbox.sh("ip -n web link set d0 down").ok();
    let piped = setup(&sandbox, "list").ok().stdout;
    assert!(!piped.contains('\x1b'), "{piped}");
    let states = piped.lines().filter(|line| !line.starts_with("  "));
    let columns: BTreeSet<_> = states
        .filter_map(|line| {
            ["failed", "ready"]
                .iter()
                .find_map(|state| line.find(state))
        })
        .collect();
    assert_eq!(columns.len(), 1, "{piped}");
    let typed = |environment: &str, words: &str| {
        let call = format!("env {environment} {NETNS_SETUP} {words}");
        let run = sandbox.sh(&format!("script -qec '{call}' /dev/null </dev/null"));
        run.stdout.replace('\r', "")
    };
    let colored = typed("-u NO_COLOR TERM=linux", "list");
    for (color, name) in [(31, "a-longer-name"), (32, "mgmt"), (33, "web")] {
        let begin = format!("\x1b[{color}m{name}");
        assert!(colored.contains(&begin), "{colored:?}");
    }
    let status = typed("-u NO_COLOR TERM=linux", "status mgmt");
    assert!(status.contains("\x1b[32mmgmt: ready"), "{status:?}");
    for without in ["NO_COLOR=1 TERM=linux", "-u NO_COLOR TERM=dumb"] {
        assert_eq!(typed(without, "list"), piped);
    }
}

#[test]
fn status_says_what_a_person_on_call_asks() {
    let sandbox = much();
    setup(&sandbox, "up --quiet mgmt").ok();
    let mut inside = sandbox.spawn(&[NETNS_EXEC, "mgmt", "--", "sh", "-c", "echo; exec sleep 99"]);
    inside.line();
    let status = || setup(&sandbox, "status mgmt").stdout;
    let says = |line: &str| {
        let said = status();
        let squeezed: Vec<String> = said
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert!(squeezed.iter().any(|said| said == line), "{line}\n{said}");
    };
    says("mgmt: ready, as its settings say, 1 process");
    says("ready for less than a minute");
    says("name servers 192.0.2.53, search example.org (netns_dns at /etc/conf.d/netns.mgmt:12)");
    says("firewall nftables /etc/netns/mgmt/nftables.nft");
    says("masqueraded through up0");
    says("published tcp/203.0.113.5:8080:80");
    says("tap0 tap no carrier mtu 1500 master br0");
    let pid = json_of(&sandbox, "status --json mgmt", "mgmt")["inside"][0]["pid"].clone();
    says(&format!("processes {pid} (sleep)"));

    // Another host has the address
    sandbox
        .sh("ip -n far address add 2001:db8:10::66/64 dev far1 nodad && ip -n mgmt address add 2001:db8:10::66/64 dev eth1")
        .ok();
    let has = |words: &str| status().contains(words);
    let is_found = || has("2001:db8:10::66/64 dadfailed (not ours)");
    assert!(wait_until(LIMIT, is_found), "{}", status());
    let tables = "ip netns exec mgmt nft flush ruleset && nft delete table inet netns_mgmt";
    sandbox.sh(tables).ok();
    says("firewall nftables /etc/netns/mgmt/nftables.nft (deleted by others)");
    assert!(!has("published"), "{}", status());
    // A client inside has set its own name servers
    sandbox.write(
        "/run/netns-services/mgmt/resolvconf/tun0",
        "nameserver 10.0.0.1\n",
    );
    sandbox.write(
        "/run/netns-services/mgmt/resolv.conf",
        "nameserver 10.0.0.1\n",
    );
    says("name servers 10.0.0.1 (resolvconf inside, for tun0)");
    sandbox.sh("ip -n far link delete far1").ok();
    says("eth1 physical gone");
    says("mgmt: ready, not as its settings say, 1 process");
    let json = json_of_any(&sandbox, "status --json mgmt");
    let gone = json["links"].as_array().unwrap().iter();
    let gone: Vec<_> = gone.filter(|link| link["gone"] == true).collect();
    assert_eq!(gone.len(), 1, "{json}");

    // A namespace of others needs no settings, and all of it is theirs
    let run = setup(&sandbox, "status far").ok().stderr("");
    assert!(!run.stdout.contains("not ours"), "{run}");
}
