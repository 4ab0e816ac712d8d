//! netns-exec with --pid, --path and --host, its other options, and wrong calls with
//! their complete messages.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};

use common::{NETNS_EXEC, Sandbox};

const TRY: &str = "netns-exec: expected netns-exec [OPTIONS] NAME [--] COMMAND [ARGUMENT...]; \
                   netns-exec --help says more\n";

fn host() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .sh("ip netns add blue; ip -n blue link add inside type ifb")
        .ok();
    sandbox.write("/etc/netns/blue/resolv.conf", "inside\n");
    sandbox
}

const LOOK: &str = "ls /sys/class/net; cat /etc/resolv.conf";

#[test]
fn a_process_and_a_file_lead_into_their_namespace() {
    let sandbox = host();
    let mut service = sandbox.spawn(&[
        "ip",
        "netns",
        "exec",
        "blue",
        "sh",
        "-c",
        "echo $$; read -r x",
    ]);
    let pid = service.line();
    let seen = "inside\nlo\nnameserver 192.0.2.53\n";
    let run =
        |options: [&str; 2]| sandbox.run(&[NETNS_EXEC, options[0], options[1], "sh", "-c", LOOK]);
    run(["--pid", &pid]).ok().stdout(seen);
    run(["--path", "/run/netns/blue"]).ok().stdout(seen);
    run(["--path", &format!("/proc/{pid}/ns/net")])
        .ok()
        .stdout(seen);
    run(["--pid", "x"]).code(100);
    run(["--pid", "4194305"]).code(111).stderr(
        "netns-exec: there is no process 4194305\n\
         netns-exec: expected the pid of a running process; ps lists them\n",
    );
    run(["--path", "/etc/resolv.conf"]).code(111).stderr(
        "netns-exec: /etc/resolv.conf is not a network namespace\n\
         netns-exec: expected the file of one, such as /run/netns/mgmt or /proc/812/ns/net\n",
    );
}

#[test]
fn host_is_the_way_out() {
    let sandbox = host();
    let net = sandbox
        .run(&["readlink", "/proc/1/ns/net", "/proc/1/ns/mnt"])
        .ok()
        .stdout;
    let out = format!(
        "cd /etc; {NETNS_EXEC} --host readlink /proc/self/ns/net /proc/self/ns/mnt /proc/self/cwd"
    );
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", &out])
        .ok()
        .stdout(&format!("{net}/etc\n"));
    let out = format!("{NETNS_EXEC} --host -- cat /etc/resolv.conf");
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", &out])
        .ok()
        .stdout("nameserver 192.0.2.53\n");
    // A directory that only the namespace has.
    let out =
        format!("mount -t tmpfs t /mnt; mkdir /mnt/own; cd /mnt/own; {NETNS_EXEC} --host pwd");
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", &out])
        .code(111)
        .stderr(
            "netns-exec: cannot stay in the working directory /mnt/own: No such file or directory\n\
         netns-exec: expected a directory that exists there as well; run cd / first\n",
        );
}

#[test]
fn host_with_net_only_leaves_the_mounts() {
    let sandbox = host();
    let net = sandbox.run(&["readlink", "/proc/1/ns/net"]).ok().stdout;
    let out = format!(
        "cd /sys/class; readlink /proc/self/ns/mnt
         {NETNS_EXEC} --host --net-only -- readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/cwd"
    );
    let told = sandbox.run(&[NETNS_EXEC, "blue", "sh", "-c", &out]).ok();
    let mounts = told.stdout.lines().next().unwrap().to_string();
    told.stdout(&format!("{mounts}\n{mounts}\n{net}/sys/class\n"));
}

/// What the login shell prints: its name, and where it is.
const WHERE: &str = "echo [$0] [$(readlink /proc/self/ns/net)] [$(cat /etc/resolv.conf)]; exit 7";

