//! Control groups. They tell the container of a process. A process that was called in a session of a service leaves the cgroup of that
//! service. If it stayed, it would be ended together with the service (rc_cgroup_cleanup in
//! OpenRC).

use std::fs;
use std::path::{Path, PathBuf};

use super::procfs;

/// Move this process to the root of each hierarchy that assigns processes to services. Errors are
/// ignored.
pub fn leave() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for root in mounts.lines().filter_map(root) {
        let _ = fs::write(root.join("cgroup.procs"), "0");
    }
}

/// The container that a process is in, as `netns_attach` names it: `docker:ID` or `podman:ID`. The
/// id has twelve digits, as both programs print it.
pub fn container_of(pid: i32) -> Option<String> {
    let cgroups = procfs::text(&format!("/proc/{pid}/cgroup")).ok()?;
    container_in(&cgroups)
}

fn container_in(cgroups: &str) -> Option<String> {
    let directories = cgroups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2));
    let directories = directories.flat_map(|path| path.split('/').zip(path.split('/').skip(1)));
    let id = |text: &str| {
        let id = text.get(..64).filter(|_| text.len() == 64)?;
        let is_hex = id.bytes().all(|b| b.is_ascii_hexdigit());
        is_hex.then(|| id[..12].to_string())
    };
    let mut found = directories.filter_map(|(above, directory)| {
        let directory = directory.trim_end_matches(".scope");
        match (
            directory.strip_prefix("docker-"),
            directory.strip_prefix("libpod-"),
        ) {
            (Some(docker), _) => Some(format!("docker:{}", id(docker)?)),
            (_, Some(podman)) => Some(format!("podman:{}", id(podman)?)),
            _ if above == "docker" => Some(format!("docker:{}", id(directory)?)),
            _ => None,
        }
    });
    found.next()
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
    fn a_container_is_known_by_its_cgroup() {
        let id = "0123456789abcdef".repeat(4);
        for (path, by) in [
            (format!("0::/docker/{id}"), "docker"),
            (format!("0::/system.slice/docker-{id}.scope"), "docker"),
            (format!("12:pids:/docker/{id}/init\n0::/"), "docker"),
            (
                format!("0::/machine.slice/libpod-{id}.scope/container"),
                "podman",
            ),
            (format!("0::/libpod_parent/libpod-{id}"), "podman"),
        ] {
            let container = format!("{by}:0123456789ab");
            assert_eq!(container_in(&path), Some(container), "{path}");
        }
        for other in [
            "0::/",
            "0::/docker",
            "0::/docker/short",
            "0::/openrc.docker",
        ] {
            assert_eq!(container_in(other), None, "{other}");
        }
    }

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
