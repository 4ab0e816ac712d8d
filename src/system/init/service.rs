//! A service of OpenRC or runit: finds its processes, and starts, restarts and stops it with the
//! commands that its owner would type. The callers decide when.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::ServiceStatus;
use super::service_of_process::{self, ServiceDaemons, supervised};
use crate::exec;
use crate::system::init;
use crate::system::netns::identity::NetnsInode;
use crate::system::process::netns_of;
use crate::system::program::PATH;
use crate::system::spawn::unheld;

/// Where OpenRC has its scripts.
const SCRIPTS: &str = "/etc/init.d";

/// How long `sv` waits for the result of a command, in seconds.
const SV_WAITS: &str = "15";

/// How long a start, a restart or a stop may take. A command that takes longer is killed.
const LIMIT: Duration = Duration::from_secs(60);

/// The interval for checking whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The init system of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// OpenRC.
    OpenRc,
    /// runit, with the directory of the service.
    Runit(PathBuf),
}

/// A service that an init system knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The init system that runs it.
    pub init: Init,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It is not started.
    Stopped,
    /// It is started, but its init system knows no process of it.
    Unknown,
    /// The network namespaces of its processes. Empty if they have ended and OpenRC has not
    /// noticed.
    In(BTreeSet<NetnsInode>),
}

/// The result of a command of an init system.
#[derive(Debug)]
pub struct InitCommand {
    /// The command, as a person would type it.
    pub command: String,
    /// How it ended. `None` if it took too long and was killed.
    pub status: Option<ExitStatus>,
    /// Its output.
    pub text: String,
}

impl InitCommand {
    /// Whether the command succeeded.
    pub fn is_done(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

impl Service {
    /// The service of this name, if OpenRC has a script for it or runit runs it.
    pub fn find(name: &str) -> Option<Self> {
        let init = if init::runs_openrc() && Path::new(SCRIPTS).join(name).exists() {
            Init::OpenRc
        } else {
            Init::Runit(service_of_process::runsv_of(name)?.folder)
        };
        let name = name.to_string();
        Some(Service { name, init })
    }

    /// Where the service is now.
    pub fn place(&self) -> ServiceState {
        let pids = self.processes();
        match &self.init {
            Init::OpenRc if !init::is(&self.name, ServiceStatus::Started) => ServiceState::Stopped,
            Init::OpenRc if !ServiceDaemons::is_daemon(&self.name) => ServiceState::Unknown,
            Init::Runit(_) if pids.is_empty() => ServiceState::Stopped,
            _ => ServiceState::In(pids.into_iter().filter_map(netns_of).collect()),
        }
    }

    /// The process ids of the service that its init system knows.
    pub fn processes(&self) -> Vec<i32> {
        match &self.init {
            Init::OpenRc => ServiceDaemons::look().daemons_of(&self.name),
            Init::Runit(folder) => supervised(folder).into_iter().collect(),
        }
    }

    /// Start the service without the services that it needs.
    pub fn start_alone(&self) -> io::Result<InitCommand> {
        self.tell_alone("start")
    }

    /// Stop the service without the services that need it.
    pub fn stop_alone(&self) -> io::Result<InitCommand> {
        self.tell_alone("stop")
    }

    /// Start or stop the service without its dependencies. runit has no dependencies.
    fn tell_alone(&self, verb: &str) -> io::Result<InitCommand> {
        match self.init {
            Init::OpenRc => end(&["rc-service", "--nodeps", &self.name, verb]),
            Init::Runit(_) => self.tell(verb),
        }
    }

    /// Start, restart or stop the service, together with the services that it needs or that need
    /// it.
    pub fn tell(&self, verb: &str) -> io::Result<InitCommand> {
        match &self.init {
            Init::OpenRc => end(&["rc-service", &self.name, verb]),
            Init::Runit(folder) => {
                let words = ["sv", "-w", SV_WAITS, verb].map(OsStr::new);
                end(&[&words[..], &[folder.as_os_str()]].concat())
            }
        }
    }
}

/// Kill the process of a runit service at once, and leave the service stopped. Its `finish` script
/// sees a process that was killed, and not one that was asked to end.
pub fn kill_supervised(folder: &Path) -> io::Result<()> {
    for verb in ["once", "kill"] {
        end(&[OsStr::new("sv"), OsStr::new(verb), folder.as_os_str()])?;
    }
    Ok(())
}

/// Run a command of an init system to its end, as at boot: it inherits nothing. Its output is kept
/// in memory, because a daemon may have the output open as long as it lives.
fn end<T: AsRef<OsStr>>(words: &[T]) -> io::Result<InitCommand> {
    exec::hand_down_nothing()?;
    let mut said = said()?;
    let mut command = Command::new(words[0].as_ref());
    command.args(&words[1..]).env_clear().env("PATH", PATH);
    command.current_dir("/").stdin(Stdio::null());
    command.stdout(said.try_clone()?).stderr(said.try_clone()?);
    let mut child = unheld(command.process_group(0)).spawn()?;
    let status = within(&mut child, LIMIT)?;
    if status.is_none() {
        let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
        let _ = child.wait();
    }
    let words: Vec<_> = words
        .iter()
        .map(|word| word.as_ref().to_string_lossy())
        .collect();
    Ok(InitCommand {
        command: words.join(" "),
        status,
        text: text_of(&mut said)?,
    })
}

/// How the process has ended. `None` if it is still running after `limit`.
fn within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait()? {
            None if Instant::now() < until => sleep(LOOK),
            ended => return Ok(ended),
        }
    }
}

