//! The directories in which events matter to a namespace, and what an event on an entry means. Only
//! paths and names.

use std::path::{Path, PathBuf};

use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;
use crate::state_dir;
use crate::system::inotify::Touched;

/// The host's directory over whose files others are bound.
const ETC: &str = "/etc";

/// What an event means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Check the complete state: the event concerns the namespace, one that it depends on, or its
    /// state directory.
    pub state: bool,
    /// Check the bind mounts over files of /etc.
    pub etc: bool,
}

/// The directories to watch for a namespace. While it is down, only those in which it would appear.
pub fn dirs(name: &NetnsName, down: bool) -> Vec<PathBuf> {
    let of_name = |dir: &str| Path::new(dir).join(name.as_str());
    let mut dirs = vec![PathBuf::from(state_dir::STATE), of_name(state_dir::STATE)];
    if !down {
        let more = [state_dir::NAMESPACES, ETC, state_dir::ETC].map(PathBuf::from);
        dirs.extend(more);
        dirs.push(of_name(state_dir::ETC));
    }
    dirs
}

/// What an event on a file means to a namespace that concerns these links.
pub fn meaning<'a>(
    touched: &Touched,
    name: &NetnsName,
    related: impl IntoIterator<Item = &'a LinkRef>,
) -> Meaning {
    let Touched::Entry(path) = touched else {
        return Meaning {
            state: true,
            etc: true,
        };
    };
    let (Some(dir), Some(entry)) = (path.parent(), path.file_name()) else {
        return Meaning::default();
    };
    let of_name = |dir: &str| Path::new(dir).join(name.as_str());
    let other =
        |link: &LinkRef| matches!(&link.netns, Netns::Named(other) if entry == other.as_str());
    let etc = of_name(state_dir::ETC);
    let is_name = entry == name.as_str();
    let is_ours = dir == etc || path == &etc;
    Meaning {
        state: (dir == Path::new(state_dir::NAMESPACES)
            && (is_name || related.into_iter().any(other)))
            || path == &of_name(state_dir::STATE)
            || [state_dir::READY, state_dir::MET]
                .map(|file| of_name(state_dir::STATE).join(file))
                .contains(path)
            || is_ours,
        etc: is_ours
            || path == Path::new(state_dir::ETC)
            || (dir == Path::new(ETC) && etc.join(entry).symlink_metadata().is_ok()),
    }
}
