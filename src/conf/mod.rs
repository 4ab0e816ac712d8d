//! Reads the settings files of a namespace. Every value keeps its file and line. This stage parses
//! the language and assigns each setting by its name to the namespace or to a link. `model::build`
//! interprets the values and checks whether they fit together.

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

/// Read `DIR/netns`, the defaults for all namespaces, which may be missing, and then
/// `DIR/netns.NAME`, which must exist.
///
/// An error is returned only if a file cannot be read at all. Problems in the content are kept in
/// the settings, so that `model::build` can report them together with its own. Settings that have a
/// problem are used for nothing else.
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

/// All namespaces that have settings in this directory, sorted. Files whose names are not valid are
/// ignored, such as a package manager's `netns.mgmt.apk-new` and an editor's `netns.mgmt~`.
pub fn names(dir: &Path, trust: Trust) -> Result<Vec<NetnsName>, Vec<Problem>> {
    let files = files::list_trusted(dir, trust).map_err(|problem| vec![problem])?;
    let names = files.iter().filter_map(|file| file.strip_prefix("netns."));
    let mut names: Vec<NetnsName> = names.filter_map(|name| name.parse().ok()).collect();
    names.sort();
    Ok(names)
}

/// The problems as lines of text, and a last line with their number.
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