/// Types `words` at a terminal in the namespace blue or on the host, and then `WHERE`. Returns
/// the exit code and the output.
fn typed(sandbox: &Sandbox, inside: bool, shell: &str, words: &str) -> (i32, String) {
    let from = if inside { NETNS_EXEC } else { "env" };
    let name = if inside { "blue" } else { "" };
    let call = format!("{from} {name} env {shell} {NETNS_EXEC} {words}");
    let mut terminal = sandbox.spawn(&["script", "-qec", &call, "/dev/null"]);
    // Kept open: script(1) takes a second to notice the end of its input
    let mut keys = terminal.child.stdin.take().unwrap();
    writeln!(keys, "{WHERE}").unwrap();
    let mut read = String::new();
    let mut screen = terminal.child.stdout.take().unwrap();
    screen.read_to_string(&mut read).unwrap();
    (terminal.child.wait().unwrap().code().unwrap(), read)
}

#[test]
fn without_a_command_it_is_a_login_shell_for_who_sits_at_a_terminal() {
    let sandbox = host();
    let (pid, named) = ("--pid 1", "--path /run/netns/blue");
    let (blue, out) = (
        sandbox.sh("stat -Lc 'net:[%i]' /run/netns/blue").stdout,
        sandbox.run(&["readlink", "/proc/1/ns/net"]).stdout,
    );
    let (blue, out) = (blue.trim(), out.trim());
    let (inner, outer) = ("inside", "nameserver 192.0.2.53");
    for (inside, words, netns, resolv) in [
        (false, "blue", blue, inner),
        (false, "--env blue", blue, inner),
        (false, "--net-only blue", blue, outer),
        (false, named, blue, outer),
        (false, "--host", out, outer),
        (true, "blue", blue, inner),
        (true, "--host", out, outer),
        (true, "--host --net-only", out, inner),
        (true, pid, out, outer),
    ] {
        let (code, read) = typed(&sandbox, inside, "-u SHELL", words);
        let told = format!("[-sh] [{netns}] [{resolv}]");
        assert!(code == 7 && read.contains(&told), "{words}: {told}\n{read}");
        // A command in an empty variable
        for empty in ["--", "-- ''"] {
            let (code, read) = typed(&sandbox, inside, "-u SHELL", &format!("{words} {empty}"));
            let (expected, said) = match empty {
                "--" => (100, "no command is given"),
                _ => (127, "cannot run : it is in no directory of PATH"),
            };
            assert!(
                code == expected && read.contains(said),
                "{words} {empty}\n{read}"
            );
        }
        let words: Vec<&str> = [NETNS_EXEC].into_iter().chain(words.split(' ')).collect();
        let run = sandbox.run(&words).code(100).stdout("");
        run.stderr(&format!("netns-exec: no command is given\n{TRY}"));
    }
    for (shell, words, expected, said) in [
        ("SHELL=", "blue", 7, "[-sh]"),
        ("SHELL=sh", "blue", 7, "[-sh]"),
        ("SHELL=/bin/bash", "blue", 7, "[-bash]"),
        ("SHELL=/no/shell", "blue", 127, "cannot run /no/shell: "),
        ("-u SHELL", "-- blue", 100, "no command is given"),
        ("-u SHELL", "--wait 0 red", 111, "red is not ready"),
    ] {
        let (code, read) = typed(&sandbox, false, shell, words);
        assert!(
            code == expected && read.contains(said),
            "{shell} {words}\n{read}"
        );
    }
}

#[test]
fn net_only_leaves_all_mounts_as_they_are() {
    let sandbox = host();
    let mounts = "readlink /proc/self/ns/mnt; cat /etc/resolv.conf; ip -br link | cut -d ' ' -f 1";
    let host = sandbox.run(&["readlink", "/proc/self/ns/mnt"]).ok().stdout;
    sandbox
        .run(&[NETNS_EXEC, "--net-only", "blue", "sh", "-c", mounts])
        .ok()
        .stdout(&format!("{host}nameserver 192.0.2.53\nlo\ninside\n"));
}

