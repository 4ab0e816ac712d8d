//! Waiting for a namespace. This is a separate file because it measures time.

#![allow(clippy::unwrap_used)]

mod common;

use common::{LIMIT, NETNS_EXEC, Sandbox, wait_until};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FOLDER: &str = "/run/netns-services/blue";

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Whether a process sleeps, according to the kernel.
fn sleeps(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/wchan"));
    stat.is_ok_and(|place| place.contains("sigtimedwait"))
}

#[test]
fn a_waiting_call_is_woken_within_10_ms_of_readiness() {
    let sandbox = Sandbox::new();
    let mut took = Vec::new();
    for round in 0..9 {
        // With a higher priority than everything else: the test measures how soon it is woken.
        let wait = [NETNS_EXEC, "--wait", "20", "blue", "date", "+%s%N"];
        let wait = [&["chrt", "--fifo", "1"], &wait[..]].concat();
        let mut waiting = sandbox.spawn(&wait);
        // It waits if nothing exists, if only the namespace exists, and if everything exists
        // except the mark that it is ready.
        assert!(wait_until(LIMIT, || sleeps(waiting.pid())));
        sandbox.sh("ip netns add blue").ok();
        sandbox.write(&format!("{FOLDER}/journal"), "");
        if round % 2 == 0 {
            assert!(wait_until(LIMIT, || sleeps(waiting.pid())));
        }
        // If another namespace has got the name meanwhile, netns-exec continues to wait.
        if round % 3 == 0 {
            sandbox.write(&format!("{FOLDER}/ready"), "4:5:6.7\n");
            assert!(wait_until(LIMIT, || sleeps(waiting.pid())));
        }
        let birth = sandbox.sh("stat -c %d:%i:%.9Y /run/netns/blue").ok().stdout;
        let ready = sandbox.inside(|| {
            std::fs::write(format!("{FOLDER}/new"), birth).unwrap();
            let before = now();
            std::fs::rename(format!("{FOLDER}/new"), format!("{FOLDER}/ready")).unwrap();
            before
        });
        let ran: u64 = waiting.line().parse().unwrap();
        took.push(Duration::from_nanos(ran).saturating_sub(ready));
        assert_eq!(waiting.ended(), Some(0));
        sandbox
            .sh(&format!("rm -r {FOLDER}; ip netns del blue"))
            .ok();
        if round == 4 {
            sandbox.sh("rmdir /run/netns-services").ok();
        }
    }
    // Not the median: a busy machine takes its time to start the command. A loop that sleeps
    // that long would hardly be this fast in a third of all cases.
    took.sort();
    assert!(took[took.len() / 3] < Duration::from_millis(10), "{took:?}");
}

#[test]
fn waiting_ends_and_says_what_is_missing() {
    let sandbox = Sandbox::new();
    let wait = [NETNS_EXEC, "--wait", "0.2", "blue", "echo", "ran"];
    let foreign = "netns-exec: blue is not ready after 0.2 s\n\
                   netns-exec: nothing has started it: rc-service netns.blue start, or on runit: sv up netns-blue\n";
    sandbox.run(&wait).code(111).stdout("").stderr(foreign);
    sandbox.sh("ip netns add blue").ok();
    sandbox.run(&wait).code(111).stdout("").stderr(foreign);
    sandbox.write(&format!("{FOLDER}/journal"), "");
    sandbox.run(&wait).code(111).stdout("").stderr(
        "netns-exec: blue is not ready after 0.2 s\n\
         netns-exec: to see what is missing, run netns-setup status blue\n",
    );
    sandbox.ready("blue");
    sandbox.run(&wait).ok().stdout("ran\n");
}
