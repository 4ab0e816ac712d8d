//! Control groups. A process that was called in a session of a service leaves the cgroup of that
//! service. If it stayed, it would be ended together with the service (rc_cgroup_cleanup in
//! OpenRC).

use std::fs;
use std::path::{Path, PathBuf};

/// Move this process to the root of each hierarchy that assigns processes to services. Errors are
/// ignored.
pub fn leave() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for root in mounts.lines().filter_map(root) {
        let _ = fs::write(root.join("cgroup.procs"), "0");
    }
}

/// The mount point in a line of proc_pid_mountinfo(5), if this mounts cgroup v2 or OpenRC's own
/// hierarchy of cgroup v1.
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
