//! The sandbox that Rust tests run in, a throw-away host: runs a command or a closure, and
//! returns the result. Nothing that only one test needs belongs here.
//!
//! ```no_run
//! mod common;
//! let sandbox = common::Sandbox::new();
//! sandbox.sh("ip netns add blue").ok();
//! sandbox.run(&[common::NETNS_EXEC, "blue", "true"]).code(0);
//! assert_eq!(sandbox.ip_json("-n blue link")[0]["ifname"], "lo");
//! ```
//!
//! A sandbox has network, mount, pid, uts and ipc namespaces of its own (`lo` is down, as
//! the kernel gives it), its own /proc, a /sys that shows its own links and keeps the
//! cgroups, an empty /run, and copies of /etc (without netns, netns-services' own files
//! and resolv.conf's symlink) and /var/lib in memory. All the rest is the machine's, and
//! read-only in its root file system, except for /tmp.
//! It ends when it is dropped, or when the test's process ends, however that ends; with
//! it all processes in it.

// Each test file uses a part of this, and a test may panic.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod run;
use run::ended;
pub use run::{Background, Run};

/// The path of the built netns-exec.
pub const NETNS_EXEC: &str = env!("CARGO_BIN_EXE_netns-exec");
/// The path of the built netns-setup.
pub const NETNS_SETUP: &str = env!("CARGO_BIN_EXE_netns-setup");

/// How long one command may take before it is ended and the test fails.
pub const LIMIT: Duration = Duration::from_secs(30);
/// The only PATH inside.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Run by the first process of the sandbox, which then stays until its input ends. The first
/// line that it prints is its own process id as the machine sees it, because /proc is still the
/// machine's; the second line means that everything is set up.
const FIRST: &str = r#"
    set -e
    read -r pid rest </proc/self/stat
    echo "$pid"
    mount -t proc proc /proc
    mount -t tmpfs -o mode=755 sandbox /run
    for folder in /etc /var/lib; do
        mkdir /run/new
        mount -t tmpfs -o mode=755 sandbox /run/new
        case $folder in
        /etc) cp -a /etc/. /run/new/ ;;
        /var/lib) mkdir /run/new/dpkg && mount --rbind /var/lib/dpkg /run/new/dpkg ;;
        esac
        mount --move /run/new "$folder"
        rmdir /run/new
    done
    rm -rf /etc/netns /etc/conf.d/netns* /etc/resolv.conf
    echo 'nameserver 192.0.2.53' >/etc/resolv.conf
    mkdir /run/cgroup
    mount --rbind /sys/fs/cgroup /run/cgroup
    mount -t sysfs sysfs /sys
    mount --move /run/cgroup /sys/fs/cgroup
    rmdir /run/cgroup
    mount --bind /tmp /tmp
    mount -o remount,bind,ro /
    rm -rf /run/mount
    echo >/etc/sandbox
    echo ready
    cat >/dev/null
    exit 0
"#;

/// A throw-away host. See the head of this file.
pub struct Sandbox {
    /// How long one command may take: [`LIMIT`], unless a test changes it.
    pub limit: Duration,
    first: Child,
    pid: i32,
    stays_while_open: Option<ChildStdin>,
    namespaces: Vec<OwnedFd>,
}

impl Sandbox {
    /// Create a sandbox. This needs root.
    #[track_caller]
    pub fn new() -> Sandbox {
        let mut first = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--uts", "--ipc"])
            .args(["--propagation", "private", "--fork", "--kill-child"])
            .args(["sh", "-c", FIRST])
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare (util-linux) must be installed");
        let stays_while_open = first.stdin.take();
        let mut said = BufReader::new(first.stdout.take().expect("it is a pipe")).lines();
        let mut line = || said.next().and_then(Result::ok).unwrap_or_default();
        let pid = line().parse().unwrap_or(0);
        if line() != "ready" {
            let _ = first.kill();
            let _ = first.wait();
            panic!("no sandbox could be made; are you root? What was said stands above");
        }
        let namespaces = ["net", "uts", "ipc", "pid", "mnt"].map(|kind| {
            File::open(format!("/proc/{pid}/ns/{kind}"))
                .expect("it lives")
                .into()
        });
        let sandbox = Sandbox {
            limit: LIMIT,
            first,
            pid,
            stays_while_open,
            namespaces: namespaces.into(),
        };
        // Joining a mount namespace leaves a chroot: tests would then work on the machine
        // itself.
        let joined = || std::path::Path::new("/etc/sandbox").exists();
        assert!(
            sandbox.inside(joined),
            "the sandbox cannot be joined from a chroot; run the tests in a root that was \
             entered by pivot_root"
        );
        sandbox
    }