/// A file in memory, which disappears when it is closed everywhere.
fn said() -> io::Result<File> {
    Ok(File::from(memfd_create(c"said", MFdFlags::MFD_CLOEXEC)?))
}

fn text_of(said: &mut File) -> io::Result<String> {
    let mut text = Vec::new();
    said.seek(SeekFrom::Start(0))?;
    said.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A second process of a runit service, beside the one that runsv supervises. It runs `./run`
/// again, with the environment of runsv.
#[derive(Debug)]
pub struct Second {
    child: Child,
    said: File,
}

impl Second {
    /// The maximum size of the output that is kept, in bytes.
    const MOST: u64 = 1 << 20;

    /// How long it may take to end after TERM.
    const GRACE: Duration = Duration::from_secs(7);

    /// Start `./run` in this directory.
    pub fn start(folder: &Path) -> io::Result<Self> {
        exec::hand_down_nothing()?;
        let said = said()?;
        let mut command = Command::new("./run");
        command.current_dir(folder).env_clear();
        command.envs(environment(folder)).stdin(Stdio::null());
        command.stdout(said.try_clone()?).stderr(said.try_clone()?);
        let child = unheld(command.process_group(0)).spawn()?;
        Ok(Second { child, said })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Whether it is still running. Discards the output so far if that is too long.
    pub fn runs(&mut self) -> bool {
        // It may run for as long as a day, so not all of its output is kept
        if self
            .said
            .metadata()
            .is_ok_and(|said| said.len() > Self::MOST)
        {
            let _ = self.said.set_len(0);
        }
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its output since output was last discarded.
    pub fn text(&mut self) -> String {
        let text = text_of(&mut self.said).unwrap_or_default();
        text.trim_start_matches('\0').into()
    }

    /// End the process, but not processes that have left it, such as the sessions of an sshd.
    pub fn end(mut self) {
        let pid = Pid::from_raw(self.pid());
        for (signal, grace) in [
            (Signal::SIGTERM, Self::GRACE),
            (Signal::SIGKILL, Duration::from_secs(2)),
        ] {
            let _ = kill(pid, signal);
            if !matches!(within(&mut self.child, grace), Ok(None)) {
                return;
            }
        }
    }
}

/// The environment that runsv(8) gives to the service of this directory.
fn environment(folder: &Path) -> Vec<(OsString, OsString)> {
    use std::os::unix::ffi::OsStringExt;
    let runsv = service_of_process::runsv_in(folder).map(|pid| format!("/proc/{pid}/environ"));
    let text = runsv.and_then(|file| fs::read(file).ok());
    let words = text.as_deref().unwrap_or_default().split(|byte| *byte == 0);
    let pair = |word: &[u8]| {
        let at = word.iter().position(|byte| *byte == b'=')?;
        let of = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some((of(&word[..at]), of(&word[at + 1..])))
    };
    words.filter_map(pair).collect()
}
