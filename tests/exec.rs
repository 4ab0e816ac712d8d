//! The contract of netns-exec, as one table. Each row is a script that runs once with
//! netns-exec as `$EXEC` and once with `ip netns exec`. Where the results differ, the row
//! gives the reason. The other tests/exec_* have what ip(8) cannot do.

#![allow(clippy::unwrap_used)]

mod common;

use common::{NETNS_EXEC, Run, Sandbox};

/// What a script must print, with `!` and the exit code at the end.
struct Row {
    /// What holds, as a sentence.
    that: &'static str,
    script: &'static str,
    prints: &'static str,
    ip: Ip,
}

enum Ip {
    /// ip(8) does the same.
    Same,
    /// ip(8) prints this; and the reason why ours is right.
    Differs(&'static str, &'static str),
}
use Ip::{Differs, Same};

const TABLE: &[Row] = &[
    Row {
        that: "the command is in the namespace",
        script: "$EXEC blue ip -br link | cut -d ' ' -f 1",
        prints: "lo\ninside\n!0",
        ip: Same,
    },
    Row {
        that: "it is the same process, with the same parent",
        script: "sh -c 'echo $$ $PPID >/run/before; exec $EXEC blue sh -c \"echo \\$\\$ \\$PPID\"' >/run/after
            cmp /run/before /run/after",
        prints: "!0",
        ip: Same,
    },
    Row {
        that: "its words are as they were written, the first too",
        script: "$EXEC blue sh -c 'tr \"\\0\" \"|\" </proc/$$/cmdline; :' '' 'b  c' '*'",
        prints: "sh|-c|tr \"\\0\" \"|\" </proc/$$/cmdline; :||b  c|*|!0",
        ip: Same,
    },
    Row {
        that: "options behind the name are the command's",
        script: "$EXEC blue echo --help -V --env -- -n",
        prints: "--help -V --env -- -n\n!0",
        ip: Same,
    },
    Row {
        that: "a -- before the command is not part of it",
        script: "$EXEC blue -- echo said 2>&1",
        prints: "said\n!0",
        ip: Differs(
            "exec of \"--\" failed: No such file or directory\n!1",
            "every chain-loading program allows it, and so a script need not know the command",
        ),
    },
    Row {
        that: "the environment is as it was",
        script: "env -i A=1 'B= 2' PATH=\"$PATH\" $EXEC blue env | grep -v ^PATH=",
        prints: "A=1\nB= 2\n!0",
        ip: Same,
    },
    Row {
        that: "the working folder is as it was",
        script: "cd /usr/bin && $EXEC blue pwd -P",
        prints: "/usr/bin\n!0",
        ip: Same,
    },
    Row {
        that: "a working folder that is mounted over is the new one",
        script: "cd /sys/class/net && $EXEC blue sh -c 'ls -d inside; cat inside/mtu'",
        prints: "inside\n1500\n!0",
        ip: Differs(
            "!1",
            "it leaves the process in the host's folder, where it sees the host's links",
        ),
    },
    Row {
        that: "umask and limits are as they were",
        script: "umask 027; ulimit -n 77; ulimit -c 0; $EXEC blue sh -c 'umask; ulimit -n; ulimit -c'",
        prints: "0027\n77\n0\n!0",
        ip: Same,
    },
    Row {
        that: "signals are as they came, SIGPIPE too",
        script: "grep ^Sig /proc/self/status | grep -v SigQ >/run/one
            $EXEC blue grep ^Sig /proc/self/status | grep -v SigQ | cmp - /run/one && echo default
            trap '' PIPE HUP USR1
            grep ^Sig /proc/self/status | grep -v SigQ >/run/two
            $EXEC blue grep ^Sig /proc/self/status | grep -v SigQ | cmp - /run/two && echo ignored
            cmp -s /run/one /run/two || echo told apart",
        prints: "default\nignored\ntold apart\n!0",
        ip: Same,
    },
    Row {
        that: "open descriptors stay, and none is added",
        script: "exec 5</dev/null 9>/dev/null; ls -l /proc/self/fd/ | awk '{ print $9 }' >/run/without
            $EXEC blue ls -l /proc/self/fd/ | awk '{ print $9 }' | cmp - /run/without && grep 9 /run/without",
        prints: "9\n!0",
        ip: Same,
    },
    Row {
        that: "closed descriptors stay closed",
        script: "$EXEC blue sh -c '[ -e /proc/$$/fd/0 ] || echo closed; [ -e /proc/$$/fd/2 ] || echo closed' <&- 2>&-",
        prints: "closed\nclosed\n!0",
        ip: Same,
    },
    Row {
        that: "the exit code is the command's",
        script: "$EXEC blue sh -c 'exit 42'",
        prints: "!42",
        ip: Same,
    },
    Row {
        that: "the signal that ends it is the command's",
        script: "$EXEC blue sh -c 'kill -KILL $$'",
        prints: "!137",
        ip: Same,
    },
    Row {
        that: "no command at all is a wrong call",
        script: "$EXEC blue 2>/dev/null",
        prints: "!100",
        ip: Differs("!1", "100 tells a supervisor that trying again will not help"),
    },
    Row {
        that: "no name at all is a wrong call",
        script: "$EXEC 2>/dev/null",
        prints: "!100",
        ip: Differs("!1", "as above"),
    },
    Row {
        that: "a command that cannot be run is told from one that is not there",
        script: "touch /run/plain; $EXEC blue /run/plain 2>/dev/null; echo $?
            $EXEC blue no-such-command 2>/dev/null; echo $?
            $EXEC blue '' 2>/dev/null; echo $?
            $EXEC blue /run/plain/below 2>/dev/null",
        prints: "126\n127\n127\n!126",
        ip: Differs("1\n1\n1\n!1", "1 could be the command's own"),
    },
    Row {
        that: "a script without #! is one for sh",
        script: "echo 'echo $0 $*' >/run/script; chmod +x /run/script; PATH=/run:$PATH; $EXEC blue script a b",
        prints: "/run/script a b\n!0",
        ip: Same,
    },
    Row {
        that: "the first command in PATH that can be run is run",
        script: "mkdir -p /run/a /run/b; touch /run/a/tool; printf '#!/bin/sh\\necho b' >/run/b/tool
            chmod +x /run/b/tool; PATH=/run/none:/run/a:/run/b:$PATH; $EXEC blue tool",
        prints: "b\n!0",
        ip: Same,
    },
    Row {
        that: "a namespace that is not there is refused",
        script: "$EXEC red echo ran 2>/dev/null",
        prints: "!111",
        ip: Differs("!255", "111 tells a supervisor that trying again may help"),
    },
    Row {
        that: "a namespace that is there and not whole is refused",
        script: "mkdir -p /run/netns-services/blue; $EXEC blue echo ran 2>/dev/null; code=$?
            rmdir /run/netns-services/blue; exit $code",
        prints: "!111",
        ip: Differs("ran\n!0", "a daemon would start without its routes or its firewall"),
    },
    Row {
        that: "a plain file in the folder of namespaces is refused",
        script: "touch /run/netns/plain; $EXEC plain echo ran 2>/dev/null",
        prints: "!111",
        ip: Differs("!255", "as above"),
    },
    Row {
        that: "a namespace of another kind is refused",
        script: "touch /run/netns/uts; mount --bind /proc/self/ns/uts /run/netns/uts; $EXEC uts echo ran 2>/dev/null",
        prints: "!111",
        ip: Differs("!255", "as above"),
    },
    Row {
        that: "a symlink out of the folder is refused",
        script: "ln -sf /proc/1/ns/net /run/netns/out; $EXEC out echo ran 2>/dev/null",
        prints: "!111",
        ip: Differs("ran\n!0", "a number may be another process's by now, here it is the host's"),
    },
    Row {
        that: "a symlink to another name is followed",
        script: "ln -sf blue /run/netns/alias; $EXEC alias cat /sys/class/net/inside/mtu",
        prints: "1500\n!0",
        ip: Same,
    },
    Row {
        that: "a name that is a path is refused",
        script: "for name in ../netns/blue a/b . .. ''; do $EXEC \"$name\" echo ran 2>/dev/null; echo $?; done",
        prints: "100\n100\n100\n100\n100\n!0",
        ip: Differs("255\n255\n255\n255\n255\n!0", "the same with its own exit code"),
    },
    Row {
        that: "a name that is an option is refused",
        script: "$EXEC -blue echo ran 2>/dev/null; echo $?; $EXEC -- -blue echo ran 2>/dev/null",
        prints: "100\n!100",
        ip: Differs("255\n!255", "as above"),
    },
    Row {
        that: "a name with a newline is refused",
        script: "ip netns add \"$(printf 'a\\nb')\"; $EXEC \"$(printf 'a\\nb')\" echo ran 2>/dev/null",
        prints: "!100",
        ip: Differs("ran\n!0", "it would forge lines in logs"),
    },
    Row {
        that: "a name that netns-setup would not give is joined",
        script: "ip netns add a.b; $EXEC a.b echo ran",
        prints: "ran\n!0",
        ip: Same,
    },
    Row {
        that: "/sys shows the namespace's links",
        script: "$EXEC blue sh -c 'ls /sys/class/net /sys/devices/virtual/net'",
        prints: "/sys/class/net:\ninside\nlo\n\n/sys/devices/virtual/net:\ninside\nlo\n!0",
        ip: Same,
    },
    Row {
        that: "what is mounted below /sys stays",
        script: "mount -t tmpfs below /sys/fs/pstore; mkdir /sys/fs/pstore/kept
            ls /sys/fs/cgroup >/run/groups
            $EXEC blue sh -c 'ls /sys/fs/pstore; ls /sys/fs/cgroup | cmp - /run/groups && echo groups'
            umount /sys/fs/pstore",
        prints: "kept\ngroups\n!0",
        ip: Differs(
            "!0",
            "without its cgroup a service cannot be found by its init, nor limit itself",
        ),
    },
    Row {
        that: "a read-only /sys stays so",
        script: "mount -o remount,bind,ro,nosuid /sys; $EXEC blue sh -c \
            'for at in class devices; do awk -v at=/sys/$at \"\\$5 == at { now = \\$6 } END { print now }\" /proc/self/mountinfo; done'
            mount -o remount,bind,rw /sys",
        prints: "ro,nosuid,relatime\nro,nosuid,relatime\n!0",
        ip: Differs(
            "\n\n!0",
            "only in where it is mounted; it does keep ro",
        ),
    },
    Row {
        that: "files and folders of /etc/netns/NAME stand in for those of /etc",
        script: "mkdir -p /etc/netns/blue/ssl /etc/ssl; echo inner >/etc/netns/blue/ssl/f; echo host >/etc/ssl/f
            echo 'nameserver 192.0.2.1' >/etc/netns/blue/resolv.conf
            $EXEC blue cat /etc/resolv.conf /etc/ssl/f; cat /etc/resolv.conf /etc/ssl/f",
        prints: "nameserver 192.0.2.1\ninner\nnameserver 192.0.2.53\nhost\n!0",
        ip: Same,
    },
    Row {
        that: "they are read-only",
        script: "mkdir -p /etc/netns/blue; echo first >/etc/netns/blue/resolv.conf
            $EXEC blue sh -c 'echo second >>/etc/resolv.conf' 2>/dev/null; cat /etc/netns/blue/resolv.conf",
        prints: "first\n!0",
        ip: Differs("first\nsecond\n!0", "what runs inside would change what is for all"),
    },
    Row {
        that: "what netns-setup alone reads is not bound",
        script: "mkdir -p /etc/netns/blue; touch /etc/netns/blue/nftables.nft /etc/nftables.nft
            $EXEC blue grep -c ' /etc/nftables.nft ' /proc/self/mountinfo",
        prints: "0\n!1",
        ip: Differs("1\n!0", "those are rules for the namespace, not a file for programs"),
    },
    Row {
        that: "a bind that cannot be made ends the call",
        script: "mkdir -p /etc/netns/blue /etc/hosts.d; touch /etc/netns/blue/hosts.d
            $EXEC blue echo ran 2>/dev/null",
        prints: "!111",
        ip: Differs("ran\n!0", "with the host's files in the namespace"),
    },
    Row {
        that: "an entry without a twin is passed over",
        script: "mkdir -p /etc/netns/blue; echo x >/etc/netns/blue/nobody-has-this
            $EXEC blue sh -c 'cat /etc/nobody-has-this || echo none' 2>/dev/null; ls /etc/nobody-has-this 2>/dev/null",
        prints: "none\n!2",
        ip: Same,
    },
    Row {
        that: "a resolv.conf that is missing on the host is there inside",
        script: "mkdir -p /etc/netns/blue; echo inner >/etc/netns/blue/resolv.conf; rm /etc/resolv.conf
            $EXEC blue cat /etc/resolv.conf 2>/dev/null; ls /etc/resolv.conf 2>/dev/null",
        prints: "inner\n!2",
        ip: Differs("!2", "a libc without resolv.conf asks the nameserver of 127.0.0.1"),
    },
    Row {
        that: "a resolv.conf that is a dangling symlink on the host is there inside",
        script: "mkdir -p /etc/netns/blue; echo inner >/etc/netns/blue/resolv.conf
            ln -sf /run/nowhere /etc/resolv.conf; $EXEC blue cat /etc/resolv.conf 2>/dev/null",
        prints: "inner\n!0",
        ip: Differs("!1", "as above"),
    },
    Row {
        that: "what the host mounts later arrives inside, and nothing gets out",
        script: "mount --make-rshared /; mkfifo /run/in /run/out
            $EXEC blue sh -c 'mount -t tmpfs inner /media; echo >/run/out; read go </run/in
                grep -c \" /mnt \" /proc/self/mountinfo' & read went </run/out
            mount -t tmpfs outer /mnt; echo >/run/in; wait; grep -c ' /media ' /proc/self/mountinfo; umount /mnt",
        prints: "1\n0\n!0",
        ip: Same,
    },
    Row {
        that: "inside the namespace, nothing is mounted a second time",
        script: "$EXEC blue sh -c 'readlink /proc/self/ns/mnt; $EXEC blue readlink /proc/self/ns/mnt' | uniq | wc -l",
        prints: "1\n!0",
        ip: Differs("2\n!0", "a chain of wrappers would stack mounts"),
    },
    Row {
        that: "from inside another namespace, nothing of that one is seen",
        script: "ip netns add red; mkdir -p /etc/netns/blue; echo blue >/etc/netns/blue/resolv.conf
            $EXEC blue $EXEC red sh -c 'ls /sys/class/net; cat /etc/resolv.conf
                grep -c -e netns/blue/ -e exec:blue /proc/self/mountinfo'",
        prints: "lo\nnameserver 192.0.2.53\n0\n!1",
        ip: Differs("lo\nblue\n1\n!0", "red would ask blue's nameserver"),
    },
];