    /// The sandbox's first process (process 1 inside), as the machine numbers it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns what `work` returns, run by a thread that is in the sandbox (except for the pid
    /// namespace, which only new processes are in, so /proc/self does not exist).
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            // A thread that shares its working directory with other threads may not change
            // mounts.
            unshare(CloneFlags::CLONE_FS).expect("unshare");
            for namespace in &self.namespaces {
                setns(namespace, CloneFlags::empty()).expect("setns");
            }
            work()
        };
        thread::scope(|scope| match scope.spawn(entered).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Runs a command in the sandbox, without input, in `/`, for at most its time limit.
    #[track_caller]
    pub fn run<S: AsRef<OsStr> + Sync>(&self, command: &[S]) -> Run {
        self.run_with(command, |_| ())
    }

    /// As [`Sandbox::run`]; `change` changes the command (its environment, its input) just
    /// before it starts.
    #[track_caller]
    pub fn run_with<S: AsRef<OsStr> + Sync>(
        &self,
        words: &[S],
        change: impl FnOnce(&mut Command) + Send,
    ) -> Run {
        let shown = shown(words);
        let mut stdout = tempfile::tempfile().expect("a temporary file");
        let mut stderr = tempfile::tempfile().expect("a temporary file");
        let mut command = command(words);
        command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().expect("dup"))
            .stderr(stderr.try_clone().expect("dup"));
        let child = self.inside(move || {
            change(&mut command);
            command.spawn()
        });
        let child = child.unwrap_or_else(|e| panic!("cannot run {shown}: {e}"));
        let status = ended_within(child, self.limit);
        let (stdout, stderr) = (text(&mut stdout), text(&mut stderr));
        match status {
            Some(status) => Run {
                command: shown,
                status,
                stdout,
                stderr,
            },
            None => panic!(
                "{shown}\nwas still running after {:?}\n{stdout}{stderr}",
                self.limit
            ),
        }
    }

    /// Runs a shell script in the sandbox.
    #[track_caller]
    pub fn sh(&self, script: &str) -> Run {
        self.run(&["sh", "-c", script])
    }

    /// Starts a command in the background of the sandbox.
    #[track_caller]
    pub fn spawn<S: AsRef<OsStr> + Sync>(&self, words: &[S]) -> Background {
        let mut command = command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = self.inside(move || command.spawn());
        let child = child.unwrap_or_else(|e| panic!("cannot run {}: {e}", shown(words)));
        Background { child }
    }

    /// What `ip -j ARGUMENTS` prints; the arguments are split at blanks.
    #[track_caller]
    pub fn ip_json(&self, arguments: &str) -> serde_json::Value {
        let mut words = vec!["ip", "-j"];
        words.extend(arguments.split_whitespace());
        let said = self.run(&words).ok().stdout;
        match said.trim() {
            "" => serde_json::Value::Array(Vec::new()),
            said => serde_json::from_str(said).expect("ip prints JSON"),
        }
    }

    /// Writes a file in the sandbox, and creates the directories above it.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) {
        self.inside(|| {
            let folder = std::path::Path::new(path).parent().expect("a path");
            std::fs::create_dir_all(folder).expect("create_dir_all");
            std::fs::write(path, text).unwrap_or_else(|e| panic!("{path}: {e}"));
        });
    }

    /// Marks a namespace as ready, as netns-setup does.
    #[track_caller]
    pub fn ready(&self, netns: &str) {
        let folder = format!("/run/netns-services/{netns}");
        self.sh(&format!(
            "mkdir -p {folder} && stat -c %d:%i:%.9Y /run/netns/{netns} >{folder}/new && \
             mv {folder}/new {folder}/ready"
        ))
        .ok();
    }

    /// Reads a file in the sandbox; empty if it does not exist.
    #[track_caller]
    pub fn read(&self, path: &str) -> Option<String> {
        self.inside(|| std::fs::read_to_string(path).ok())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stays_while_open.take());
        if !wait_until(Duration::from_secs(5), || ended(&mut self.first)) {
            let _ = self.first.kill();
            let _ = self.first.wait();
        }
    }
}

/// Whether `holds` became true before `limit` was over; it is called every 2 ms.
pub fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn command<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C");
    command
}

fn shown<S: AsRef<OsStr>>(words: &[S]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| word.as_ref().to_string_lossy())
        .collect();
    words.join(" ")
}

fn ended_within(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let pid = Pid::from_raw(child.id() as i32);
    let (tell, hear) = mpsc::channel();
    let waiting = thread::spawn(move || tell.send(child.wait()));
    let status = hear.recv_timeout(limit).ok().and_then(Result::ok);
    if status.is_none() {
        let _ = kill(pid, Signal::SIGKILL);
    }
    let _ = waiting.join();
    status
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().expect("rewind");
    file.read_to_end(&mut bytes).expect("read");
    String::from_utf8_lossy(&bytes).into_owned()
}
