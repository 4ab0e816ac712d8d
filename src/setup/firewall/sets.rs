//! A directory of ipset sets, as the scripts of distributions have it in /etc/ipset.d: each file is
//! one set of the same name.

use std::path::Path;

use crate::conf::Trust;
use crate::conf::files::{list_trusted, read_rules};
use crate::source::Problem;

/// The sets, in the format of `ipset save`: the first line of a file creates the set, each further
/// line adds an entry. Sets of sets come last, because they refer to others.
pub fn of_dir(dir: &Path, trust: Trust) -> Result<String, Vec<Problem>> {
    let mut names = list_trusted(dir, trust).map_err(|e| vec![e])?;
    names.retain(|name| !name.starts_with('.') && dir.join(name).is_file());
    names.sort();
    let (mut sets, mut lists, mut problems) = (String::new(), String::new(), Vec::new());
    for set in names {
        let path = dir.join(&set);
        match read_rules(&path, trust) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
                let text = of_file(&set, &text);
                match text.starts_with(&format!("create {set} list:set")) {
                    true => lists += &text,
                    false => sets += &text,
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(sets + &lists)
    } else {
        Err(problems)
    }
}

fn of_file(set: &str, text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '/']));
    let verbs = ["create"].into_iter().chain(std::iter::repeat("add"));
    let words = lines.zip(verbs);
    words
        .map(|(line, verb)| format!("{verb} {set} {line}\n"))
        .collect()
}
