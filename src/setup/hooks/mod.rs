//! The hooks: commands in the settings that are run when a namespace comes up or goes down. None is
//! run while a lock is held, so that it can call netns-setup and netns-exec.

pub mod pending;
pub mod post_down_link;

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::error::{Error, Result};
use super::{Call, store};
use crate::model::build::{Hooks, Want};
use crate::name::{LinkName, NetnsName};
use crate::source::Sourced;
use crate::system::spawn::unheld;
use crate::{exec, state_dir};

/// The PATH for hooks, and for other programs that the settings name.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The time limit of a hook in `down --force`, as at shutdown.
const HURRIED: Duration = Duration::from_secs(3);

/// A command, the setting it comes from, and its link.
#[derive(Clone)]
pub(super) struct Hook {
    origin: String,
    command: String,
    /// The name of the link when the command is run.
    link: Option<LinkName>,
}

impl Hook {
    pub(super) fn of(setting: &Sourced<String>) -> Self {
        let origin = setting.origin.as_ref();
        Hook {
            origin: origin.map(ToString::to_string).unwrap_or_default(),
            command: setting.value.clone(),
            link: None,
        }
    }

    /// Sets the link of the command.
    pub(super) fn of_link(mut self, link: &LinkName) -> Self {
        self.link = Some(link.clone());
        self
    }

    /// Run the command, and kill it after `limit`. On failure, the error ends with `state`, the
    /// state of the namespace.
    pub(super) fn run(&self, name: &NetnsName, limit: Option<Duration>, state: &str) -> Result {
        match failure_of(run(name, self, limit)) {
            None => Ok(()),
            Some(how) => Err(self.error(name, &how, state)),
        }
    }

    fn error(&self, name: &NetnsName, how: &str, state: &str) -> Error {
        let setting = self.origin.split(' ').next().unwrap_or_default();
        Error::refused([
            format!("{name}: the command of {setting} {how}"),
            format!("asked for by {}; its output is above", self.origin),
            format!("{name}: {state}"),
        ])
    }

    /// The text of its file in the state directory.
    pub(super) fn text(&self) -> String {
        format!("# {}\n{}\n", self.origin, self.command)
    }
}

/// Run `up` with the hooks for it. `netns_pre_up` is not run if the namespace is ready already.
pub fn around_up<T>(want: &Want, up: impl FnOnce() -> Result<T>) -> Result<T> {
    around_each_up(want, &mut false, up)
}

/// As [`around_up`], for an up that may take several attempts. `prepared` records that
/// `netns_pre_up` was run: it is run again only after the namespace has come up.
pub fn around_each_up<T>(
    want: &Want,
    prepared: &mut bool,
    up: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let Want { name, hooks, .. } = want;
    let was_ready = store::is_ready(name);
    let is_first = !was_ready && !*prepared;
    if let Some(pre_up) = hooks.pre_up.as_ref().filter(|_| is_first) {
        Hook::of(pre_up).run(name, None, "nothing was done")?;
    }
    let result = up();
    *prepared = !was_ready && result.is_err();
    let result = result?;
    run_due(want)?;
    Ok(result)
}

/// Run the pending hooks, first those of links, then the one of the namespace. Does nothing while
/// the namespace is not ready, because conditions of `netns_ready` may be pending. The error has
/// the lines of all failed hooks.
pub fn run_due(want: &Want) -> Result {
    let Want { name, hooks, .. } = want;
    let links = hooks
        .links
        .iter()
        .map(|(link, setting)| (Some(link), setting));
    let all = links.chain(hooks.post_up.iter().map(|setting| (None, setting)));
    let mut lines = Vec::new();
    for (link, setting) in all {
        let Some(due) = pending::claim(name, link).filter(|_| store::is_ready(name)) else {
            continue;
        };
        let state =
            "the namespace is ready and stays ready; the next up or reload runs the command again";
        let mut hook = Hook::of(setting);
        if let Some(link) = link {
            hook = hook.of_link(link);
        }
        match hook.run(name, None, state) {
            Ok(()) => due.done(),
            Err(error) => lines.extend(error.lines),
        }
    }
    if lines.is_empty() {
        Ok(())
    } else {
        Err(Error::refused(lines))
    }
}

