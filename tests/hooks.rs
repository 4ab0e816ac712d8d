//! The hooks, which are commands that the settings run when a namespace is set up or
//! taken down, run for real.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::process::Command;

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Run, Sandbox, wait_until};
use far::{setup, write};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// A sandbox with these hooks, each of which may write to /run/said.
fn sandbox(hooks: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    write(
        &sandbox,
        &format!("netns_links=d0\ntype_d0=bridge\n{hooks}"),
    );
    sandbox
}

fn said(sandbox: &Sandbox) -> String {
    let said = sandbox.read("/run/said").unwrap_or_default();
    sandbox.sh("rm -f /run/said").ok();
    said
}

/// Each hook writes its name, and whether the namespace is ready then.
fn each() -> String {
    let hook = |name: &str| {
        format!(
            "netns_{name}='echo {name} of $NETNS_NAME >>/run/said
                {NETNS_EXEC} $NETNS_NAME true 2>/dev/null && echo ready >>/run/said; true'\n"
        )
    };
    ["pre_up", "post_up", "pre_down", "post_down"]
        .map(hook)
        .concat()
}

#[test]
fn each_is_run_in_its_place_and_once() {
    let sandbox = sandbox(&each());
    setup(&sandbox, "check mgmt").ok();
    setup(&sandbox, "plan mgmt").ok();
    assert_eq!(said(&sandbox), "");
    let run = setup(&sandbox, "up mgmt").ok().stderr("");
    assert!(run.stdout.starts_with("+ ip netns add mgmt\n"), "{run}");
    assert_eq!(said(&sandbox), "pre_up of mgmt\npost_up of mgmt\nready\n");
    for verb in ["up", "reload", "status"] {
        setup(&sandbox, &format!("{verb} mgmt")).ok();
        assert_eq!(said(&sandbox), "", "{verb}");
    }
    setup(&sandbox, "down mgmt").ok().stderr("");
    assert_eq!(
        said(&sandbox),
        "pre_down of mgmt\nready\npost_down of mgmt\n"
    );
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(said(&sandbox), "");
}

/// The thread that netns-setup waits for is the only one.
#[test]
fn a_command_has_all_processors() {
    let allowed = "grep Cpus_allowed_list /proc/self/status";
    let hook = format!("{allowed} >/run/said");
    let sandbox = sandbox(&format!(
        "netns_post_up='{hook}'\nnetns_post_down='{hook}'\n"
    ));
    let all = sandbox.sh(allowed).ok().stdout;
    for verb in ["up", "down"] {
        setup(&sandbox, &format!("{verb} mgmt")).ok();
        assert_eq!(said(&sandbox), all, "{verb}");
    }
}

#[test]
fn made_anew_it_is_up_anew() {
    let sandbox = sandbox(&each());
    setup(&sandbox, "up mgmt").ok();
    said(&sandbox);
    sandbox.sh("ip netns delete mgmt").ok();
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(said(&sandbox), "pre_up of mgmt\npost_up of mgmt\nready\n");
}

#[test]
fn down_runs_what_the_last_up_or_reload_had_without_any_settings() {
    let sandbox = sandbox(&each());
    setup(&sandbox, "up mgmt").ok();
    said(&sandbox);
    sandbox.sh("rm /etc/conf.d/netns.mgmt").ok();
    setup(&sandbox, "down mgmt").ok().stderr("");
    assert_eq!(
        said(&sandbox),
        "pre_down of mgmt\nready\npost_down of mgmt\n"
    );
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
    write(&sandbox, &each());
    setup(&sandbox, "up mgmt").ok();
    write(&sandbox, "netns_post_down='echo another >/run/said'\n");
    setup(&sandbox, "reload mgmt").ok();
    said(&sandbox);
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(said(&sandbox), "another\n");
}

#[test]
fn where_pre_up_fails_nothing_is_done() {
    let sandbox = sandbox("netns_pre_up='echo no; exit 3'\nnetns_post_up='touch /run/said'\n");
    setup(&sandbox, "up mgmt").code(111).stdout("").stderr(
        "no\n\
         netns-setup: mgmt: the command of netns_pre_up ended with exit code 3\n\
         netns-setup: asked for by netns_pre_up at /etc/conf.d/netns.mgmt:3; its output is above\n\
         netns-setup: mgmt: nothing was done\n",
    );
    sandbox
        .sh("[ ! -e /run/netns/mgmt ] && [ ! -e /run/said ]")
        .ok();
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
}

