//! The project's own files, for the tests that read them: functions return paths and
//! texts. Built files and git's own files are left out.

// Each test file uses a part of this.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of the project.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The text of a file, by its path in the project.
#[track_caller]
pub fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The paths of all files, in the project, sorted.
pub fn files() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(ROOT).join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().expect("a type");
            // (In a worktree of git, .git is a file. The crates of a release are in vendor.)
            if [".git", "target", "vendor", ".cargo"].contains(&path.to_str().expect("a name")) {
                continue;
            } else if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path.to_str().expect("a name").to_string());
            }
        }
    }
    found.sort();
    found
}

/// Those of `files` that are text, with their text.
pub fn texts(files: Vec<String>) -> Vec<(String, String)> {
    let read = |path: String| {
        let text = fs::read_to_string(Path::new(ROOT).join(&path)).ok()?;
        Some((path, text))
    };
    files.into_iter().filter_map(read).collect()
}

/// The settings of namespaces in `text`: name and settings of each block whose first line names
/// the file.
pub fn examples(text: &str, end: &str) -> Vec<(String, String)> {
    let blocks = text.split("\n# /etc/conf.d/netns.").skip(1).map(|rest| {
        let (name, rest) = rest.split_once('\n').expect("a line");
        let settings = rest.split(end).next().expect("a line");
        (name.to_string(), format!("{}\n", settings.trim_end()))
    });
    blocks.collect()
}

/// Whether to call this program. A missing program makes the test fail that calls it; but in
/// `make check`, which installs nothing, it is left out, and that is printed at the end
/// (tests/check).
pub fn is_asked(program: &str) -> bool {
    let Some(left_out) = env::var_os("NETNS_TESTS_LEFT_OUT") else {
        return true;
    };
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    let list = File::options().append(true).open(left_out);
    let written = list.and_then(|mut list| writeln!(list, "{program} (not installed)"));
    written.expect("make check has made the list");
    false
}

/// The output of a command in the project's directory, both standard output and error, and
/// whether it exited with 0. A missing program makes the test fail.
#[track_caller]
pub fn said(words: &[&str]) -> (bool, String) {
    let command = &mut Command::new(words[0]);
    let out = command.args(&words[1..]).current_dir(ROOT).output();
    let out = out.unwrap_or_else(|e| {
        panic!(
            "cannot run {}: {e}; tests/get-tools test installs it",
            words[0]
        )
    });
    let mut said = String::from_utf8_lossy(&out.stdout).into_owned();
    said += &String::from_utf8_lossy(&out.stderr);
    (out.status.success(), said)
}

/// Fails the test with all of `faults`, one on each line, if there is any.
#[track_caller]
pub fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
