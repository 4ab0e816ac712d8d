//! House rules that a compiler cannot check, checked by reading the source: which module
//! may use what, how long a file may be, what netns-exec may use. Other tests check what
//! the programs do.

#![allow(clippy::panic, clippy::unwrap_used)]

mod tree;

use std::collections::BTreeSet;

use tree::{files, none, text, texts};

/// What each module may use from outside. A module that is not listed for a word may not use
/// it: so the stages without I/O can be tested without a kernel.
#[rustfmt::skip]
const MAY_USE: [(&str, &[&str]); 7] = [
    ("rtnetlink", &["src/kernel/"]),
    ("rustix", &["src/kernel/", "src/system/pidfd.rs", "src/setup/cmd/watch/memory.rs"]),
    ("tokio", &["src/kernel/", "src/system/inotify.rs", "src/setup/cmd/watch/"]),
    ("nix", &["src/kernel/", "src/system/", "src/exec/", "src/setup/", "src/bin/", "src/conf/files.rs"]),
    ("std::fs", &["src/kernel/", "src/system/", "src/exec/", "src/setup/", "src/conf/files.rs"]),
    (
        "std::process",
        &[
            "src/kernel/monitor/ping.rs", "src/kernel/sysctl/mod.rs", "src/system/", "src/bin/", "src/setup/attach.rs",
            "src/setup/hooks/mod.rs", "src/setup/cmd/trial/mod.rs",
        ],
    ),
    ("std::env", &["src/exec/", "src/bin/", "src/fuzz/"]),
];

/// The names that src/lib.rs has for some of these.
const IN_THE_MAP: [(&str, &str); 4] = [
    ("netlink", "rtnetlink"),
    ("files", "std::fs"),
    ("an async runtime", "tokio"),
    ("the environment", "std::env"),
];

/// Names that do not say what a module contains.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "helper", "helpers", "common", "core", "misc", "manager", "types",
];

/// The Rust files of the programs, with their text, without the tests beside the code.
fn sources() -> Vec<(String, String)> {
    let rust = files()
        .into_iter()
        .filter(|p| p.starts_with("src/") && p.ends_with(".rs"));
    let code = |text: String| match text.split_once("\n#[cfg(test)]\n") {
        Some((code, _)) => code.to_string(),
        None => text,
    };
    let texts = texts(rust.collect()).into_iter();
    texts.map(|(path, text)| (path, code(text))).collect()
}

/// The lines of code with their numbers, without comments.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether `line` uses `word` as a path: `word::…`, `use word;`.
fn uses(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + word.len()..];
        !before.is_some_and(|c| part_of_name(c) || c == '"' || c == '-')
            && (after.starts_with("::") || after.starts_with(';'))
    })
}

#[test]
fn each_stage_uses_only_what_is_its_own() {
    let mut faults = Vec::new();
    for (path, code) in sources() {
        for (word, allowed) in MAY_USE {
            if allowed.iter().any(|part| path.starts_with(part)) {
                continue;
            }
            for (number, line) in lines(&code).filter(|(_, line)| uses(line, word)) {
                faults.push(format!("{path}:{number}: {word} is not for here: {line}"));
            }
        }
    }
    none(faults);
}

#[test]
fn no_stage_knows_a_later_one() {
    // In the order in which data passes them.
    let order = [
        "name",
        "source",
        "state_dir",
        "os_error",
        "definitions",
        "conf",
        "model",
        "plan",
        "system",
        "kernel",
        "setup",
    ];
    let mut faults = Vec::new();
    for (path, code) in sources() {
        let stage = path
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap_or("");
        let Some(own) = order.iter().position(|s| *s == stage) else {
            continue;
        };
        for later in &order[own + 1..] {
            let word = format!("crate::{later}");
            let known = lines(&code).find(|(_, line)| uses(line, &word));
            // Files define the names of numbers, and the model interprets them.
            let names = path == "src/conf/iproute2.rs";
            if let Some((number, line)) = known.filter(|_| !names) {
                faults.push(format!("{path}:{number}: {stage} knows {later}: {line}"));
            }
        }
    }
    none(faults);
}

/// The part of src that a path is in: `src/conf/files.rs` is in `conf`.
fn part(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split(['/', '.']).next().unwrap_or(below)
}