fn host() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .sh("ip netns add blue; ip -n blue link add inside type ifb")
        .ok();
    sandbox
}

fn result_of(row: &Row, exec: &str) -> (String, Run) {
    let sandbox = host();
    let script = format!("PATH=/run/bin:$PATH; {}", row.script);
    let target = std::path::Path::new(NETNS_EXEC).parent().unwrap();
    sandbox.run(&["mkdir", "/run/bin"]).ok();
    sandbox
        .run(&[
            "ln",
            "-s",
            &format!("{}/netns-exec", target.display()),
            "/run/bin/",
        ])
        .ok();
    let run = sandbox.run_with(&["sh", "-c", &script], |command| {
        command.env("EXEC", exec);
    });
    (format!("{}!{}", run.stdout, run.exit_code()), run)
}

#[test]
fn the_contract_holds_and_differs_from_ip_netns_exec_where_it_says_so() {
    let (one, other) = TABLE.split_at(TABLE.len() / 2);
    let wrong = std::thread::scope(|scope| {
        let one = scope.spawn(|| one.iter().flat_map(faults).collect::<Vec<_>>());
        let other: Vec<_> = other.iter().flat_map(faults).collect();
        [one.join().unwrap(), other].concat()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn faults(row: &Row) -> Vec<String> {
    let of_ip = match row.ip {
        Same => row.prints,
        Differs(of_ip, _) => of_ip,
    };
    let runs = [("netns-exec", row.prints), ("ip netns exec", of_ip)];
    let faults = runs.map(|(exec, prints)| {
        let (got, run) = result_of(row, exec);
        let that = row.that;
        let told = format!("{that}: {exec}\nexpected {prints:?}\ngot      {got:?}\n{run}\n");
        (got != prints).then_some(told)
    });
    faults.into_iter().flatten().collect()
}

#[test]
fn each_difference_from_ip_netns_exec_has_its_reason() {
    for row in TABLE {
        if let Differs(of_ip, why) = row.ip {
            assert!(of_ip != row.prints && !why.is_empty(), "{}", row.that);
        }
    }
}