#[test]
fn env_tells_the_name_and_nothing_does_so_unasked() {
    let sandbox = host();
    let says = "echo ${NETNS_NAME-unset}";
    sandbox
        .run(&[NETNS_EXEC, "--env", "blue", "--", "sh", "-c", says])
        .ok()
        .stdout("blue\n");
    sandbox
        .run(&[NETNS_EXEC, "blue", "--", "sh", "-c", says])
        .ok()
        .stdout("unset\n");
}

#[test]
fn options_end_at_the_name_wherever_a_dash_dash_stands() {
    let sandbox = host();
    for words in [
        vec!["--env", "blue", "echo", "--help", "--", "-V"],
        vec!["--env", "blue", "--", "echo", "--help", "--", "-V"],
        vec!["--env", "--", "blue", "echo", "--help", "--", "-V"],
        vec!["--env", "--", "blue", "--", "echo", "--help", "--", "-V"],
        vec!["--", "blue", "--", "echo", "--help", "--", "-V"],
        vec!["--path=/run/netns/blue", "echo", "--help", "--", "-V"],
        vec!["--path=/run/netns/blue", "--", "echo", "--help", "--", "-V"],
    ] {
        let words = [vec![NETNS_EXEC], words].concat();
        sandbox.run(&words).ok().stdout("--help -- -V\n");
    }
}

#[test]
fn wrong_calls_say_what_was_expected() {
    let sandbox = host();
    for (words, said) in [
        (vec![], "netns-exec: no namespace is named\n"),
        (vec!["blue"], "netns-exec: no command is given\n"),
        (vec!["blue", "--"], "netns-exec: no command is given\n"),
        (vec!["--host"], "netns-exec: no command is given\n"),
        (vec!["--env"], "netns-exec: no namespace is named\n"),
        (
            vec!["--heal", "blue", "true"],
            "netns-exec: the argument '--heal <NAME>' cannot be used with one or more of the other specified arguments\n",
        ),
        (
            vec!["--host", "--pid", "1", "true"],
            "netns-exec: the argument '--host' cannot be used with '--pid <PID>'\n",
        ),
    ] {
        let words = [vec![NETNS_EXEC], words].concat();
        sandbox
            .run(&words)
            .code(100)
            .stdout("")
            .stderr(&format!("{said}{TRY}"));
    }
    for (words, said) in [
        (
            vec!["--hots", "true"],
            "netns-exec: unexpected argument '--hots' found\nnetns-exec: did you mean --host? netns-exec --help says more\n",
        ),
        (
            vec!["--wait", "soon", "blue", "true"],
            "netns-exec: --wait \"soon\" is not a number of seconds\nnetns-exec: expected 0 to 1000000, such as --wait 10 or --wait 0.5\n",
        ),
        (
            vec!["a\nb", "true"],
            "netns-exec: \"a\\nb\" is not a name for a namespace: there is a control character in it\nnetns-exec: expected the name of an entry of /run/netns, such as mgmt\n",
        ),
        (
            vec!["/run/netns/blue", "true"],
            "netns-exec: \"/run/netns/blue\" is not a name for a namespace: there is a / in it; --path takes the path of a namespace\nnetns-exec: expected the name of an entry of /run/netns, such as mgmt\n",
        ),
    ] {
        let words = [vec![NETNS_EXEC], words].concat();
        sandbox.run(&words).code(100).stdout("").stderr(said);
    }
}

#[test]
fn help_and_version_are_told() {
    let sandbox = host();
    let version = format!("netns-exec {}\n", env!("CARGO_PKG_VERSION"));
    sandbox.run(&[NETNS_EXEC, "-V"]).ok().stdout(&version);
    for option in ["-h", "--help"] {
        let help = sandbox.run(&[NETNS_EXEC, option]).ok().stdout;
        for word in [
            "--pid",
            "--path",
            "--host",
            "--net-only",
            "--vrf",
            "--env",
            "--wait",
            "--heal",
        ] {
            assert!(help.contains(word), "{word}\n{help}");
            let page = include_str!("../man/netns-exec.8");
            assert!(page.contains(&format!("\n.It Fl {}", &word[1..])), "{word}");
            let shells = [
                include_str!("../completions/netns-exec.bash"),
                include_str!("../completions/_netns-exec"),
            ];
            assert!(shells.iter().all(|shell| shell.contains(word)), "{word}");
            let fish = include_str!("../completions/netns-exec.fish");
            assert!(fish.contains(&format!(" -l {} ", &word[2..])), "{word}");
        }
    }
}

