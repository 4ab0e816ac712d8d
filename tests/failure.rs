//! What happens if a change fails: the message, what is undone, and what is never
//! touched.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::time::{Duration, Instant};

use common::{NETNS_EXEC, NETNS_SETUP};
use far::{MGMT, dump, is_again, same, sandbox, setup, write};

/// The example, and a link that the kernel rejects when the NIC is already inside: its parent
/// does not carry packets of this size.
const REFUSED: &str = r#"netns_links="eth1 m0"
config_eth1="192.0.2.10/24 2001:db8:10::10/64"
routes_eth1="default via 192.0.2.1"
mtu_eth1=1350
type_m0=macvlan
link_m0=small
mtu_m0=1500
"#;

#[test]
fn a_refusal_half_way_is_undone_and_names_the_line_that_asked() {
    let sandbox = sandbox(REFUSED);
    sandbox
        .sh("ip link add small mtu 1400 type bridge; ip link add hostbr address 52:54:00:00:00:99 type bridge; ip link set eth1 master hostbr")
        .ok();
    let before = dump(&sandbox, "");
    setup(&sandbox, "up mgmt").code(111).stdout("+ ip netns add mgmt\n+ ip link set eth1 netns mgmt\n").stderr(
        "netns-setup: mgmt: cannot run \"ip link add name m0 mtu 1500 netns mgmt link small type macvlan mode bridge\": Invalid argument\n\
         netns-setup: asked for by netns_links at /etc/conf.d/netns.mgmt:1; ip -d link of iproute2 shows what its driver accepts (minmtu, maxmtu)\n\
         netns-setup: 2 of 10 changes were made and have been undone\n",
    );
    is_again(&sandbox, "", &before);
    for gone in [
        "/run/netns/mgmt",
        "/run/netns-services/mgmt",
        "/etc/netns/mgmt",
    ] {
        sandbox.sh(&format!("[ ! -e {gone} ]")).ok();
    }
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).code(111);
}

#[test]
fn a_refusal_at_the_very_end_is_undone() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("mkdir -p /etc/netns/mgmt/.resolv.conf.new").ok();
    let before = dump(&sandbox, "");
    let run = setup(&sandbox, "up mgmt").code(111);
    assert!(
        run.stderr
            .ends_with("9 of 10 changes were made and have been undone\n"),
        "{run}"
    );
    assert!(
        run.stderr
            .contains("asked for by netns_dns at /etc/conf.d/netns.mgmt:6"),
        "{run}"
    );
    is_again(&sandbox, "", &before);
    sandbox.sh("[ ! -e /run/netns/mgmt ]").ok();
}

#[test]
fn a_reload_that_is_refused_leaves_the_namespace_as_it_was_and_ready() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("ip link add small mtu 1400 type bridge").ok();
    setup(&sandbox, "up mgmt").ok();
    let (host, inside) = (dump(&sandbox, ""), dump(&sandbox, "-n mgmt"));
    let more = "netns_links=\"eth1 v0 m0\"\ntype_v0=veth\npeer_v0=v0h\nconfig_v0=10.0.0.1/24\n";
    let (_, rest) = REFUSED.split_once('\n').unwrap();
    write(&sandbox, &format!("{more}{rest}"));
    setup(&sandbox, "reload mgmt").code(111);
    is_again(&sandbox, "-n mgmt", &inside);
    same(&dump(&sandbox, ""), &host);
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    write(&sandbox, MGMT);
    setup(&sandbox, "reload mgmt").ok().stdout("");
}

#[test]
fn a_reload_that_has_no_room_for_a_journal_leaves_the_namespace_ready() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let before = dump(&sandbox, "-n mgmt");
    sandbox
        .sh("mount -o remount,size=2m /run; dd if=/dev/zero of=/run/full bs=4k 2>/dev/null; ! echo >/run/more")
        .ok();
    setup(&sandbox, "reload mgmt").ok().stdout("");
    write(&sandbox, &MGMT.replace("192.0.2.10", "192.0.2.11"));
    let run = setup(&sandbox, "reload mgmt").code(111);
    assert!(run.stderr.contains("No space left on device"), "{run}");
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    same(&dump(&sandbox, "-n mgmt"), &before);
    sandbox.sh("rm /run/full").ok();
    setup(&sandbox, "reload mgmt").ok();
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
}

