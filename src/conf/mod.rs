//! The settings files of a namespace in, its settings out, every value with its place.
//! Here the language is read, and each setting is told apart by its name; what a value
//! means, and whether the values fit together, is `model::build`'s.

pub mod files;
pub mod iproute2;
mod listed;
mod reserved;
mod settings;
pub mod sh;
mod suggest;
mod unknown;
mod value;

use std::path::Path;

use crate::name::NetnsName;
use crate::source::Problem;

pub use files::Trust;
pub use listed::Listed;
pub use settings::Settings;
pub use value::{Piece, Setting};

/// Reads `DIR/netns`, the defaults for all, which may be missing, and then
/// `DIR/netns.NAME`, which must be there.
///
/// An error is what keeps a file from being read at all. What is wrong inside of the
/// files is kept in the settings, so that `model::build` can tell it together with what
/// it finds itself: nothing else can be done with settings that have a problem.
pub fn read(dir: &Path, name: &NetnsName, trust: Trust) -> Result<Settings, Vec<Problem>> {
    let paths = [dir.join("netns"), dir.join(format!("netns.{name}"))];
    let (mut texts, mut problems) = (Vec::new(), Vec::new());
    for path in &paths {
        match files::read_trusted(path, trust) {
            Ok(bytes) => texts.push(bytes),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(None) = texts.get(1) {
        problems.push(missing(&paths[1]));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let texts = paths.iter().zip(texts);
    let texts = texts.map(|(path, bytes)| (path.to_string_lossy(), bytes.unwrap_or_default()));
    let texts: Vec<_> = texts.collect();
    let files = texts
        .iter()
        .map(|(path, bytes)| (path.as_ref(), &bytes[..]));
    Ok(Settings::of(name, files.collect()))
}

/// Every namespace that has settings in this folder, sorted. What is no name is passed
/// over: a package manager's `netns.mgmt.apk-new`, an editor's `netns.mgmt~`.
pub fn names(dir: &Path, trust: Trust) -> Result<Vec<NetnsName>, Vec<Problem>> {
    let files = files::list_trusted(dir, trust).map_err(|problem| vec![problem])?;
    let names = files.iter().filter_map(|file| file.strip_prefix("netns."));
    let mut names: Vec<NetnsName> = names.filter_map(|name| name.parse().ok()).collect();
    names.sort();
    Ok(names)
}

/// The problems in lines, and at the end how many there were.
pub fn describe(name: &NetnsName, problems: &[Problem]) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in problems {
        lines.extend(problem.to_string().lines().map(String::from));
    }
    let count = problems.len();
    let s = if count == 1 { "" } else { "s" };
    lines.push(format!(
        "{count} problem{s} in the settings of {name}; nothing was changed"
    ));
    lines
}

fn missing(path: &Path) -> Problem {
    Problem {
        place: None,
        wrong: format!("{}: there is no such file", path.display()),
        remedy: format!(
            "expected the settings of the namespace; write them there, for example netns_links=\"eth1\", or make an empty file: touch {}",
            path.display()
        ),
    }
}