#[test]
fn the_map_names_every_part_and_who_may_use_what() {
    let map = text("src/lib.rs");
    let lines: Vec<&str> = map.lines().collect();
    let mut declared = BTreeSet::new();
    for (n, line) in lines.iter().enumerate() {
        let module = line.strip_prefix("pub ").unwrap_or(line);
        let Some(module) = module
            .strip_prefix("mod ")
            .and_then(|m| m.strip_suffix(';'))
        else {
            continue;
        };
        let mut above = lines[..n].iter().rev();
        let told = above.find(|line| !line.starts_with("#["));
        assert!(
            told.is_some_and(|line| line.starts_with("// ")),
            "{module} has no line"
        );
        declared.insert(module);
    }
    let paths = files();
    let rust = paths.iter().filter(|path| path.starts_with("src/"));
    let there: BTreeSet<&str> = rust.map(|path| part(path)).collect();
    let programs = BTreeSet::from(["bin", "lib"]);
    assert_eq!(declared, &there - &programs);

    let said = |what: &str| -> BTreeSet<&str> {
        let head = format!("//! - {what}: ");
        let line = lines.iter().find_map(|line| line.strip_prefix(&head));
        let line = line.unwrap_or_else(|| panic!("the map has no line {head}"));
        line.split('`').skip(1).step_by(2).collect()
    };
    for (what, word) in IN_THE_MAP {
        let (_, parts) = MAY_USE.iter().find(|(known, _)| *known == word).unwrap();
        let parts: BTreeSet<&str> = parts.iter().map(|path| part(path)).collect();
        assert_eq!(said(what), &parts - &programs, "{what}");
    }
    let system = MAY_USE.iter().flat_map(|(_, parts)| parts.iter());
    let system: BTreeSet<&str> = system.map(|path| part(path)).collect();
    assert_eq!(said("nothing of the system"), &declared - &system);
}

/// Settings are read only from files of root; only tests use another user's.
#[test]
fn the_programs_trust_root_alone() {
    let mut said = Vec::new();
    for (path, code) in sources() {
        let told = lines(&code).filter(|(_, line)| line.contains("for_tests"));
        said.extend(told.map(|(number, line)| format!("{path}:{number}: {line}")));
    }
    assert!(
        matches!(&said[..], [one] if one.contains("pub const fn for_tests")),
        "{said:#?}"
    );
}

/// What a verb reports is data until the program prints it. Exceptions: a hook inherits
/// standard error, and the output of a trial's process is passed on.
#[test]
fn only_the_programs_print() {
    let may = ["src/setup/hooks/mod.rs", "src/setup/cmd/trial/mod.rs"];
    let print = ["stdout()", "stderr()", "println!", "print!(", "dbg!("];
    let mut said = Vec::new();
    for (path, code) in sources() {
        let is_program = ["src/bin/", "src/exec/", "src/fuzz/"]
            .iter()
            .any(|of| path.starts_with(of));
        let prints = |line: &str| print.iter().any(|word| line.contains(word));
        let found = lines(&code).filter(|(_, line)| prints(line));
        if !is_program && !may.contains(&path.as_str()) {
            said.extend(found.map(|(number, line)| format!("{path}:{number}: {line}")));
        }
    }
    none(said);
}

/// Each program of tests/ that uses neither the sandbox nor the test-bed runs in `make check`,
/// except these, which need root or what `make` built.
#[test]
fn make_check_runs_every_test_that_needs_no_root() {
    let others = ["linked", "roots"];
    let run_all = text("tests/run-all");
    let (_, list) = run_all.split_once("\nNO_ROOT='").unwrap_or_default();
    let (list, _) = list.split_once('\'').unwrap_or_default();
    let takes_root = |text: &str| {
        let mut lines = text.lines();
        lines.any(|line| ["mod common;", "mod testbed;"].contains(&line))
    };
    let mut none_needed = Vec::new();
    for (path, text) in texts(files()) {
        let name = path
            .strip_prefix("tests/")
            .and_then(|path| path.strip_suffix(".rs"));
        let name = name.filter(|name| !name.contains('/') && !others.contains(name));
        none_needed.extend(name.filter(|_| !takes_root(&text)).map(String::from));
    }
    assert_eq!(none_needed, list.split(' ').collect::<Vec<_>>());
}