/// However much room is left, it is used up at some step.
#[test]
fn an_up_without_room_for_its_state_is_undone_and_says_so() {
    let sandbox = sandbox(MGMT);
    let before = dump(&sandbox, "");
    let dir = "/run/netns-services";
    sandbox
        .sh(&format!(
            "mkdir {dir} && mount -t tmpfs -o mode=755,size=40k state {dir}"
        ))
        .ok();
    let (mut failed, mut last) = (0, String::new());
    for pages in 0..10 {
        sandbox
            .sh(&format!(
                "dd if=/dev/zero of={dir}/.room bs=4k count={} 2>/dev/null",
                10 - pages
            ))
            .ok();
        let run = setup(&sandbox, "up mgmt");
        if run.exit_code() == 0 {
            assert!(failed > 1, "only {failed} of {pages} failed");
            return;
        }
        let run = run.code(111);
        assert!(run.stderr.contains("No space left on device"), "{run}");
        assert!(
            run.stderr
                .ends_with("changes were made and have been undone\n")
                || run.stderr.ends_with("mgmt: nothing was changed\n"),
            "{pages} pages: {run}"
        );
        is_again(&sandbox, "", &before);
        sandbox
            .sh(&format!("[ ! -e /run/netns/mgmt ] && [ ! -e {dir}/mgmt ]"))
            .ok();
        failed += usize::from(last != run.stderr);
        last = run.stderr;
    }
    panic!("it needs more than ten pages: {last}");
}

#[test]
fn wrong_settings_touch_nothing() {
    let sandbox = sandbox("netns_links=\"eth1\"\nconfig_eth1=\"192.0.2.10\"\n");
    let before = dump(&sandbox, "");
    for verb in ["up", "reload", "plan", "check", "watch", "status"] {
        let run = setup(&sandbox, &format!("{verb} mgmt")).code(100);
        assert!(run.stderr.starts_with("netns-setup: /etc/conf.d/netns.mgmt:2: config_eth1=\"192.0.2.10\" has no prefix length\n"), "{run}");
    }
    same(&dump(&sandbox, ""), &before);
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
    sandbox.write("/etc/conf.d/netns.good", "netns_links=\n");
    setup(&sandbox, "up good mgmt").code(100).stdout("");
    sandbox.sh("[ ! -e /run/netns/good ]").ok();
}

#[test]
fn a_link_that_is_not_there_is_said_and_nothing_is_touched() {
    let sandbox = sandbox(&MGMT.replace("eth1", "eth7"));
    let before = dump(&sandbox, "");
    setup(&sandbox, "up mgmt").code(111).stdout("").stderr(
        "netns-setup: /etc/conf.d/netns.mgmt:1: netns_links: the host has no link eth7\n\
         netns-setup: plug it in or load its driver, or correct the name; ip link lists the links\n\
         netns-setup: mgmt: nothing was changed\n",
    );
    same(&dump(&sandbox, ""), &before);
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
}

#[test]
fn a_link_of_the_hosts_is_never_deleted_to_make_room() {
    let sandbox = sandbox("netns_links=v0\ntype_v0=veth\npeer_v0=taken\n");
    sandbox.sh("ip link add taken type bridge").ok();
    let before = dump(&sandbox, "");
    let run = setup(&sandbox, "up mgmt").code(111);
    assert!(
        run.stderr
            .contains("there is another link taken on the host, which netns-setup did not make"),
        "{run}"
    );
    same(&dump(&sandbox, ""), &before);
}