#[test]
fn where_the_others_fail_it_is_said_and_nothing_is_undone() {
    let sandbox =
        sandbox("netns_post_up='kill -9 $$'\nnetns_pre_down=false\nnetns_post_down=nowhere\n");
    let run = setup(&sandbox, "up mgmt").code(111);
    assert_eq!(
        run.stderr,
        "netns-setup: mgmt: the command of netns_post_up was killed by signal 9\n\
         netns-setup: asked for by netns_post_up at /etc/conf.d/netns.mgmt:3; its output is above\n\
         netns-setup: mgmt: the namespace is ready and stays ready; the next up or reload runs the command again\n"
    );
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    let run = setup(&sandbox, "down mgmt").ok();
    let says = |text: &str| assert!(run.stderr.contains(text), "{run}");
    says("the command of netns_pre_down ended with exit code 1\n");
    says("the command of netns_post_down ended with exit code 127\n");
    says("nowhere: not found\n");
    sandbox.sh("[ ! -e /run/netns/mgmt ]").ok();
}

#[test]
fn what_has_failed_is_run_again_until_it_goes_well() {
    let sandbox = sandbox(
        "netns_post_up='echo post_up >>/run/said; test -e /run/well'\n\
         post_up_d0='echo $NETNS_NAME $NETNS_LINK >>/run/said; test -e /run/well'\n",
    );
    for verb in ["up", "up", "reload"] {
        let run = setup(&sandbox, &format!("{verb} mgmt")).code(111);
        assert!(
            run.stderr.contains("the command of post_up_d0 ended"),
            "{run}"
        );
        assert_eq!(said(&sandbox), "mgmt d0\npost_up\n", "{verb}");
    }
    sandbox.sh("touch /run/well").ok();
    setup(&sandbox, "reload mgmt").ok().stdout("").stderr("");
    assert_eq!(said(&sandbox), "mgmt d0\npost_up\n");
    for verb in ["up", "reload"] {
        setup(&sandbox, &format!("{verb} mgmt")).ok();
        assert_eq!(said(&sandbox), "", "{verb}");
    }
    // For a link that is recreated, only its own hook runs again
    sandbox.sh("ip -n mgmt link delete d0").ok();
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(said(&sandbox), "mgmt d0\n");
    setup(&sandbox, "down mgmt").ok();
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
}

#[test]
fn a_link_that_comes_back_has_its_hook_run_by_who_watches() {
    let sandbox = far::sandbox(
        "netns_links=eth1\nconfig_eth1=192.0.2.10/24\npost_up_eth1='echo $NETNS_LINK >>/run/said'\n",
    );
    let _watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    for _ in 0..3 {
        // The shell creates the file before echo writes to it
        let has_said = || {
            sandbox
                .read("/run/said")
                .is_some_and(|said| !said.is_empty())
        };
        assert!(wait_until(LIMIT, has_said));
        assert_eq!(said(&sandbox), "eth1\n");
        // As if a NIC is unplugged and plugged in again
        sandbox.sh("ip -n mgmt link set eth1 netns 1").ok();
    }
    write(&sandbox, "netns_links=\npost_up_lo=true\n");
    let run = setup(&sandbox, "check mgmt").code(100);
    assert!(run.stderr.contains("post_up_lo"), "{run}");
}

/// A NIC, and the text that its `post_down_IF` writes.
fn with_card(more: &str) -> String {
    format!(
        "netns_links=eth1\nconfig_eth1=192.0.2.10/24\n\
         netns_post_down='echo post_down >>/run/said'\n{more}\n"
    )
}

/// Settings with a hook that writes the link and where the link is, and that no lock is held.
fn says(what: &str) -> String {
    with_card(&format!(
        "post_down_eth1='{{ flock -n /run/netns-services/$NETNS_NAME/lock true || [ $? = 66 ] || echo locked
            echo {what} $NETNS_NAME $NETNS_LINK; ls /sys/class/net | grep eth1; }} >>/run/said'"
    ))
}

