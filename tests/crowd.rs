//! Many processes at the same time bring up four namespaces, change them, take them down,
//! and run commands in them. No call hangs, nothing is left behind, and no command ever
//! runs on the host.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

mod common;
#[path = "common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use common::{NETNS_EXEC, NETNS_SETUP, Run, Sandbox};
use random::Random;

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

/// The number of processes that run at any time.
const CROWD: u64 = 32;

/// The time for the lock of links between namespaces, for the lock of the namespace, and for
/// the work itself.
const LONGEST: Duration = Duration::from_secs(30);

/// Two linked ones; one with a link, a table and sysctls of the host; one with rules and files.
fn settings(name: &str, version: u8) -> String {
    match name {
        "one" => format!(
            "netns_links=v1\ntype_v1=veth\npeer_v1=v2\npeer_netns_v1=two\n\
             config_v1=10.1.{version}.1/30\n"
        ),
        "two" => format!(
            "netns_links=v2\ntype_v2=veth\npeer_v2=v1\npeer_netns_v2=one\n\
             config_v2=10.1.{version}.2/30\n"
        ),
        "three" => format!(
            "netns_links=w0\ntype_w0=veth\npeer_w0=w0-host\nconfig_w0=10.3.{version}.2/24\n\
             peer_config_w0=10.3.{version}.1/24\nroutes_w0='default via 10.3.{version}.1'\n\
             netns_masquerade=yes\n"
        ),
        _ => format!(
            "netns_links=br0\ntype_br0=bridge\nconfig_br0=10.4.{version}.1/24\n\
             netns_dns=10.4.{version}.53\nnetns_sysctl=net.ipv4.ip_forward={version}\n"
        ),
    }
}

/// Everything that could be left behind on the host.
const LEFT: &str = "
    ip -o link | cut -d: -f2
    ip -o address | sed 's/valid_lft.*//'
    ip route show table all
    ip netns list
    ls /run/netns /run/netns-services
    ls -A /etc/netns 2>/dev/null
    nft list ruleset
    cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
    cut -d' ' -f4,5 /proc/self/mountinfo
    for process in /proc/[0-9]*; do
        [ \"${process#/proc/}\" = $$ ] || readlink $process/ns/net
    done | sort -u
    for process in /proc/[0-9]*; do
        case $(cat $process/comm 2>/dev/null) in netns-*) ls -d $process ;; esac
    done
";

/// What one process did, and the result.
struct Done {
    run: Run,
    took: Duration,
}

/// One call, chosen at random.
fn call(sandbox: &Sandbox, random: &mut Random) -> Run {
    let name = NAMES[random.below(4)];
    let folder = ["/etc/conf.d", "/etc/conf.e"][random.below(2)];
    let setup = |words: &[&str]| {
        let all = [&[NETNS_SETUP, "--conf-dir", folder], words, &[name]].concat();
        sandbox.run(&all)
    };
    match random.below(10) {
        0..=2 => setup(&["up"]),
        3 | 4 => setup(&["reload"]),
        5 => setup(&["down"]),
        6 => setup(&["down", "--force"]),
        7 => setup(&["down", "--kill"]),
        _ => sandbox.run(&[
            NETNS_EXEC,
            name,
            "--",
            "sh",
            "-c",
            "readlink /proc/self/ns/net; sleep 0.05; readlink /proc/self/ns/net",
        ]),
    }
}