#[test]
fn an_address_that_another_host_has_is_said_and_undone() {
    let sandbox = sandbox(&MGMT.replace("2001:db8:10::10", "2001:db8:10::1"));
    let before = dump(&sandbox, "");
    let run = setup(&sandbox, "up mgmt").code(111);
    assert!(
        run.stderr.starts_with(
            "netns-setup: mgmt: 2001:db8:10::1/64 on eth1 is in use by another host\n"
        ),
        "{run}"
    );
    assert!(
        run.stderr
            .contains("config_eth1 at /etc/conf.d/netns.mgmt:2"),
        "{run}"
    );
    is_again(&sandbox, "", &before);
}

#[test]
fn the_card_cannot_go_back_to_a_name_that_is_taken_and_stays_inside() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("ip link add eth1 type bridge").ok();
    let run = setup(&sandbox, "down mgmt").code(111);
    assert!(
        run.stderr
            .contains("eth1 cannot go back to the host: there is another eth1"),
        "{run}"
    );
    assert_eq!(sandbox.ip_json("-n mgmt link show eth1")[0]["mtu"], 1400);
    sandbox.sh("ip link delete eth1").ok();
    setup(&sandbox, "down mgmt").ok();
}

#[test]
fn the_card_goes_back_though_its_bridge_is_no_more() {
    let sandbox = sandbox(MGMT);
    sandbox
        .sh("ip link add hostbr type bridge; ip link set eth1 master hostbr")
        .ok();
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("ip link delete hostbr").ok();
    setup(&sandbox, "down mgmt").ok();
    let link = sandbox.ip_json("address show eth1");
    assert_eq!(link[0]["addr_info"][0]["local"], "192.0.2.7");
    assert_eq!(link[0]["mtu"], 1500);
}

#[test]
fn who_is_killed_half_way_can_be_taken_up_or_down_again() {
    // Without IPv6, whose addresses need a second each time
    let settings = MGMT.replace(" 2001:db8:10::10/64", "");
    let sandbox = sandbox(&settings);
    sandbox
        .sh("ip -6 route flush dev eth1; ip -6 address flush dev eth1")
        .ok();
    let before = dump(&sandbox, "");
    for (n, verb) in ["up", "down"].into_iter().cycle().enumerate().take(12) {
        // Killed at some moment in the first milliseconds of the verb
        let delay = n * 400;
        sandbox.sh(&format!("{NETNS_SETUP} {verb} --all >/dev/null 2>&1 & pid=$!; usleep {delay} 2>/dev/null || sleep 0.00{n}; kill -9 $pid; wait $pid; true"));
        setup(&sandbox, "up mgmt").ok();
        setup(&sandbox, "status mgmt").ok();
        sandbox.sh(&format!(
            "{NETNS_SETUP} reload mgmt & kill -9 $!; wait $!; true"
        ));
        setup(&sandbox, "down mgmt").ok();
        is_again(&sandbox, "", &before);
    }
}

#[test]
fn another_one_at_work_is_waited_for() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("mkdir -p /run/netns-services/mgmt").ok();
    let mut holder = sandbox.spawn(&[
        "flock",
        "/run/netns-services/mgmt/lock",
        "sh",
        "-c",
        "echo; exec sleep 0.5",
    ]);
    holder.line();
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(
        holder.child.try_wait().unwrap().and_then(|s| s.code()),
        Some(0)
    );
}

