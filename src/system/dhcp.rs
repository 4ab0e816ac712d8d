//! DHCP clients: programs of the system that keep running in the namespace and maintain the address
//! of a link. All of them use the same hook, a script of this project that stores what the network
//! sends.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::program::{PATH, is_installed};
use super::resolv_conf;
use super::spawn::unheld;
use super::thread::in_netns;
use crate::model::dhcp::{DhcpClient, Program};
use crate::name::{LinkName, NetnsName};
use crate::os_error::OsError;
use crate::{exec, state_dir};

/// Where dhcpcd has its pid files and sockets. They are named after links, so two namespaces with
/// an `eth0` each would use the same files.
const DHCPCD_RUN: &str = "/run/dhcpcd";

/// The DHCP option that identifies a client (RFC 2132).
const CLIENT_ID: &str = "0x3d";

/// How long to wait for a lease. After that, the client continues in the background.
const LEASE: Duration = Duration::from_secs(3);

/// How long a client may take to release its lease and end.
const GRACE: Duration = Duration::from_secs(3);

/// The interval for checking what only a file shows.
const LOOK: Duration = Duration::from_millis(20);

/// The DHCP client that is installed on this machine. The preferred one if there are several.
pub fn installed() -> Option<Program> {
    let is_there = |program: &Program| is_installed(program.word());
    Program::ALL.into_iter().find(is_there)
}

/// Start a client, and wait up to 3 seconds for its lease. A missing lease is no error.
pub(crate) fn start(inside: &File, netns: &NetnsName, client: &DhcpClient) -> Result<(), OsError> {
    resolv_conf::make_for_dhcp(netns, client.run.resolv_conf)?;
    let hook = hook()?;
    // The program runs in the mount namespace of this thread
    let started = in_netns(inside, || {
        if client.run.program == Program::Dhcpcd {
            own_run(netns)?;
        }
        unheld(&mut command(netns, client, &hook)).status()
    });
    let status = started.map_err(|errno| OsError {
        message: (errno.kind() == ErrorKind::NotFound)
            .then(|| "there is no DHCP client; install dhcpcd, or busybox with its udhcpc".into()),
        errno,
    })?;
    if !status.success() {
        return Err(OsError {
            errno: io::Error::from(ErrorKind::Other),
            message: Some(format!(
                "{} ended with {status}; the system log may say why",
                client.run.program.word()
            )),
        });
    }
    // In the background, the client has another process id, which it writes to a file when it is
    // ready. udhcpc has waited for its lease before that
    let known = || process(netns, client).is_some();
    let leased = || client.run.program == Program::Udhcpc || has_lease(netns, &client.link);
    wait(LEASE, || known() && leased());
    if known() {
        Ok(())
    } else {
        Err(OsError {
            errno: io::Error::from(ErrorKind::Other),
            message: Some(format!(
                "{} did not keep running; the system log may say why",
                client.run.program.word()
            )),
        })
    }
}