/// Whether the last up stored a hook for `down` or for a NIC that goes back to the host.
pub fn has_any(name: &NetnsName) -> bool {
    let stored = [state_dir::PRE_DOWN, state_dir::POST_DOWN].map(|f| remembered(name, f));
    stored.iter().any(Option::is_some) || post_down_link::is_stored(name)
}

/// The hooks for `down` that the last up stored. They are read before `down` removes the files.
pub struct DownHooks {
    name: NetnsName,
    pre_down: Option<Hook>,
    post_down: Option<Hook>,
    /// The time limit of each.
    pub limit: Option<Duration>,
}

impl DownHooks {
    /// Read the hooks. With `hurry`, each gets the time limit of `down --force`.
    pub fn read(name: &NetnsName, hurry: bool) -> Self {
        DownHooks {
            name: name.clone(),
            pre_down: remembered(name, state_dir::PRE_DOWN),
            post_down: remembered(name, state_dir::POST_DOWN),
            limit: hurry.then_some(HURRIED),
        }
    }

    /// Run the hook that comes before.
    pub fn run_pre_down(&self, call: &Call) {
        self.run(call, self.pre_down.as_ref());
    }

    /// Run the hook that comes after.
    pub fn run_post_down(&self, call: &Call) {
        self.run(call, self.post_down.as_ref());
    }

    fn run(&self, call: &Call, hook: Option<&Hook>) {
        let state = "the namespace is taken down nevertheless";
        if let Some(Err(error)) = hook.map(|hook| hook.run(&self.name, self.limit, state)) {
            call.events.error(&self.name, error.lines);
        }
    }
}

/// Store the hooks for `down` in the state directory, because `down` needs no settings. The caller
/// holds the lock of the namespace.
pub fn remember(name: &NetnsName, hooks: &Hooks) -> io::Result<()> {
    let files = [
        (state_dir::PRE_DOWN, &hooks.pre_down),
        (state_dir::POST_DOWN, &hooks.post_down),
    ];
    for (file, hook) in files {
        match hook.as_ref().map(Hook::of) {
            Some(hook) => store::update(name, file, &hook.text())?,
            None => match fs::remove_file(store::dir(name).join(file)) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            },
        }
    }
    Ok(())
}

pub(super) fn remembered(name: &NetnsName, file: &str) -> Option<Hook> {
    let path: PathBuf = store::dir(name).join(file);
    let text = fs::read_to_string(path).ok()?;
    let (origin, command) = text.split_once('\n')?;
    Some(Hook {
        origin: origin.trim_start_matches("# ").into(),
        command: command.into(),
        link: None,
    })
}

/// What went wrong with the command. `None` if it succeeded.
fn failure_of(ended: io::Result<HookEnd>) -> Option<String> {
    Some(match ended {
        Ok(HookEnd::By(status)) if status.success() => return None,
        Ok(HookEnd::By(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with exit code {code}"),
            (None, signal) => format!("was killed by signal {}", signal.unwrap_or(0)),
        },
        Ok(HookEnd::Late) => format!("took more than {} s and was killed", HURRIED.as_secs()),
        Err(e) => format!("could not be run: {e}"),
    })
}

enum HookEnd {
    By(ExitStatus),
    /// It was killed at the time limit.
    Late,
}

/// Run the command on the host, with no descriptor of ours except standard error. Its output goes
/// there: our standard output is for changes.
fn run(name: &NetnsName, hook: &Hook, limit: Option<Duration>) -> io::Result<HookEnd> {
    exec::hand_down_nothing()?;
    let stderr = io::stderr().as_fd().try_clone_to_owned();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &hook.command])
        .env_clear()
        .env("PATH", PATH)
        .env("NETNS_NAME", name.as_str())
        .envs(hook.link.iter().map(|link| ("NETNS_LINK", link.as_str())))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(stderr.map_or_else(|_| Stdio::null(), Stdio::from));
    unheld(&mut command);
    match limit {
        None => command.status().map(HookEnd::By),
        // A process group, so that its children are killed with it
        Some(limit) => within(command.process_group(0).spawn()?, limit),
    }
}

fn within(mut child: Child, limit: Duration) -> io::Result<HookEnd> {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(HookEnd::By(status));
        }
        sleep(Duration::from_millis(10));
    }
    let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
    child.wait()?;
    Ok(HookEnd::Late)
}