#[test]
fn who_waits_for_another_one_can_be_ended() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let lock = "flock /run/netns-services/mgmt/lock sh -c 'echo; exec sleep 60'";
    let mut holder = sandbox.spawn(&["sh", "-c", lock]);
    holder.line();
    for verb in ["up", "reload", "down"] {
        let begun = Instant::now();
        sandbox
            .sh(&format!(
                "{NETNS_SETUP} {verb} mgmt & sleep 0.3; kill $!; wait $!"
            ))
            .code(111)
            .stderr(
                "netns-setup: mgmt: stopped by a signal while another netns-setup holds its lock\n\
                 netns-setup: nothing was changed\n",
            );
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn from_inside_a_namespace_of_others_nothing_is_changed() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    sandbox.run(&["ip", "netns", "add", "theirs"]).ok();
    let before = dump(&sandbox, "-n mgmt");
    for verb in ["up", "reload", "down", "try", "watch", "doctor", "may-go"] {
        for inside in ["ip netns exec theirs", &format!("{NETNS_EXEC} theirs")] {
            let call = format!("{inside} {NETNS_SETUP} {verb} mgmt");
            sandbox.sh(&call).code(100).stdout("").stderr(&format!(
                "netns-setup: must be run from the host, not inside a namespace: \
                 netns-setup did not set up that namespace\n\
                 netns-setup: log in on the host, or type netns-exec --host -- netns-setup {verb} mgmt\n"
            ));
            let from_host = format!("{inside} {NETNS_EXEC} --host -- {NETNS_SETUP} plan mgmt");
            sandbox.sh(&from_host).ok().stdout("").stderr("");
        }
    }
    same(&dump(&sandbox, "-n mgmt"), &before);
}

/// If the path of the settings is another directory on the host, its settings are not used.
#[test]
fn from_inside_paths_mean_what_they_mean_there_or_are_refused() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    sandbox.write("/etc/kept/netns.mgmt", MGMT);
    sandbox.sh("mkdir -p /etc/netns/mgmt/conf.d").ok();
    let inside = |script: &str| {
        let script = format!("set -e; {script}");
        sandbox.run(&[NETNS_EXEC, "mgmt", "--", "sh", "-c", &script])
    };
    let own = "mount -t tmpfs own /mnt; mkdir /mnt/kept";
    for (script, code) in [
        (
            format!("cd /etc; {NETNS_SETUP} --conf-dir kept check mgmt"),
            0,
        ),
        (format!("{NETNS_SETUP} --conf-dir /etc/kept check mgmt"), 0),
        (format!("{own}; cd /mnt; {NETNS_SETUP} check mgmt"), 0),
        (
            format!("{own}; cd /mnt; {NETNS_SETUP} --conf-dir /etc/kept check mgmt"),
            0,
        ),
        (
            format!("{own}; cd /mnt; {NETNS_SETUP} --conf-dir kept check mgmt"),
            100,
        ),
        (
            format!("{own}; {NETNS_SETUP} --conf-dir /mnt/kept check mgmt"),
            100,
        ),
        // /etc/netns/mgmt/conf.d covers /etc/conf.d inside, and is not the host's
        (
            format!("! test -e /etc/conf.d/netns.mgmt; {NETNS_SETUP} check mgmt"),
            0,
        ),
    ] {
        let run = inside(&script).code(code);
        let refused = run
            .stderr
            .contains("the host has another directory of this name, or none\n");
        assert_eq!(refused, code != 0, "{run}");
    }
}

#[test]
fn without_root_nothing_is_tried() {
    let sandbox = sandbox(MGMT);
    let program = std::fs::read(NETNS_SETUP).unwrap();
    sandbox.inside(|| {
        std::fs::write("/run/netns-setup", &program).unwrap();
    });
    sandbox.sh("chmod 755 /run/netns-setup").ok();
    let run = sandbox.run(&[
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "/run/netns-setup",
        "up",
        "mgmt",
    ]);
    run.code(100).stderr("netns-setup: only root can see and change namespaces\nnetns-setup: run it as root, by doas, sudo or su\n");
}

#[test]
fn a_resolv_conf_of_the_owners_is_never_overwritten() {
    let sandbox = sandbox(MGMT);
    sandbox.write("/etc/netns/mgmt/resolv.conf", "nameserver 192.0.2.99\n");
    let run = setup(&sandbox, "up mgmt").code(100);
    assert!(run.stderr.starts_with("netns-setup: /etc/conf.d/netns.mgmt:6: netns_dns would overwrite /etc/netns/mgmt/resolv.conf\n"), "{run}");
    write(&sandbox, &MGMT.replace("netns_dns", "# netns_dns"));
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(
        sandbox.read("/etc/netns/mgmt/resolv.conf").unwrap(),
        "nameserver 192.0.2.99\n"
    );
}

