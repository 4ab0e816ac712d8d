//! Finds the service that a process belongs to, in the files that OpenRC and runit keep about the
//! services that they start. Takes a process id, and returns the name of a service, if any.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::conf::files::read_plain;
use crate::system::process;

/// Where OpenRC records what start-stop-daemon and supervise-daemon have started: a directory for
/// each service, with files of `KEY=VALUE`.
const DAEMONS: &str = "/run/openrc/daemons";

/// Where openrc-run records values that the script of a started service sets: a directory for each
/// service, with a file for each value. If start-stop-daemon is dpkg's (Debian until 12), the
/// daemon is recorded only here.
const OPTIONS: &str = "/run/openrc/options";

/// Where OpenRC has a link for each service that is started.
const STARTED: &str = "/run/openrc/started";

/// How many ancestors of a process are checked.
const GENERATIONS: usize = 64;

/// The daemons that OpenRC has recorded, by process id.
#[derive(Debug, Default)]
pub struct ServiceDaemons {
    daemons: BTreeMap<i32, String>,
}

impl ServiceDaemons {
    /// The daemons that are recorded now. Empty where there is no OpenRC.
    pub fn look() -> Self {
        let mut daemons = BTreeMap::new();
        for (service, folder) in services_in(OPTIONS) {
            let file = fs::read_to_string(folder.join("pidfile")).unwrap_or_default();
            daemons.extend(pid_in(&file).map(|pid| (pid, service)));
        }
        for (service, folder) in services_in(DAEMONS) {
            for noted in fs::read_dir(folder).into_iter().flatten().flatten() {
                let text = fs::read_to_string(noted.path()).unwrap_or_default();
                daemons.extend(pid_of(&text).map(|pid| (pid, service.clone())));
            }
        }
        ServiceDaemons { daemons }
    }

    /// The process ids of the daemons of a service that are alive.
    pub fn daemons_of(&self, service: &str) -> Vec<i32> {
        let alive = |pid: &i32| Path::new(&format!("/proc/{pid}")).exists();
        let of = self.daemons.iter().filter(|(_, name)| *name == service);
        of.map(|(pid, _)| *pid).filter(alive).collect()
    }

    /// Whether OpenRC has recorded a daemon of this service, alive or not.
    pub fn is_daemon(service: &str) -> bool {
        let noted = fs::read_dir(Path::new(DAEMONS).join(service));
        noted.is_ok_and(|mut noted| noted.next().is_some())
            || Path::new(OPTIONS).join(service).join("pidfile").exists()
    }

    /// The recorded daemons of the services that OpenRC has recorded as started.
    pub fn started(&self) -> impl Iterator<Item = (i32, &str)> {
        let all = self.daemons.iter().map(|(pid, name)| (*pid, name.as_str()));
        // A record can outlive its daemon, and the process id may be another process's by now
        all.filter(|(_, name)| Path::new(STARTED).join(name).exists())
    }

    /// The service of a process: its own or that of an ancestor.
    pub fn of(&self, pid: i32) -> Option<String> {
        let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if let Some(service) = in_cgroups(&cgroups) {
            return Some(service);
        }
        let mut next = Some(pid);
        for _ in 0..GENERATIONS {
            let pid = next.filter(|pid| *pid > 1)?;
            if let Some(service) = self.daemons.get(&pid) {
                return Some(service.clone());
            }
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if let Some(service) = of_runsv(&command) {
                return Some(service);
            }
            next = parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?);
        }
        None
    }
}

/// The directory of the runit service whose process this is. `None` if runsv has not started this
/// very process.
pub fn run_by(pid: i32) -> Option<PathBuf> {
    let parent = parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    of_runsv(&fs::read(format!("/proc/{parent}/cmdline")).ok()?)?;
    fs::read_link(format!("/proc/{parent}/cwd")).ok()
}

/// A running runsv(8), with the directory of its service.
#[derive(Debug)]
pub struct Runsv {
    /// Its process id.
    pub pid: i32,
    /// The directory of its service.
    pub folder: PathBuf,
}

/// The runsv of the service with this name.
pub fn runsv_of(name: &str) -> Option<Runsv> {
    all_runsv()
        .find(|(of, _)| of == name)
        .map(|(_, runsv)| runsv)
}

