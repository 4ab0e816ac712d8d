//! One service of OpenRC or of runit: where its processes are, and starting, restarting and
//! stopping it as its owner would type it. What for is not known here.

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

/// How long `sv` waits for what it was told to do, in seconds.
const SV_WAITS: &str = "15";

/// How long a start, a restart or a stop may take. One that takes longer is ended.
const LIMIT: Duration = Duration::from_secs(60);

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Who runs a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// OpenRC.
    OpenRc,
    /// runit, with this directory of the service.
    Runit(PathBuf),
}

/// A service that its init knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub init: Init,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It is not started.
    Stopped,
    /// It is started, and its init knows of no process of it.
    Unknown,
    /// Its processes are in these network namespaces: in none if they have ended, and
    /// OpenRC has not noticed.
    In(BTreeSet<NetnsInode>),
}

/// A command of an init that has ended.
#[derive(Debug)]
pub struct InitCommand {
    /// As it would be typed.
    pub command: String,
    /// How it ended; `None` if it took too long and was killed.
    pub status: Option<ExitStatus>,
    /// What it said.
    pub text: String,
}

impl InitCommand {
    /// It did what it was told.
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

    /// Where it is now.
    pub fn place(&self) -> ServiceState {
        let pids = self.processes();
        match &self.init {
            Init::OpenRc if !init::is(&self.name, ServiceStatus::Started) => ServiceState::Stopped,
            Init::OpenRc if !ServiceDaemons::is_daemon(&self.name) => ServiceState::Unknown,
            Init::Runit(_) if pids.is_empty() => ServiceState::Stopped,
            _ => ServiceState::In(pids.into_iter().filter_map(netns_of).collect()),
        }
    }

    /// Its processes, as far as its init knows them.
    pub fn processes(&self) -> Vec<i32> {
        match &self.init {
            Init::OpenRc => ServiceDaemons::look().daemons_of(&self.name),
            Init::Runit(folder) => supervised(folder).into_iter().collect(),
        }
    }

    /// Start it alone: what it needs is not started for it.
    pub fn start_alone(&self) -> io::Result<InitCommand> {
        self.tell_alone("start")
    }

    /// Stop it alone: what needs it goes on.
    pub fn stop_alone(&self) -> io::Result<InitCommand> {
        self.tell_alone("stop")
    }

    /// runit knows no needs.
    fn tell_alone(&self, verb: &str) -> io::Result<InitCommand> {
        match self.init {
            Init::OpenRc => end(&["rc-service", "--nodeps", &self.name, verb]),
            Init::Runit(_) => self.tell(verb),
        }
    }

    /// Have its init do this with it, and with what it needs or what needs it: start, restart
    /// or stop.
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

/// End the process of a service of runit at once, and leave it stopped. For its `finish` it
/// was killed, and was not told to end.
pub fn kill_supervised(folder: &Path) -> io::Result<()> {
    for verb in ["once", "kill"] {
        end(&[OsStr::new("sv"), OsStr::new(verb), folder.as_os_str()])?;
    }
    Ok(())
}

/// Run a command of an init to its end, as at boot: with nothing of ours. What it says is
/// kept in memory, for a daemon may have what it writes to for as long as it lives.
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
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
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

/// How it has ended, if within this time.
fn within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait()? {
            None if Instant::now() < until => sleep(LOOK),
            ended => return Ok(ended),
        }
    }
}

/// A file in memory, which is gone when nobody has it any more.
fn said() -> io::Result<File> {
    Ok(File::from(memfd_create(c"said", MFdFlags::MFD_CLOEXEC)?))
}

fn text_of(said: &mut File) -> io::Result<String> {
    let mut text = Vec::new();
    said.seek(SeekFrom::Start(0))?;
    said.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A second process of a service of runit, beside the one that runsv supervises: its `./run`
/// once more, with the environment that runsv has.
#[derive(Debug)]
pub struct Second {
    child: Child,
    said: File,
}

impl Second {
    /// How much of what it says is kept, in bytes.
    const MOST: u64 = 1 << 20;

    /// How long it may take to end when it is told to.
    const GRACE: Duration = Duration::from_secs(7);

    /// Run it.
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

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// It has not ended.
    pub fn runs(&mut self) -> bool {
        // Of one that is looked at for as long as a day, not all that it says is kept
        if self
            .said
            .metadata()
            .is_ok_and(|said| said.len() > Self::MOST)
        {
            let _ = self.said.set_len(0);
        }
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has said.
    pub fn text(&mut self) -> String {
        let text = text_of(&mut self.said).unwrap_or_default();
        text.trim_start_matches('\0').into()
    }

    /// End it, and not what has left it, as the sessions of an sshd have.
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

/// What runsv(8) gives to the service of this directory.
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