#[test]
fn nothing_is_written_through_a_symlink_and_an_empty_file_is_nobodys() {
    let sandbox = sandbox(MGMT);
    let host = "# written by netns-setup\nnameserver 192.0.2.98\n";
    sandbox.write("/etc/resolv.conf", host);
    sandbox
        .sh("mkdir -p /etc/netns/mgmt; ln -s /etc/resolv.conf /etc/netns/mgmt/resolv.conf")
        .ok();
    let run = setup(&sandbox, "up mgmt").code(100);
    assert!(run.stderr.contains("that file is yours"), "{run}");
    write(&sandbox, &MGMT.replace("netns_dns", "# netns_dns"));
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    sandbox.sh("[ -L /etc/netns/mgmt/resolv.conf ]").ok();
    assert_eq!(sandbox.read("/etc/resolv.conf").unwrap(), host);
    // As a power failure leaves it
    sandbox
        .sh("rm /etc/netns/mgmt/resolv.conf; : >/etc/netns/mgmt/resolv.conf")
        .ok();
    write(&sandbox, MGMT);
    setup(&sandbox, "up mgmt").ok();
    let text = sandbox.read("/etc/netns/mgmt/resolv.conf").unwrap();
    assert!(text.ends_with("nameserver 192.0.2.53\n"), "{text}");
    setup(&sandbox, "down mgmt").ok();
}

#[test]
fn a_wrong_call_says_what_to_type() {
    let sandbox = sandbox(MGMT);
    for words in [
        "",
        "up",
        "up a.b",
        "fly mgmt",
        "down --force --kill mgmt",
        "up mgmt --all",
    ] {
        let words: Vec<&str> = words.split(' ').filter(|w| !w.is_empty()).collect();
        let call: Vec<&str> = [NETNS_SETUP].into_iter().chain(words).collect();
        let run = sandbox.run(&call).code(100);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{run}");
    }
    setup(&sandbox, "up nosuch").code(100);
    let run = setup(&sandbox, "down nosuch").code(100);
    assert!(
        run.stderr
            .contains("nosuch: no namespace and no settings have this name"),
        "{run}"
    );
}

#[test]
fn what_is_changed_while_the_kernel_tells_of_it_is_asked_for_again() {
    let sandbox = sandbox("");
    setup(&sandbox, "up mgmt").ok();
    // More addresses than one message prints
    sandbox
        .sh("for n in $(seq 150); do echo link add d$n type bridge; done | ip -n mgmt -batch -")
        .ok();
    let links_asked_for = |meanwhile: &str| {
        let slow =
            "strace -o /run/calls -v -e trace=sendto,recvfrom -e inject=recvfrom:delay_enter=50000";
        let command = format!("{slow} {NETNS_SETUP} status mgmt & {meanwhile}\nwait $!");
        sandbox.sh(&command).ok();
        let calls = sandbox.read("/run/calls").unwrap();
        // strace knows the names of message types only for its own namespace, otherwise it
        // prints numbers
        let asked = |line: &&str| {
            ["RTM_GETLINK", "type=0x12 "]
                .iter()
                .any(|t| line.contains(t))
        };
        let sent = calls.lines().filter(|line| line.starts_with("sendto"));
        (
            sent.filter(asked).count(),
            calls.contains("NLM_F_DUMP_INTR"),
        )
    };
    let (once, torn) = links_asked_for(":");
    assert!(!torn && once > 0);
    let changes =
        "for n in $(seq 30); do ip -n mgmt link add x type bridge; ip -n mgmt link del x; done";
    let (asked, torn) = links_asked_for(changes);
    assert!(torn, "nothing was changed in between");
    assert!(asked > once, "{asked} times");
}
