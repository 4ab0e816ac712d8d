//! The files that a rule file of nft includes, as a program inside sees them. Their text replaces
//! the include statements, so that all of it is checked, compared and loaded as one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::conf::Trust;
use crate::conf::files::{RULES_MIB, list_trusted, may_be_there, read_rules};
use crate::model::firewall::include::{Part, mark, parts};
use crate::model::firewall::pattern::{is_pattern, matches};
use crate::name::NetnsName;
use crate::source::{Position, Problem};
use crate::{exec, state_dir};

/// The maximal depth of includes, as in nft(8).
const DEEPEST: usize = 16;

/// The files in /etc as a namespace sees them.
pub struct EtcView<'a> {
    /// The namespace.
    pub netns: &'a NetnsName,
    /// The directory /etc/netns/NAME is an overlay over /etc (`netns_etc`).
    pub overlay: bool,
    /// The owner that the files must have.
    pub trust: Trust,
}

/// The text of a file, with all files that it includes.
pub fn expand(main: &str, text: &str, view: &EtcView) -> Result<String, Vec<Problem>> {
    let mut reading = Reading {
        view,
        dir: Path::new(main).parent().unwrap_or(Path::new("/")),
        text: String::with_capacity(text.len()),
        problems: Vec::new(),
    };
    reading.add(main, text, 0);
    if reading.problems.is_empty() {
        Ok(reading.text)
    } else {
        Err(reading.problems)
    }
}

struct Reading<'a> {
    view: &'a EtcView<'a>,
    /// The directory of the file that includes all others.
    dir: &'a Path,
    text: String,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn add(&mut self, file: &str, text: &str, depth: usize) {
        let mut line = 1;
        for part in parts(text) {
            match part {
                Part::Rules(rules) => {
                    self.text += rules;
                    line += rules.matches('\n').count();
                }
                Part::Include(pattern, lines) => {
                    let place = Position {
                        file: file.into(),
                        line: u32::try_from(line).unwrap_or_default(),
                        column: 1,
                    };
                    self.include(pattern, &place, depth);
                    line += lines;
                    mark(&mut self.text, file, line);
                }
            }
        }
    }

    fn include(&mut self, pattern: &str, place: &Position, depth: usize) {
        let problem = |wrong: &str, remedy: &str| Problem {
            place: Some(place.clone()),
            wrong: format!("include \"{pattern}\": {wrong}"),
            remedy: remedy.into(),
        };
        if depth == DEEPEST || self.text.len() > RULES_MIB * 1024 * 1024 {
            let wrong = format!(
                "is included {DEEPEST} levels deep, or the files have more than {RULES_MIB} MiB together"
            );
            let remedy = "expected fewer levels and smaller files; does a file include itself?";
            return self.problems.push(problem(&wrong, remedy));
        }
        let found = match self.found(pattern) {
            Ok(found) => found,
            Err((wrong, remedy)) => return self.problems.push(problem(&wrong, &remedy)),
        };
        for path in found {
            let name = path.display().to_string();
            match read_rules(&path, self.view.trust) {
                Ok(Some(bytes)) => match String::from_utf8(bytes) {
                    Ok(text) => {
                        mark(&mut self.text, &name, 1);
                        self.add(&name, &text, depth + 1);
                    }
                    Err(_) => self.problems.push(problem(
                        &format!("{name} is not text in UTF-8"),
                        "expected rules for nftables",
                    )),
                },
                Ok(None) => self.problems.push(problem(
                    &format!("there is no file {name}"),
                    "write the rules there, or remove the line",
                )),
                // The first of its two lines names the file already
                Err(problem) => self.problems.push(problem),
            }
            if !self.problems.is_empty() {
                return;
            }
        }
    }

    /// The files that match a pattern, sorted. The error is what is wrong with the pattern, and a
    /// hint.
    fn found(&self, pattern: &str) -> Result<Vec<PathBuf>, (String, String)> {
        let (path, trust) = (Path::new(pattern), self.view.trust);
        let upward = path.components().any(|part| part.as_os_str() == "..");
        if pattern.starts_with("./") || upward {
            return Err((
                "depends on the directory it is loaded from".into(),
                "write the absolute path, without . and ..".into(),
            ));
        }
        if path.is_absolute() {
            return all(self.view.roots(path)?, pattern, trust);
        }
        // As nft does: look in its default directory, then beside the first file
        let of_etc = Path::new("/etc").join(path);
        let beside = vec![self.dir.join(path)];
        let seen = match self.view.roots(&of_etc) {
            Ok(roots) => all(roots, pattern, trust)?,
            Err(_) => Vec::new(),
        };
        if seen.iter().any(|path| may_be_there(path)) {
            Ok(seen)
        } else {
            all(beside, pattern, trust)
        }
    }
}

