//! How many events there are: more than the kernel can report, or none.

use std::time::Duration;

use crate::common::{NETNS_EXEC, NETNS_SETUP};
use crate::far::{MGMT, dump, is_again, sandbox};
use crate::{begin_by, has_default, watch};
use nix::sys::signal::Signal;

#[test]
fn a_storm_of_events_ends_where_it_should() {
    let sandbox = sandbox(MGMT);
    let mut watch = watch(&sandbox);
    let before = dump(&sandbox, "-n mgmt");
    let flaps = "i=0; while [ $i -lt 1000 ]; do echo 'link set eth1 down'; echo 'link set eth1 up'; i=$((i+1)); done | ip -n mgmt -batch -";
    sandbox.sh(flaps).ok();
    is_again(&sandbox, "-n mgmt", &before);
    watch.is_quiet();
    let lines = watch.out().lines().count();
    assert!(lines < 400, "{lines} lines are a flood");
    // On a slow machine a check finds the link down twice in a row, and reports that
    let over = watch.out().contains("mgmt: matches its settings again");
    assert!(watch.err().is_empty() || over, "{}", watch.err());
    watch.ends();
}

/// While the watch is stopped, more events happen than the buffer holds, none of which matter;
/// then one that matters. The watch only learns that something was lost.
#[test]
fn what_there_was_no_room_to_tell_of_is_found() {
    let sandbox = sandbox(MGMT);
    let mut watch = watch(&sandbox);
    let lost = || {
        let sockets = sandbox.sh("ip netns exec mgmt cat /proc/net/netlink");
        let lines = sockets.ok().stdout;
        let drops = lines.lines().skip(1).filter_map(|line| {
            let drops = line.split_ascii_whitespace().nth(8)?;
            drops.parse::<u64>().ok()
        });
        drops.sum::<u64>()
    };
    assert_eq!(lost(), 0);
    watch.signal(Signal::SIGSTOP);
    let routes = "for i in $(seq 16); do for j in $(seq 250); do
        echo route add 10.$i.$j.0/24 via 192.0.2.1; done; done | ip -n mgmt -batch -";
    sandbox.sh(routes).ok();
    assert!(lost() > 0, "there was room for all of it");
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.signal(Signal::SIGCONT);
    watch.soon("the route is back", || has_default(&sandbox));
    watch.is_quiet();

    let sees = "while read -r file; do head -n 2 \"$file\" | tail -n 1; done";
    let mut service = sandbox.spawn(&[NETNS_EXEC, "mgmt", "sh", "-c", sees]);
    let mut is_own = || {
        service.say("/etc/resolv.conf\n");
        service.line() == "nameserver 192.0.2.53"
    };
    assert!(is_own());
    watch.signal(Signal::SIGSTOP);
    sandbox
        .sh("cd /etc && seq $(cat /proc/sys/fs/inotify/max_queued_events) | xargs touch && echo >new && mv new resolv.conf")
        .ok();
    assert!(!is_own());
    watch.signal(Signal::SIGCONT);
    watch.soon("the file is bound again", is_own);
    assert_eq!(watch.err(), "");
    watch.ends();
}

/// What the runtime writes to its own eventfd, as strace prints it.
const WAKES_ITSELF: &str = r#""\1\0\0\0\0\0\0\0""#;

#[test]
fn while_nothing_happens_nothing_is_done() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    // The watch repairs something first, so that whatever a repair leaves behind exists too
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.soon("it is kept", || has_default(&sandbox));
    watch.is_quiet();
    let pid = watch.pid();
    let calls = |seconds: u32, meanwhile: &str| {
        let mut strace = std::process::Command::new("sh");
        strace.args([
            "-c",
            &format!("timeout -s INT {seconds} strace -f -qq -o /dev/stdout -p {pid}"),
        ]);
        strace
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped());
        let child = strace.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        sandbox.sh(meanwhile).ok();
        let said = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let said = calls(5, ":");
    // strace prints the call that it waits in when it attaches and when it detaches
    assert!(
        said.lines().count() <= 2 && said.contains("ppoll"),
        "{said}"
    );
    // Another program's link on a busy host wakes it, only to read that and to give its code back
    let said = calls(
        3,
        "ip link add noise type veth peer name noise1; for i in 1 2 3 4; do ip link set noise up; ip link set noise down; done",
    );
    let (mut other, mut is_giving_back) = (Vec::new(), false);
    for line in said.lines() {
        let has = |call: &&str| line.contains(*call);
        is_giving_back |= line.contains("openat(") && line.contains("/proc/self/smaps");
        let reads = ["epoll_", "ppoll", "recvfrom(", "EAGAIN", WAKES_ITSELF];
        let gives = ["openat(", "statx(", "read(", "close(", "madvise(", "brk("];
        match is_giving_back {
            _ if reads.iter().any(has) => is_giving_back = false,
            true if gives.iter().any(has) => {}
            _ => other.push(line),
        }
    }
    assert_eq!(other, [""; 0], "{said}");
    assert_eq!(watch.err(), "");
}

/// What the process has in memory, in kB. Much of it is code. (Of what it shares, with other
/// watches of these tests, all counts.)
fn memory(pid: i32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.unwrap().trim().parse().unwrap()
}

/// Its parent has left an epoll instance open, in which nothing ever happens.
#[test]
fn it_waits_for_its_own_epoll_instance() {
    let sandbox = sandbox(MGMT);
    let leaves_open = "import os, select, sys\n\
        epoll = select.epoll()\n\
        os.set_inheritable(epoll.fileno(), True)\n\
        os.execv(sys.argv[1], sys.argv[1:])\n";
    sandbox.write("/run/parent.py", leaves_open);
    let mut watch = begin_by(&sandbox, &format!("python3 /run/parent.py {NETNS_SETUP}"));
    watch.soon("it is up", || has_default(&sandbox));
    std::thread::sleep(Duration::from_secs(3));
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.soon("it is repaired", || has_default(&sandbox));
    watch.ends();
}

#[test]
fn code_is_given_back_after_each_event() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    let mut idle = 0;
    watch.soon("it does nothing for two seconds", || {
        idle = memory(watch.pid());
        std::thread::sleep(Duration::from_secs(2));
        memory(watch.pid()) == idle
    });
    // This does not matter, but it is read
    let noise = "ip link add noise type veth peer name noise1; ip link set noise up";
    watch.soon("code was read again", || {
        sandbox.sh(noise);
        sandbox.sh("ip link del noise");
        memory(watch.pid()) > idle + 256
    });
    watch.soon("it is given back again", || {
        memory(watch.pid()) < idle + 128
    });
}
