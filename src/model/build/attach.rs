//! Parses `netns_attach`: the existing namespace that is given the name. It is not resolved here.

use std::fmt;

use super::keep;
use crate::conf::{Setting, Settings};
use crate::source::{Problem, Sourced};

/// The namespace to attach. It is printed as in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attach {
    /// The namespace of a process.
    Pid(u32),
    /// The namespace of an nsfs file, with an absolute path.
    Path(String),
    /// The namespace of a container.
    Container {
        /// `docker` or `podman`.
        program: &'static str,
        /// The container's name, or the beginning of its id.
        name: String,
    },
}

pub(super) fn attach(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Sourced<Attach>> {
    let word = settings.get("netns_attach").map(Setting::whole)?;
    keep(&word, read(word.text), problems)
}

fn read(text: &str) -> Result<Attach, (&'static str, &'static str)> {
    let container = |program, name: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(letter) {
            true => Ok(Attach::Container {
                program,
                name: name.into(),
            }),
            false => Err((
                "is not the name of a container",
                "expected its name or id, as docker ps or podman ps lists them",
            )),
        }
    };
    match text.split_once(':') {
        Some(("pid", number)) => match number.parse() {
            Ok(pid) if pid > 0 && !number.starts_with('+') => Ok(Attach::Pid(pid)),
            _ => Err((
                "does not name a process",
                "expected pid: and its number, such as pid:812",
            )),
        },
        // It is printed as a word of sh
        Some(("path", path)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/_.,:@%+=-".contains(c);
            match path.starts_with('/') && path.chars().all(plain) {
                true => Ok(Attach::Path(path.into())),
                false => Err((
                    "is not the path of a namespace",
                    "expected an absolute one without blanks, such as path:/proc/812/ns/net",
                )),
            }
        }
        Some(("docker", name)) => container("docker", name),
        Some(("podman", name)) => container("podman", name),
        _ => Err((
            "does not name a namespace",
            "expected pid:812, path:/proc/812/ns/net, docker:NAME or podman:NAME",
        )),
    }
}

impl fmt::Display for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attach::Pid(pid) => write!(f, "pid:{pid}"),
            Attach::Path(path) => write!(f, "path:{path}"),
            Attach::Container { program, name } => write!(f, "{program}:{name}"),
        }
    }
}