impl EtcView<'_> {
    /// The paths at which a file of /etc can be, in the order of preference: netns-exec binds each
    /// entry of `/etc/netns/NAME` over the entry of the same name in /etc.
    fn roots(&self, path: &Path) -> Result<Vec<PathBuf>, (String, String)> {
        let host = vec![path.to_path_buf()];
        let Ok(below) = path.strip_prefix("/etc") else {
            return Ok(host);
        };
        let dir = Path::new(state_dir::ETC).join(self.netns.as_str());
        let Some(entry) = below.iter().next().and_then(|entry| entry.to_str()) else {
            return Ok(host);
        };
        let is_bound = !exec::NOT_FOR_ETC.contains(&entry.as_bytes()) && entry != "netns";
        if is_pattern(entry) || (is_bound && self.overlay) {
            return Ok(vec![dir.join(below), path.to_path_buf()]);
        }
        if !is_bound || !may_be_there(&dir.join(entry)) {
            return Ok(host);
        }
        match fs::symlink_metadata(Path::new("/etc").join(entry)) {
            Ok(_) => Ok(vec![dir.join(below)]),
            Err(_) => Err((
                format!(
                    "there is {}, and no /etc/{entry} that it could be bound over",
                    dir.join(entry).display()
                ),
                format!(
                    "write include \"{}\", or make an empty /etc/{entry}",
                    dir.join(below).display()
                ),
            )),
        }
    }
}

/// The files that match any of these patterns, sorted by name. Of files with the same name, the
/// first is taken. A path without wildcards is returned even if it does not exist.
fn all(roots: Vec<PathBuf>, pattern: &str, trust: Trust) -> Result<Vec<PathBuf>, (String, String)> {
    if !is_pattern(pattern) {
        let there = roots.iter().find(|path| may_be_there(path));
        return Ok(there.or(roots.first()).cloned().into_iter().collect());
    }
    let Some(shortest) = roots.iter().map(|root| root.iter().count()).min() else {
        return Ok(Vec::new());
    };
    if let [root] = &roots[..] {
        return expanded(root, trust);
    }
    // The part below /etc has the same length for all roots
    let below = shortest - Path::new("/etc").iter().count();
    let mut found = BTreeMap::new();
    for root in roots {
        for path in expanded(&root, trust)? {
            let above = path.iter().count() - below;
            let name: PathBuf = path.iter().skip(above).collect();
            found.entry(name).or_insert(path);
        }
    }
    Ok(found.into_values().collect())
}

fn expanded(pattern: &Path, trust: Trust) -> Result<Vec<PathBuf>, (String, String)> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.iter() {
        let text = part.to_string_lossy();
        if !is_pattern(&text) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut more = Vec::new();
        for dir in found.into_iter().filter(|dir| dir.is_dir()) {
            let names = list_trusted(&dir, trust).map_err(|e| (e.wrong, e.remedy))?;
            let taken = names.into_iter().filter(|name| matches(&text, name));
            more.extend(taken.map(|name| dir.join(name)));
        }
        found = more;
    }
    // Keep dangling symlinks, so that they are reported
    found.retain(|path| path.symlink_metadata().is_ok());
    found.sort();
    Ok(found)
}
