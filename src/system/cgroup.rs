//! Control groups: leaving that of a service, in which a process is by having been called in
//! a session of its. With it, it would be ended (OpenRC's rc_cgroup_cleanup).

use std::fs;
use std::path::{Path, PathBuf};

/// Go to the root of every hierarchy that services are told apart by, where it can be done.
pub fn leave() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for root in mounts.lines().filter_map(root) {
        let _ = fs::write(root.join("cgroup.procs"), "0");
    }
}

/// proc_pid_mountinfo(5): where a hierarchy of the second version, or OpenRC's own of the
/// first, is mounted.
fn root(line: &str) -> Option<PathBuf> {
    let (mount, of) = line.split_once(" - ")?;
    let mut of = of.split(' ');
    let is_ours = match of.next()? {
        "cgroup2" => true,
        "cgroup" => of.nth(1)?.split(',').any(|option| option == "name=openrc"),
        _ => false,
    };
    let at = mount.split(' ').nth(4)?;
    is_ours.then(|| Path::new(at).to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_that_tell_services_apart_are_found() {
        let at = |line| root(line).map(|path| path.display().to_string());
        let second = "30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 none rw,nsdelegate";
        assert_eq!(at(second).as_deref(), Some("/sys/fs/cgroup/unified"));
        let first = "31 24 0:27 / /sys/fs/cgroup/openrc rw shared:9 - cgroup openrc rw,release_agent=/lib/rc/sh/cgroup-release-agent.sh,name=openrc";
        assert_eq!(at(first).as_deref(), Some("/sys/fs/cgroup/openrc"));
        assert_eq!(
            at("32 24 0:28 / /sys/fs/cgroup/cpu rw - cgroup cpu rw,cpu"),
            None
        );
        assert_eq!(at("33 24 0:29 / / rw - ext4 /dev/vda rw"), None);
    }
}