#[test]
fn netns_exec_knows_no_settings_and_no_runtime() {
    let mut faults = Vec::new();
    let own = ["src/exec/", "src/bin/netns-exec.rs"];
    let foreign = [
        "source", "conf", "model", "plan", "system", "kernel", "setup",
    ];
    for (path, code) in sources() {
        if !own.iter().any(|part| path.starts_with(part)) {
            continue;
        }
        for stage in foreign {
            for prefix in ["crate", "netns_services"] {
                let word = format!("{prefix}::{stage}");
                let known = lines(&code).filter(|(_, line)| uses(line, &word));
                faults.extend(known.map(|(n, line)| format!("{path}:{n}: {line}")));
            }
        }
    }
    none(faults);
}

#[test]
fn a_file_says_what_it_is() {
    let mut faults = Vec::new();
    for (path, code) in sources() {
        if !code.starts_with("//!") {
            faults.push(format!("{path}: does not begin with //!"));
        }
    }
    let tests = files()
        .into_iter()
        .filter(|p| p.starts_with("tests/") && p.ends_with(".rs"));
    for (path, text) in texts(tests.collect()) {
        if !text.starts_with("//!") {
            faults.push(format!("{path}: does not begin with //!"));
        }
    }
    none(faults);
}

#[test]
fn a_module_is_named_after_what_it_holds() {
    let rust = files()
        .into_iter()
        .filter(|p| p.starts_with("src/") && p.ends_with(".rs"));
    let empty = |path: &String| {
        let parts = path.trim_end_matches(".rs").split('/');
        parts.into_iter().any(|part| EMPTY_NAMES.contains(&part))
    };
    none(rust.filter(empty).collect());
}

/// Where `if` or `while` joins a `let` with `&&`, or a match guard has one: the number of the line.
/// In the condition of an `if let`, `&&` without parentheses around it joins.
fn let_chains(text: &str) -> Vec<usize> {
    let at_line = |at: usize| text[..at].lines().count();
    let joined = text.match_indices("&& let ").map(|(at, _)| at_line(at));
    let begins = ["if let ", "while let "].map(|words| text.match_indices(words));
    let begins = begins.into_iter().flatten().map(|(at, _)| at);
    let joins = begins.filter(|&at| {
        let (mut depth, mut is_value) = (0, false);
        for (n, c) in text[at..].char_indices() {
            let rest = &text[at + n..];
            match c {
                _ if text[..at + n].ends_with('\'') && rest[c.len_utf8()..].starts_with('\'') => {}
                '{' if is_value && depth == 0 => return false,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ if depth == 0 && rest.starts_with("= ") => is_value = true,
                _ if depth == 0 && (rest.starts_with("&& ") || rest.starts_with("=> ")) => {
                    return true;
                }
                _ => {}
            }
        }
        false
    });
    joined.chain(joins.map(at_line)).collect()
}

/// Rust 1.85, which Debian 13 has, does not know them. Clippy reports functions of the standard
/// library that are newer than `rust-version`, and not this.
#[test]
fn the_programs_compile_with_the_oldest_rust_that_is_named() {
    let found = |text| let_chains(text).len();
    assert_eq!(found("if let Some(a) = b && c {"), 1);
    assert_eq!(found("if let A { b } = c\n    && d(e)\n{"), 1);
    assert_eq!(found("while a && let Some(b) = c {"), 1);
    assert_eq!(found("Some(a) if let Some(b) = c => {}"), 1);
    assert_eq!(found("if let A { b } = c(|d| d && e) { f && g }"), 0);
    let all = sources().into_iter();
    let faults = all.flat_map(|(path, text)| {
        let lines = let_chains(&text).into_iter();
        lines.map(move |line| format!("{path}:{line}: write two conditions"))
    });
    none(faults.collect());
}

