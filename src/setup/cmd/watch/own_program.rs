//! The program file of the watch. An upgrade puts another file in its place, and the programs of
//! the new release may store the state in another way. So the watch becomes the new program: same
//! process, same arguments. It does so only if nothing depends on it and nothing would change;
//! otherwise it goes on as the old program, and says so.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::errno::Errno;
use nix::unistd::execv;

use super::backoff::{Pace, RepairOutcome};
use super::watched::WatchedNetns;
use crate::plan::Extras;
use crate::setup::dry_run::planned;
use crate::setup::report::event::Command;
use crate::setup::{Call, trial_file};
use crate::system::inotify::Touched;
use crate::system::{procfs, program};

/// This process, by which the kernel names the file that it runs.
const OWN: &str = "/proc/self/exe";

/// The program file.
pub struct OwnProgram {
    path: PathBuf,
    /// The file that runs: device and inode.
    runs: (u64, u64),
    /// Another file is at the path.
    replaced: bool,
    /// When to look whether to become the new program.
    pace: Pace,
    /// How often the new program did not run.
    failures: u32,
    /// It was reported that the new program would change something.
    told_of_changes: bool,
}

/// Why the watch does not become the new program now.
enum Obstacle {
    /// The new program does not run. The number says how often that is tried before it is reported.
    Fails(String, u32),
    /// It would change something.
    Changes,
    /// A trial is running.
    Trial,
    /// A namespace is down, or not complete. Events tell when that ends.
    Unsettled,
}

impl OwnProgram {
    /// The file that runs. To be called before an upgrade can have removed its name.
    pub fn find() -> io::Result<Self> {
        Ok(OwnProgram {
            path: fs::read_link(OWN)?,
            runs: inode(Path::new(OWN))?,
            replaced: false,
            pace: Pace::new(),
            failures: 0,
            told_of_changes: false,
        })
    }

    /// The directory to watch.
    pub fn dir(&self) -> Option<PathBuf> {
        self.path.parent().map(PathBuf::from)
    }

    /// Record an event on a file. Returns true if there is a new program.
    pub fn was_touched(&mut self, touched: &Touched) -> bool {
        let concerned = match touched {
            Touched::Entry(path) => *path == self.path,
            Touched::Anything => true,
        };
        if concerned {
            self.replaced = inode(&self.path).is_ok_and(|inode| inode != self.runs);
            (self.failures, self.told_of_changes) = (0, false);
            self.look_again();
        }
        concerned && self.replaced
    }

    /// Something has happened to a namespace: what was in the way may be gone.
    pub fn look_again(&mut self) {
        if self.replaced {
            self.pace.happened(Instant::now());
        }
    }

    /// When to look, if there is a new program.
    pub fn moment(&self) -> Option<Instant> {
        self.pace.moment().filter(|_| self.replaced)
    }

    /// Returns true if there is a new program, and it is time to become it.
    pub fn may_go_on(&mut self, call: &Call, all: &[WatchedNetns]) -> bool {
        if self.moment().is_none_or(|moment| moment > Instant::now()) {
            return false;
        }
        let obstacle = self.obstacle(call, all);
        if let Some(obstacle) = &obstacle {
            self.stays(call, obstacle);
        }
        obstacle.is_none()
    }

    /// Become the new program. Returns only if that fails.
    pub fn go_on(&mut self, call: &Call) {
        for name in &call.names {
            let line = format!(
                "{name}: {} was replaced; the watch goes on as the new one",
                self.path.display()
            );
            call.events.notice(name, line);
        }
        let why = self.replace().unwrap_or_else(|e| e);
        self.stays(call, &cannot_run(&why));
    }

    fn replace(&self) -> Result<io::Error, io::Error> {
        let path = CString::new(self.path.as_os_str().as_bytes())?;
        let line = procfs::bytes("/proc/self/cmdline")?;
        let line = line.strip_suffix(b"\0").unwrap_or(&line);
        let words = line.split(|byte| *byte == 0).map(CString::new);
        let words = words.collect::<Result<Vec<_>, _>>()?;
        Ok(execv(&path, &words).map_or_else(io::Error::from, |never| match never {}))
    }