/// End a client, which releases its lease first. A client that has ended already is no error.
pub(crate) fn stop(netns: &NetnsName, client: &DhcpClient) -> Result<(), OsError> {
    if let Some(pid) = process(netns, client) {
        // An error is ignored, because the client may have ended by now
        let signal = format!("SIG{}", client.run.program.ends_by()).parse();
        let _ = kill(pid, signal.unwrap_or(Signal::SIGTERM));
        wait(GRACE, || process(netns, client).is_none());
        if process(netns, client).is_some() {
            kill(pid, Signal::SIGKILL).map_err(io::Error::from)?;
        }
    }
    let folder = folder(netns);
    let lease = lease(netns, &client.link);
    let mut gone = vec![
        fs::remove_file(client.pid_file(netns)),
        fs::remove_file(&lease),
        fs::remove_file(lease.with_extension("lease.kept")),
        fs::remove_file(lease.with_extension("lease.new")),
    ];
    // These belong to all clients of the namespace, and stay as long as another client has a pid
    // file
    if !has_pid_file(&folder) && !has_pid_file(&folder.join("dhcpcd")) {
        gone.push(resolv_conf::remove_of_dhcp(netns));
        gone.push(fs::remove_dir_all(folder.join("dhcpcd")));
    }
    for result in gone {
        match result {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the client of this link has a valid lease.
pub fn has_lease(netns: &NetnsName, link: &LinkName) -> bool {
    lease(netns, link).exists()
}

/// The address of the link's valid lease.
pub fn leased(netns: &NetnsName, link: &LinkName) -> Option<IpNet> {
    let text = fs::read_to_string(lease(netns, link)).ok()?;
    let leased = text.lines().find_map(|line| line.strip_prefix("leased "))?;
    leased.parse().ok()
}

/// The process id of a client that runs in the namespace.
pub fn process(netns: &NetnsName, client: &DhcpClient) -> Option<Pid> {
    let text = fs::read_to_string(client.pid_file(netns)).ok()?;
    let pid: i32 = text.trim().parse().ok()?;
    let inside = super::netns::identity(netns.as_str()).ok()??;
    let there = fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
    (inside == (there.dev(), there.ino())).then(|| Pid::from_raw(pid))
}

fn command(netns: &NetnsName, client: &DhcpClient, hook: &Path) -> Command {
    let link = client.link.as_str();
    let metric = client.run.metric.to_string();
    let mut command = Command::new(client.run.program.word());
    let wishes = &client.run.wishes;
    let omitted = [(wishes.no_gateway, "gateway"), (wishes.no_dns, "dns")];
    let omitted = omitted
        .iter()
        .filter(|(said, _)| *said)
        .map(|(_, word)| *word);
    let omitted = omitted.collect::<Vec<_>>().join(" ");
    let env = [
        ("NETNS_NAME", netns.as_str()),
        (
            "NETNS_DNS",
            if client.run.resolv_conf { "yes" } else { "no" },
        ),
        ("NETNS_METRIC", &metric),
        ("NETNS_OMIT", &omitted),
    ];
    match client.run.program {
        Program::Udhcpc => {
            // Three tries of a second each, then in the background. -R releases the lease at the
            // end
            command.args([
                "-b", "-R", "-S", "-t", "3", "-T", "1", "-A", "10", "-i", link,
            ]);
            command.arg("-p").arg(client.pid_file(netns));
            command.arg("-s").arg(hook);
            if let Some(name) = &wishes.hostname {
                command.arg("-x").arg(format!("hostname:{}", name.as_str()));
            }
            if let Some(id) = &wishes.client_id {
                command.args(["-C", "-x", &format!("{CLIENT_ID}:{}", id.separated(""))]);
            }
        }
        Program::Dhcpcd => {
            command.args(["-4", "-b", "-q", "--noipv4ll", "-m", &metric]);
            command.args(["-f", "/dev/null", "-c"]);
            command.arg(hook);
            for (name, value) in env {
                command.arg("-e").arg(format!("{name}={value}"));
            }
            for option in [
                "routers",
                "classless_static_routes",
                "domain_name_servers",
                "domain_name",
                "domain_search",
            ] {
                command.args(["-o", option]);
            }
            if wishes.no_gateway {
                command.arg("-G");
            }
            if let Some(name) = &wishes.hostname {
                command.args(["-h", name.as_str()]);
            }
            if let Some(id) = &wishes.client_id {
                command.args(["-I", &id.separated(":")]);
            }
            command.arg(link);
        }
    }
    command
        .env_clear()
        .env("PATH", PATH)
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/");
    command
}

/// Give this thread a directory of the namespace in place of dhcpcd's, in a new mount namespace.
fn own_run(netns: &NetnsName) -> io::Result<()> {
    let own = folder(netns).join("dhcpcd");
    for folder in [Path::new(DHCPCD_RUN), &own] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)?;
    Ok(mount(Some(&own), DHCPCD_RUN, none, MsFlags::MS_BIND, none)?)
}

/// Wait until a condition holds, at most `limit`.
fn wait(limit: Duration, holds: impl Fn() -> bool) {
    let until = Instant::now() + limit;
    while !holds() && Instant::now() < until {
        thread::sleep(LOOK);
    }
}

fn folder(netns: &NetnsName) -> PathBuf {
    Path::new(state_dir::STATE).join(netns.as_str())
}

/// Whether there is a pid file of any client in this directory.
fn has_pid_file(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names
        .any(|name| name.ends_with("-4.pid") || name.starts_with("dhcp-") && name.ends_with(".pid"))
}

/// The file that the hook writes while there is a lease.
fn lease(netns: &NetnsName, link: &LinkName) -> PathBuf {
    folder(netns).join(format!("dhcp-{link}.lease"))
}

/// The path of the hook.
fn hook() -> Result<PathBuf, OsError> {
    let hook = exec::installed("dhcp-hook");
    if hook.exists() {
        return Ok(hook);
    }
    Err(OsError {
        errno: Errno::ENOENT.into(),
        message: Some(format!(
            "there is no {}: netns-services is not completely installed",
            hook.display()
        )),
    })
}
