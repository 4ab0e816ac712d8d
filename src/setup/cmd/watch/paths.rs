//! Where things happen that matter to a namespace: the folders to watch, and what an entry
//! of them means. Paths and names only.

use std::path::{Path, PathBuf};

use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;
use crate::state_dir;
use crate::system::inotify::Touched;

/// The host's folder whose files are bound over.
const ETC: &str = "/etc";

/// What an entry means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// The namespace, what it depends on or what is kept of it: look at all of it.
    pub state: bool,
    /// What is bound over files of /etc may be lost.
    pub etc: bool,
}

/// The folders to watch for a namespace; of one that is down, only where it would appear.
pub fn folders(name: &NetnsName, down: bool) -> Vec<PathBuf> {
    let of_name = |folder: &str| Path::new(folder).join(name.as_str());
    let mut folders = vec![PathBuf::from(state_dir::STATE), of_name(state_dir::STATE)];
    if !down {
        let more = [state_dir::NAMESPACES, ETC, state_dir::ETC].map(PathBuf::from);
        folders.extend(more);
        folders.push(of_name(state_dir::ETC));
    }
    folders
}

/// What something that was touched means to a namespace that has to do with these links.
pub fn meaning<'a>(
    touched: &Touched,
    name: &NetnsName,
    asked: impl IntoIterator<Item = &'a LinkRef>,
) -> Meaning {
    let Touched::Entry(path) = touched else {
        return Meaning {
            state: true,
            etc: true,
        };
    };
    let (Some(folder), Some(entry)) = (path.parent(), path.file_name()) else {
        return Meaning::default();
    };
    let of_name = |folder: &str| Path::new(folder).join(name.as_str());
    let other = |link: &LinkRef| matches!(&link.at, Netns::Named(other) if entry == other.as_str());
    let etc = of_name(state_dir::ETC);
    let is_name = entry == name.as_str();
    let is_ours = folder == etc || path == &etc;
    Meaning {
        state: (folder == Path::new(state_dir::NAMESPACES)
            && (is_name || asked.into_iter().any(other)))
            || path == &of_name(state_dir::STATE)
            || [state_dir::READY, state_dir::MET]
                .map(|file| of_name(state_dir::STATE).join(file))
                .contains(path)
            || is_ours,
        etc: is_ours
            || path == Path::new(state_dir::ETC)
            || (folder == Path::new(ETC) && etc.join(entry).symlink_metadata().is_ok()),
    }
}