    /// Why not now. Only this process knows what it has prepared, what it waits for, and that a
    /// namespace is to stay down.
    fn obstacle(&self, call: &Call, all: &[WatchedNetns]) -> Option<Obstacle> {
        if call
            .names
            .iter()
            .any(|name| trial_file::running(name).is_some())
        {
            return Some(Obstacle::Trial);
        }
        if !all.iter().all(WatchedNetns::is_settled) {
            return Some(Obstacle::Unsettled);
        }
        // The new program must plan the same as this one: settings may have been edited and not
        // reloaded, and a release may do something in another way
        match self.plan_of_new(call) {
            Err(obstacle) => Some(obstacle),
            Ok(theirs) => (plan_of_this(all) != Some(theirs)).then_some(Obstacle::Changes),
        }
    }

    /// The changes that the new program plans, sorted.
    fn plan_of_new(&self, call: &Call) -> Result<Vec<String>, Obstacle> {
        let conf_dir = fs::canonicalize(&call.conf_dir).map_err(|e| cannot_run(&e))?;
        let (path, conf_dir) = (
            self.path.display().to_string(),
            conf_dir.display().to_string(),
        );
        let names = call.names.iter().map(|name| name.as_str());
        let words: Vec<_> = ["--conf-dir", &conf_dir, "plan"]
            .into_iter()
            .chain(names)
            .collect();
        let (succeeded, said) = program::output(&path, &words, "").map_err(|e| cannot_run(&e))?;
        if !succeeded {
            let first = said.lines().next().unwrap_or("it prints no message");
            let first = first.trim_start_matches("netns-setup: ");
            return Err(Obstacle::Fails(first.into(), 2));
        }
        let changes = said.lines().filter(|line| line.starts_with("+ "));
        let mut changes: Vec<_> = changes.map(String::from).collect();
        changes.sort_unstable();
        Ok(changes)
    }

    /// The watch goes on as the old program.
    fn stays(&mut self, call: &Call, obstacle: &Obstacle) {
        let outcome = match obstacle {
            Obstacle::Fails(..) | Obstacle::Trial => RepairOutcome::Refused,
            Obstacle::Changes | Obstacle::Unsettled => RepairOutcome::AsWanted,
        };
        self.pace.record(Instant::now(), outcome);
        let path = self.path.display();
        let remains = format!("{path} was replaced; the watch goes on as the old one");
        match obstacle {
            Obstacle::Fails(why, tries) => {
                self.failures += 1;
                if self.failures == *tries {
                    for name in &call.names {
                        let line = format!("{name}: {remains}, because the new one fails: {why}");
                        let remedy = format!("netns-setup plan {name} must succeed");
                        call.events.error(name, [line, remedy]);
                    }
                }
            }
            Obstacle::Changes if !self.told_of_changes => {
                self.told_of_changes = true;
                for name in &call.names {
                    let line =
                        format!("{name}: {remains}, because the new one plans other changes");
                    let remedy = format!(
                        "netns-setup plan {name} prints them, and netns-setup reload {name} makes them"
                    );
                    call.events.warning(name, [line, remedy]);
                }
            }
            _ => {}
        }
    }
}

/// The changes to the settings that the watch has in memory, as `plan` prints them, sorted.
fn plan_of_this(all: &[WatchedNetns]) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for watched in all {
        let (_, _, changes) = planned(&watched.want, Extras::Remove).ok()?;
        let name = &watched.want.name;
        let line = |change| format!("+ {}", Command::of(name, change).command);
        lines.extend(changes.iter().map(line));
    }
    lines.sort_unstable();
    Some(lines)
}

/// The new program cannot be run. While install(1) and others write it, it is open for writing, and
/// not executable.
fn cannot_run(why: &io::Error) -> Obstacle {
    let unfinished = [Errno::EACCES, Errno::ETXTBSY].map(|errno| errno as i32);
    let is_unfinished = why
        .raw_os_error()
        .is_some_and(|errno| unfinished.contains(&errno));
    Obstacle::Fails(why.to_string(), if is_unfinished { 6 } else { 2 })
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}