/// The process id of the runsv that works in this directory.
pub fn runsv_in(folder: &Path) -> Option<i32> {
    let found = all_runsv().find(|(_, runsv)| runsv.folder == folder);
    found.map(|(_, runsv)| runsv.pid)
}

fn all_runsv() -> impl Iterator<Item = (String, Runsv)> {
    let pids = process::all().unwrap_or_default().into_iter();
    pids.filter_map(|pid| {
        let name = of_runsv(&fs::read(format!("/proc/{pid}/cmdline")).ok()?)?;
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        Some((name, Runsv { pid, folder }))
    })
}

/// The id of the process that runsv(8) supervises in this directory, if there is one.
pub fn supervised(folder: &Path) -> Option<i32> {
    let pid = fs::read_to_string(folder.join("supervise/pid")).ok()?;
    pid.trim().parse().ok()
}

/// The services that runit runs now: the directory of each, and the id of the process that runsv
/// supervises there. The log process of a service is not included.
pub fn run_by_runit() -> Vec<(PathBuf, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of = |pid: i32| {
        let folder = run_by(pid)?;
        (supervised(&folder) == Some(pid)).then_some((folder, pid))
    };
    pids.filter_map(of).collect()
}

/// The services that have a subdirectory in this directory, and these subdirectories.
fn services_in(folder: &str) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, entry.path())
    })
}

/// The process id in the pid file that a record of OpenRC names.
fn pid_of(note: &str) -> Option<i32> {
    let mut lines = note.lines();
    pid_in(lines.find_map(|line| line.strip_prefix("pidfile="))?)
}

fn pid_in(file: &str) -> Option<i32> {
    let text = read_plain(Path::new(file.trim()));
    text.split_whitespace().next()?.parse().ok()
}

/// The service in a file `/proc/PID/cgroup` (cgroups(7)). OpenRC creates `openrc.SVC` or
/// `openrc/SVC` in cgroup v2, and `/SVC` in a hierarchy of its own in cgroup v1.
fn in_cgroups(text: &str) -> Option<String> {
    let found = text.lines().find_map(in_cgroup);
    found.filter(|name| !name.is_empty()).map(String::from)
}

fn in_cgroup(line: &str) -> Option<&str> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (hierarchy, path) = (parts.next()?, parts.next()?);
    if hierarchy == "name=openrc" {
        return path.strip_prefix('/')?.split('/').next();
    }
    if let Some((_, below)) = path.split_once("/openrc/") {
        return below.split('/').next();
    }
    path.split('/')
        .find_map(|folder| folder.strip_prefix("openrc."))
}

/// The service in a command line, if this is one of runsv(8), whose argument is the directory of
/// the service.
fn of_runsv(command: &[u8]) -> Option<String> {
    let mut words = command.split(|byte| *byte == 0);
    let program = words.next()?.rsplit(|byte| *byte == b'/').next()?;
    let folder = words.next().filter(|_| program == b"runsv")?;
    let mut parts = folder.rsplit(|byte| *byte == b'/');
    let name = parts.find(|part| !part.is_empty())?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The parent process id, the fourth field of proc_pid_stat(5). The second field is a name in
/// parentheses, which can contain any bytes.
fn parent(stat: &str) -> Option<i32> {
    let behind = stat.rsplit_once(')')?.1;
    behind.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openrcs_cgroups_name_the_service() {
        let of = |text| in_cgroups(text);
        assert_eq!(of("0::/openrc.sshd\n").as_deref(), Some("sshd"));
        assert_eq!(of("0::/lxc/openrc/sshd/sub\n").as_deref(), Some("sshd"));
        assert_eq!(
            of("2:cpu:/\n1:name=openrc:/netns.mgmt\n").as_deref(),
            Some("netns.mgmt")
        );
        assert_eq!(of("1:name=openrc:/\n0::/\n"), None);
        assert_eq!(of("0::/user.slice/openrcish\n"), None);
    }

    #[test]
    fn runsv_names_the_service() {
        assert_eq!(of_runsv(b"runsv\0sshd\0").as_deref(), Some("sshd"));
        assert_eq!(
            of_runsv(b"/usr/bin/runsv\0/etc/sv/dns/\0").as_deref(),
            Some("dns")
        );
        assert_eq!(of_runsv(b"vi\0runsv\0"), None);
    }

    #[test]
    fn the_parent_is_behind_any_name() {
        assert_eq!(parent("12 (a) 9 (b)) S 7 12 12 0"), Some(7));
    }
}