/// The hook runs in every case in which the NIC goes back to the host, and in no other case.
#[test]
fn a_card_that_goes_back_to_the_host_has_its_hook_run() {
    let sandbox = Sandbox::new();
    sandbox
        .sh("ip link add far type bridge && ip link set far up &&
             ip link add eth1 address 52:54:00:00:00:01 type veth peer name far1 &&
             ip link set far1 master far up && ip link set eth1 up")
        .ok();
    let wrong = "netns_sysctl=net.ipv4.conf.lo.rp_filter=none\n";
    let one = || write(&sandbox, &says("one"));
    let up = || {
        one();
        setup(&sandbox, "up mgmt").ok();
    };
    // An up that fails, before any has succeeded
    write(&sandbox, &(says("one") + wrong));
    setup(&sandbox, "up mgmt").code(111);
    assert_eq!(said(&sandbox), "one mgmt eth1\neth1\n");
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
    // A down after the settings were removed
    up();
    assert_eq!(said(&sandbox), "");
    write(&sandbox, "");
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(said(&sandbox), "one mgmt eth1\neth1\npost_down\n");
    // A reload that fails leaves the NIC, and its hook, as they were
    up();
    for other in [says("two"), with_card(""), "netns_links=\n".into()] {
        write(&sandbox, &(other + wrong));
        setup(&sandbox, "reload mgmt").code(111);
        assert_eq!(said(&sandbox), "");
    }
    // A reload that no longer lists the NIC runs the earlier hook
    write(&sandbox, "netns_links=\n");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(said(&sandbox), "one mgmt eth1\neth1\n");
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(said(&sandbox), "");
    // After a reload, down runs the hook of the new settings, if they have one
    for (settings, expected) in [
        (says("two"), "two mgmt eth1\neth1\npost_down\n"),
        (with_card(""), "post_down\n"),
    ] {
        up();
        write(&sandbox, &settings);
        setup(&sandbox, "reload mgmt").ok();
        setup(&sandbox, "down mgmt").ok();
        assert_eq!(said(&sandbox), expected);
    }
    // A trial that moves the NIC in is undone
    one();
    setup(&sandbox, "try mgmt --within 600").ok();
    assert_eq!(said(&sandbox), "");
    sandbox
        .sh("read -r pid _ </run/netns-services/mgmt/trial && kill $pid")
        .ok();
    let is_undone = || {
        sandbox
            .read("/run/said")
            .is_some_and(|said| said.ends_with("eth1\neth1\n"))
    };
    assert!(wait_until(LIMIT, is_undone));
    assert_eq!(said(&sandbox), "one mgmt eth1\neth1\n");
    // As if the up was killed after it moved the NIC: the next down runs the hook
    up();
    sandbox.sh("rm /run/netns-services/mgmt/ready").ok();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(said(&sandbox), "one mgmt eth1\neth1\npost_down\n");
    // A hook that fails, and a hook that never ends
    write(&sandbox, &with_card("post_down_eth1='exit 3'"));
    setup(&sandbox, "up mgmt").ok();
    let run = setup(&sandbox, "down mgmt").ok();
    for line in [
        "mgmt: the command of post_down_eth1 ended with exit code 3",
        "mgmt: eth1 is back on the host nevertheless",
    ] {
        assert!(run.stderr.contains(line), "{run}");
    }
    write(&sandbox, &with_card("post_down_eth1='sleep 1000; :'"));
    setup(&sandbox, "up mgmt").ok();
    let run = setup(&sandbox, "down --force mgmt").ok();
    assert!(
        run.stderr.contains("post_down_eth1 took more than 3 s"),
        "{run}"
    );
    said(&sandbox);
    // A NIC that was unplugged is not given back
    up();
    sandbox.sh("ip link delete far1").ok();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(said(&sandbox), "post_down\n");
    write(
        &sandbox,
        "netns_links=v0\ntype_v0=veth\npost_down_v0=true\npost_down_lo=true\n",
    );
    let run = setup(&sandbox, "check mgmt").code(100);
    assert!(
        run.stderr.contains("post_down_v0") && run.stderr.contains("post_down_lo"),
        "{run}"
    );
}

#[test]
fn a_hook_may_call_netns_setup_and_netns_exec_of_the_same_namespace() {
    let calls = format!(
        "{NETNS_SETUP} status mgmt; {NETNS_EXEC} mgmt true; {NETNS_SETUP} plan mgmt >/dev/null"
    );
    let sandbox = sandbox(&format!(
        "netns_pre_up='{calls}'\nnetns_post_up='{calls} && {NETNS_SETUP} reload mgmt'\n\
         netns_pre_down='{calls}'\nnetns_post_down='{NETNS_SETUP} status mgmt || :'\n"
    ));
    let run = setup(&sandbox, "up mgmt").ok();
    assert!(
        run.stderr.contains("mgmt: there is no such namespace\n"),
        "{run}"
    );
    assert!(
        run.stderr.contains("mgmt: ready, as its settings say"),
        "{run}"
    );
    setup(&sandbox, "down mgmt").ok();
}

#[test]
fn one_that_never_ends_keeps_nobody_from_looking() {
    let sandbox = sandbox("netns_post_up='touch /run/said; exec sleep 1000'\n");
    let mut up = sandbox.spawn(&[NETNS_SETUP, "up", "mgmt"]);
    assert!(wait_until(LIMIT, || sandbox.read("/run/said").is_some()));
    setup(&sandbox, "status mgmt").ok();
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    setup(&sandbox, "reload mgmt").ok();
    let inside =
        "for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" != sleep ] || kill ${p#/proc/}; done";
    sandbox.sh(inside).ok();
    assert_eq!(up.ended(), Some(111));
}

#[test]
fn forced_down_waits_for_none() {
    let sandbox = sandbox("netns_pre_down='sleep 1000; :'\nnetns_post_down='sleep 1000; :'\n");
    setup(&sandbox, "up mgmt").ok();
    let run = setup(&sandbox, "down --force mgmt").ok();
    for hook in ["pre_down", "post_down"] {
        let said = format!("mgmt: the command of netns_{hook} took more than 3 s and was killed\n");
        assert!(run.stderr.contains(&said), "{run}");
    }
    sandbox.sh("! grep -qs sleep /proc/[0-9]*/comm").ok();
    sandbox.sh("[ ! -e /run/netns/mgmt ]").ok();
}

/// Nothing of netns-setup is inherited by a hook.
#[test]
fn its_world_is_the_same_however_netns_setup_was_called() {
    let sandbox = sandbox(
        "netns_pre_up='(env | grep -v ^_= | sort; pwd; ls -l /proc/self/fd; grep Sig[BI] /proc/self/status) >/run/said'\n",
    );
    let open = File::open("/").unwrap();
    fcntl(&open, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let up = |command: &mut Command| {
        command
            .env("SECRET", "1")
            .env("PATH", "/nowhere")
            .env("LD_PRELOAD", "/nowhere");
        command.env_remove("LD_PRELOAD").current_dir("/run");
    };
    assert!(open.as_raw_fd() > 2);
    let run: Run = sandbox.run_with(&[NETNS_SETUP, "up", "mgmt"], up);
    run.ok();
    let said = said(&sandbox);
    let (environment, rest) = said.split_once("/\n").unwrap_or((&said, ""));
    assert!(
        said.starts_with("NETNS_NAME=mgmt\nPATH=/usr/local/sbin:"),
        "{said}"
    );
    assert!(!environment.contains("SECRET"), "{said}");
    assert!(rest.contains("0 -> /dev/null"), "{said}");
    // 0, 1, 2, and ls's own
    assert_eq!(rest.matches(" -> ").count(), 4, "{said}");
    assert!(rest.contains("SigBlk:\t0000000000000000"), "{said}");
    // Without those of the C library (32, 33), and without 13, which Rust programs ignore
    let ignored = rest.split_once("SigIgn:\t").unwrap().1.trim();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    // What the caller ignores, as with nohup, stays ignored
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let own = own.split_once("SigIgn:\t").unwrap().1.lines().next();
    let own = u64::from_str_radix(own.unwrap(), 16).unwrap();
    assert_eq!(ignored & 0x7fff_ffff & !own, 0, "{said}");
}

#[test]
fn who_is_mended_by_another_comes_up_anew() {
    let sandbox = Sandbox::new();
    let one = |netns: &str, other: &str| {
        let settings = format!(
            "netns_links=eth0\ntype_eth0=veth\npeer_netns_eth0={other}\npeer_eth0=eth0\n\
             netns_post_up='echo $NETNS_NAME >>/run/said'\n"
        );
        sandbox.write(&format!("/etc/conf.d/netns.{netns}"), &settings);
    };
    one("a", "b");
    one("b", "a");
    setup(&sandbox, "up a b").ok();
    assert_eq!(said(&sandbox), "a\nb\n");
    setup(&sandbox, "down b").ok();
    setup(&sandbox, "up b").ok();
    assert_eq!(said(&sandbox), "a\nb\n");
}

/// A daemon that a hook starts must react to TERM, even if netns-setup ignores it at that time.
#[test]
fn no_signal_is_held_from_it_when_watch_runs_it() {
    let sandbox = sandbox("netns_post_up='grep SigBlk /proc/self/status >/run/said'\n");
    // dash resets signals by itself, busybox and bash do not
    sandbox.sh("mount --bind /bin/bash /bin/sh").ok();
    let _watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    let is_said = || {
        wait_until(LIMIT, || {
            sandbox
                .read("/run/said")
                .is_some_and(|said| !said.is_empty())
        })
    };
    for then in ["ip netns delete mgmt", "true"] {
        assert!(is_said());
        assert_eq!(said(&sandbox), "SigBlk:\t0000000000000000\n");
        // The namespace may exist again before ip has removed the file
        sandbox.sh(then);
    }
}