#[test]
fn it_refuses_to_be_setuid() {
    let sandbox = host();
    sandbox
        .sh(&format!("cp {NETNS_EXEC} /run/suid; chmod 4755 /run/suid"))
        .ok();
    let user = "setpriv --reuid 65534 --regid 65534 --clear-groups /run/suid blue id -u";
    sandbox.sh(user).code(100).stdout("").stderr(
        "netns-exec: it is installed setuid, or with file capabilities, and does not run that way\n\
         netns-exec: let doas or sudo run it; chmod u-s it, or setcap -r\n",
    );
}

#[test]
fn without_the_rights_nothing_runs() {
    let sandbox = host();
    let user =
        format!("setpriv --reuid 65534 --regid 65534 --clear-groups {NETNS_EXEC} blue echo ran");
    sandbox
        .sh(&format!(
            "cp {NETNS_EXEC} /run/exec; {}",
            user.replace(NETNS_EXEC, "/run/exec")
        ))
        .code(111)
        .stdout("")
        .stderr(
            "netns-exec: cannot join blue: Operation not permitted\n\
             netns-exec: run it as root; in a container, the container needs CAP_SYS_ADMIN\n",
        );
}

/// A supervisor that runs as a user, and starts its daemon again each time by netns-exec.
#[test]
fn a_user_inside_stays_there_whatever_proc_hides() {
    let sandbox = host();
    sandbox
        .sh(&format!(
            "cp {NETNS_EXEC} /run/exec; mount -o remount,hidepid=0 /proc"
        ))
        .ok();
    let user = "setpriv --reuid 65534 --regid 65534 --clear-groups /run/exec blue";
    let expected = sandbox.sh("stat -L -c 'net:[%i]' /run/netns/blue").ok();
    for hidden in [0, 1, 2, 4] {
        sandbox
            .sh(&format!("mount -o remount,hidepid={hidden} /proc"))
            .ok();
        sandbox
            .sh(&format!(
                "{NETNS_EXEC} blue {user} readlink /proc/self/ns/net"
            ))
            .ok()
            .stdout(&expected.stdout);
        let run = sandbox.sh(&format!("{user} echo ran")).code(111).stdout("");
        assert!(run.stderr.contains("cannot join blue: "), "{run}");
    }
}

#[test]
fn a_vrf_that_is_not_there_or_is_none_is_refused() {
    let sandbox = host();
    let run = |vrf| {
        sandbox
            .run(&[NETNS_EXEC, "--vrf", vrf, "blue", "echo", "ran"])
            .code(111)
            .stdout("")
    };
    let remedy = "netns-exec: expected a VRF of this namespace; ip vrf lists those of the namespace it runs in\n";
    run("red").stderr(&format!(
        "netns-exec: blue: the VRF red does not exist\n{remedy}"
    ));
    run("inside").stderr(&format!(
        "netns-exec: blue: the VRF inside is no VRF\n{remedy}"
    ));
}

#[test]
fn what_a_container_mounts_below_sys_devices_stays() {
    let sandbox = host();
    sandbox.sh("mount -t tmpfs lxcfs /sys/devices/system/cpu; echo 0-1 >/sys/devices/system/cpu/online").ok();
    let reads = "cat /sys/devices/system/cpu/online; ls /sys/class/net";
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", reads])
        .ok()
        .stdout("0-1\ninside\nlo\n");
    // The same from inside another namespace.
    sandbox.sh("ip netns add red").ok();
    sandbox
        .run(&[NETNS_EXEC, "blue", NETNS_EXEC, "red", "sh", "-c", reads])
        .ok()
        .stdout("0-1\nlo\n");
}