#[test]
fn unsafe_code_is_in_few_small_files_and_where_the_c_library_enters() {
    let mut faults = Vec::new();
    for (path, code) in sources() {
        let mut unsafes = lines(&code).filter(|(_, line)| line.contains("unsafe"));
        let count = code.lines().count();
        let allowed = match path.as_str() {
            "src/exec/syscall.rs" => 300,
            "src/exec/argv.rs" => 90,
            "src/exec/bpf.rs" => 60,
            // ioctls of /dev/net/tun, for which netlink has no replacement
            "src/kernel/link/tap/mod.rs" => 130,
            "src/system/netns/owner.rs" => 60,
            "src/system/spawn.rs" => 50,
            // the trait of an allocator is unsafe
            "src/allocator.rs" => 90,
            // madvise
            "src/setup/cmd/watch/memory.rs" => 115,
            // an ioctl of sockets
            "src/system/netns/of_socket.rs" => 30,
            "src/bin/netns-exec.rs" => 30,
            _ => 0,
        };
        if unsafes.next().is_some() && count > allowed {
            faults.push(format!("{path}: {count} lines, {allowed} at most"));
        }
    }
    none(faults);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // In parts, so that this file does not match.
    let places = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/runner"),
        concat!(".lib", "rary/"),
        concat!("../sha", "red"),
    ];
    let mut faults = Vec::new();
    for (path, text) in texts(files()) {
        for (number, line) in text.lines().enumerate() {
            // A path such as /proc/1/root is on every machine.
            let words = line
                .split([' ', '"'])
                .filter(|word| !word.contains("/proc/"));
            let mut words = words.flat_map(|word| places.iter().map(move |place| (word, place)));
            if words.any(|(word, place)| word.contains(place)) {
                faults.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    none(faults);
}

#[test]
fn the_version_stands_in_one_place() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(text("CHANGELOG.md").contains(&format!("\n## {version}")));
    let elsewhere = files().into_iter().filter(|path| {
        !["Cargo.toml", "Cargo.lock", "CHANGELOG.md"].contains(&path.as_str())
            && !path.starts_with("tests/")
            && !path.starts_with("LICENSE")
    });
    let named = format!("netns-services {version}");
    let elsewhere = texts(elsewhere.collect()).into_iter();
    none(
        elsewhere
            .filter(|(_, text)| text.contains(&named))
            .map(|(path, _)| path)
            .collect(),
    );
}

/// Words that are not used, each with the word to use.
const OTHER_WORDS: [(&str, &str); 8] = [
    ("card", "NIC"),
    ("cards", "NICs"),
    ("folder", "directory"),
    ("folders", "directories"),
    ("remedy", "hint"),
    ("remedies", "hints"),
    ("refusal", "error"),
    ("refusals", "errors"),
];

/// What a person reads besides the sources: documentation, settings, scripts.
#[test]
fn one_thing_has_one_word() {
    let is_read = |path: &String| {
        let parts = [
            "man/",
            "conf.d/",
            "docs/",
            "openrc/",
            "runit/",
            "libexec/",
            "completions/",
        ];
        // A key of JSON keeps its name
        parts.iter().any(|part| path.starts_with(part)) && !path.ends_with(".json")
            || path.ends_with(".md")
            || path == "Makefile"
    };
    let mut faults = Vec::new();
    for (path, text) in texts(files().into_iter().filter(is_read).collect()) {
        for (number, line) in lines(&text) {
            // Pages quote commits and tests, and explain what a NIC is
            let quotes = path.ends_with(".md");
            let own: Vec<_> = line.split('"').step_by(1 + usize::from(quotes)).collect();
            let own = own.join(" ").replace("network card", "");
            for (word, ours) in other_words(&own, &OTHER_WORDS) {
                faults.push(format!("{path}:{number}: {word}: expected {ours}: {line}"));
            }
        }
    }
    none(faults);
}

/// The words of `list` that a line contains, each with the word to use.
fn other_words<'a>(line: &str, list: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    // The name of a test or a file counts as one word
    let words = line.split(|c: char| !c.is_alphanumeric() && !"_./".contains(c));
    let words: BTreeSet<String> = words
        .map(|word| word.trim_matches('.').to_lowercase())
        .collect();
    let found = list.iter().filter(|(other, _)| words.contains(*other));
    found.copied().collect()
}

/// Further words that comments do not use. Settings and messages may need them.
const OTHER_WORDS_OF_COMMENTS: [(&str, &str); 7] = [
    ("whole", "complete"),
    ("anew", "again, or recreated"),
    ("mend", "repair"),
    ("mended", "repaired"),
    ("twin", "the file of the same name"),
    ("tied", "linked"),
    ("whoever", "the process or the person that"),
];

#[test]
fn comments_use_the_words_of_the_documentation() {
    let list = [&OTHER_WORDS[..], &OTHER_WORDS_OF_COMMENTS].concat();
    let rust = |path: &String| path.starts_with("src/") && path.ends_with(".rs");
    let sources = files().into_iter().filter(rust);
    let mut faults = Vec::new();
    for (path, text) in texts(sources.collect()) {
        let comments = text.lines().enumerate();
        let comments = comments.filter(|(_, line)| line.trim_start().starts_with("//"));
        for (n, line) in comments {
            for (word, ours) in other_words(line, &list) {
                faults.push(format!("{path}:{}: {word}: expected {ours}: {line}", n + 1));
            }
        }
    }
    none(faults);
}
