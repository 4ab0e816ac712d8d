//! The container of a process. Its engine is not called: its cgroup and the program that stays with
//! the container tell the container's id. `names` reads its name from the files of the engine.

mod names;

use std::path::{Path, PathBuf};

use super::{process, procfs};

/// How many parents of a process are looked at.
const PARENTS: usize = 64;

/// A container, as its engine knows it.
#[derive(Debug, PartialEq, Eq)]
enum Container {
    Docker {
        id: String,
    },
    /// The directories in which the engine lists its containers.
    Podman {
        id: String,
        lists: Vec<PathBuf>,
    },
    /// LXC and Incus know a container by its name alone.
    Lxc {
        name: String,
    },
}

/// The container that a process is in: `docker:NAME` or `podman:NAME`, as `netns_attach` names it,
/// or `lxc:NAME`. If the name cannot be read, it is the id, which has twelve digits, as both
/// programs print it.
pub fn of(pid: i32) -> Option<String> {
    let container = by_parent(pid).or_else(|| by_cgroup(pid))?;
    let (engine, name) = match &container {
        Container::Docker { id } => ("docker", names::of_docker(id)),
        Container::Podman { id, lists } => ("podman", names::of_podman(id, lists)),
        Container::Lxc { name } => ("lxc", Some(name.clone())),
    };
    let name = name.or_else(|| container.short_id())?;
    Some(format!("{engine}:{name}"))
}

impl Container {
    fn short_id(&self) -> Option<String> {
        match self {
            Container::Docker { id } | Container::Podman { id, .. } => Some(id[..12].into()),
            Container::Lxc { .. } => None,
        }
    }
}

/// The container whose monitor has started the process. podman needs no cgroups, and LXC gives a
/// cgroup another name if there is an old one.
fn by_parent(pid: i32) -> Option<Container> {
    let mut pid = u32::try_from(pid).ok()?;
    for _ in 0..PARENTS {
        pid = process::parent(pid).filter(|parent| *parent > 1)?;
        let words = process::words_of(pid as i32)?;
        if let Some(container) = of_conmon(&words).or_else(|| of_lxc(&words)) {
            return Some(container);
        }
    }
    None
}

/// The container of a call of conmon(8): `-c ID -b BUNDLE -p PIDFILE --exit-command PODMAN`, where
/// the bundle and the file are in the directories of the container.
fn of_conmon(words: &[String]) -> Option<Container> {
    let is = |path: &str, name: &str| Path::new(path).file_name().is_some_and(|of| of == name);
    let of = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1)
    };
    let is_podmans =
        is(words.first()?, "conmon") && of("--exit-command").is_some_and(|of| is(of, "podman"));
    let id = of("-c").filter(|id| is_podmans && is_id(id))?;
    let above = |path: &String| {
        let mut above = Path::new(path).ancestors();
        let own = above.find(|path| path.file_name().is_some_and(|name| *name == **id))?;
        own.parent().map(Path::to_path_buf)
    };
    let lists = ["-b", "-p"].into_iter().filter_map(of).filter_map(above);
    Some(Container::Podman {
        id: id.clone(),
        lists: lists.collect(),
    })
}

/// The container of a monitor of LXC or Incus, whose title is `[lxc monitor] DIRECTORY NAME`.
fn of_lxc(words: &[String]) -> Option<Container> {
    let title = words.first()?.strip_prefix("[lxc monitor] ")?;
    let (_, name) = title.trim_end().rsplit_once(' ')?;
    Some(Container::Lxc { name: name.into() })
}

fn by_cgroup(pid: i32) -> Option<Container> {
    let cgroups = procfs::text(&format!("/proc/{pid}/cgroup")).ok()?;
    in_cgroups(&cgroups)
}

/// The container in the lines of `/proc/PID/cgroup`; of containers in a container, the outer one.
fn in_cgroups(cgroups: &str) -> Option<Container> {
    let directories = cgroups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2));
    let mut directories = directories.flat_map(|path| path.split('/').zip(path.split('/').skip(1)));
    directories.find_map(|(above, directory)| {
        let directory = directory.trim_end_matches(".scope");
        let (engine, id) = match directory.split_once('-') {
            Some((engine, id)) => (engine, id),
            None => (above, directory),
        };
        let id = Some(id).filter(|id| is_id(id))?.to_string();
        match engine {
            "docker" => Some(Container::Docker { id }),
            "libpod" => Some(Container::Podman {
                id,
                lists: Vec::new(),
            }),
            _ => None,
        }
    })
}

fn is_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_cgroup() {
        let id = "0123456789abcdef".repeat(4);
        let docker = || Some(Container::Docker { id: id.clone() });
        let podman = || {
            Some(Container::Podman {
                id: id.clone(),
                lists: Vec::new(),
            })
        };
        for (path, expected) in [
            (format!("0::/docker/{id}"), docker()),
            (format!("0::/system.slice/docker-{id}.scope"), docker()),
            (format!("12:pids:/docker/{id}/init\n0::/"), docker()),
            (
                format!("0::/machine.slice/libpod-{id}.scope/container"),
                podman(),
            ),
            (format!("0::/libpod_parent/libpod-{id}"), podman()),
            (format!("0::/lxc.payload.web/docker/{id}"), docker()),
        ] {
            assert_eq!(in_cgroups(&path), expected, "{path}");
        }
        for other in [
            "0::/",
            "0::/docker",
            "0::/docker/short",
            "0::/openrc.docker",
            "0::/lxc.payload.web",
        ] {
            assert_eq!(in_cgroups(other), None, "{other}");
        }
    }
}
