//! The services of OpenRC whose settings say that they are to be inside: a folder of
//! settings in, services and where they say so out.

use std::fs;
use std::path::Path;

use crate::name::NetnsName;

/// Each service that says `netns=NAME`, and the place, in the order of their names.
pub fn inside(conf_dir: &Path, name: &NetnsName) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in fs::read_dir(conf_dir).into_iter().flatten().flatten() {
        let service = file.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        if let Some(line) = said(&text, name) {
            found.push((service, format!("{}:{line}", file.path().display())));
        }
    }
    found.sort();
    found
}

/// The line that says `netns=NAME`, the last one to say anything of it. These are other
/// programs' settings, and may be any shell.
fn said(text: &str, name: &NetnsName) -> Option<usize> {
    let value = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let value = line.strip_prefix("netns=")?;
        let end = |c: char| c.is_whitespace() || c == ';' || c == '#';
        let value = value.split(end).next().unwrap_or_default();
        Some(value.trim_matches(['"', '\'']).to_string())
    };
    let lines = text.lines().enumerate();
    let said = lines.filter_map(|(number, line)| Some((number + 1, value(line)?)));
    said.last()
        .filter(|(_, value)| value == name.as_str())
        .map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_line_that_says_netns_counts() {
        let of = |text| said(text, &"mgmt".parse().unwrap());
        assert_eq!(of("a=1\nnetns=\"mgmt\" # inside\n"), Some(2));
        assert_eq!(of("export netns='mgmt'; b=2\n"), Some(1));
        assert_eq!(of("netns=mgmt\nnetns=\n"), None);
        assert_eq!(of("#netns=mgmt\nmy_netns=mgmt\nnetns=mgmt2\n"), None);
    }
}