fn crowd(duration: Duration) {
    let sandbox = Sandbox::new();
    for (version, folder) in ["/etc/conf.d", "/etc/conf.e"].into_iter().enumerate() {
        for name in NAMES {
            let file = format!("{folder}/netns.{name}");
            sandbox.write(&file, &settings(name, version as u8));
        }
    }
    // What stays permanently exists before
    for verb in ["up", "down"] {
        for name in NAMES {
            sandbox.run(&[NETNS_SETUP, verb, name]).ok();
        }
    }
    let before = sandbox.sh(LEFT);
    let host = sandbox.sh("readlink /proc/self/ns/net").ok().stdout;
    let done = Mutex::new(Vec::new());
    let until = Instant::now() + duration;
    thread::scope(|scope| {
        for seed in 0..CROWD {
            let (sandbox, done) = (&sandbox, &done);
            scope.spawn(move || {
                let mut random = Random((seed + 1) * 0x9e37_79b9);
                while Instant::now() < until {
                    let begun = Instant::now();
                    let run = call(sandbox, &mut random);
                    let took = begun.elapsed();
                    done.lock().unwrap().push(Done { run, took });
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    judge(&done, &host);
    for name in NAMES {
        sandbox.run(&[NETNS_SETUP, "down", "--kill", name]).ok();
    }
    let after = sandbox.sh(LEFT);
    assert_eq!(after.stdout, before.stdout);
}

/// Each call is judged alone; and each kind of call has both succeeded and failed at least
/// once.
fn judge(done: &[Done], host: &str) {
    let mut codes = BTreeMap::<(&str, i32), usize>::new();
    for Done { run, took } in done {
        assert!(*took < LONGEST, "it took {took:?}: {run}");
        let hung = run.stderr.contains("has held its lock for");
        assert!(!hung, "somebody kept the lock: {run}");
        let code = run.exit_code();
        let ran = run.command.starts_with(NETNS_EXEC);
        let words = run.command.split(' ').nth(3).filter(|_| !ran);
        *codes.entry((words.unwrap_or("exec"), code)).or_default() += 1;
        if ran {
            // 143, 137: by down --kill
            assert!([0, 111, 143, 137].contains(&code), "{run}");
            assert!(!run.stdout.contains(host.trim()), "on the host: {run}");
            let lines: Vec<_> = run.stdout.lines().collect();
            assert!(lines.iter().all(|line| *line == lines[0]), "{run}");
        } else {
            // Only a process inside is a reason to fail
            let used = ["still used by", "held from outside by"];
            let in_use = used.iter().any(|used| run.stderr.contains(used));
            assert!(code == 0 || code == 111 && in_use, "{run}");
        }
    }
    let longest = done.iter().map(|done| done.took).max();
    eprintln!("{} calls, the longest {longest:?}: {codes:?}", done.len());
    for kind in ["up", "reload", "down", "exec"] {
        let some = codes.get(&(kind, 0)).is_some_and(|count| *count > 0);
        assert!(some, "no {kind} was done: {codes:?}");
    }
}

#[test]
fn for_ten_seconds() {
    crowd(Duration::from_secs(10));
}

#[test]
#[ignore = "by make test-all"]
fn for_a_minute() {
    crowd(Duration::from_secs(60));
}

/// Eight shells bring one namespace up and take it down. A process finds a state directory that
/// another one removes in the same moment, or removes one that another one has locked.
#[test]
fn a_state_directory_comes_and_goes() {
    let mut sandbox = Sandbox::new();
    // 1,600 processes take 5 s on an idle machine
    sandbox.limit *= 10;
    sandbox.write("/etc/conf.d/netns.four", "netns_links=\n");
    let script = format!(
        "for shell in 1 2 3 4 5 6 7 8; do
            (for turn in $(seq 100); do
                {NETNS_SETUP} up four 2>&1 >/dev/null
                {NETNS_SETUP} down four 2>&1 >/dev/null
            done) &
        done
        wait"
    );
    let said = sandbox.sh(&script);
    assert_eq!(said.stdout, "", "{said}");
}

/// A machine that is so busy that the other one has the lock for more than two seconds.
#[test]
fn who_only_waits_for_another_netns_setup_is_told_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("/etc/conf.d/netns.four", "netns_links=\n");
    sandbox.run(&[NETNS_SETUP, "up", "--quiet", "four"]).ok();
    let held_by = |program: &str| {
        let script = format!(
            "cp /bin/sleep /run/{program}; exec 9</run/netns; flock 9; echo; exec /run/{program} 99"
        );
        sandbox.spawn(&["sh", "-c", &script])
    };
    for (program, warned) in [("netns-setup", false), ("other", true)] {
        let mut holder = held_by(program);
        holder.line();
        let run = sandbox.run(&[NETNS_SETUP, "up", "--quiet", "four"]).ok();
        let line = "four: /run/netns is locked by 1 process: ";
        assert_eq!(run.stderr.contains(line), warned, "{program}: {run}");
        assert_eq!(run.stderr.is_empty(), !warned, "{program}: {run}");
    }
}
