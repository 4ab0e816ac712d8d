//! Loading a firewall's rules in a namespace, by the programs that know their languages:
//! ipset(8), nft(8), iptables-restore(8). Each load is all or nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::process::{Command, Stdio};

use super::children::mortal;
use super::{Kernel, Refusal, in_netns};
use crate::model::rules::{held, include, sets};
use crate::model::{Rules, Tool, Where};

/// Where the programs are looked for: they are the system's.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The chains that every table of iptables has.
const CHAINS: [(&str, &[&str]); 5] = [
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    ),
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

impl Kernel {
    /// Load rules, in the place of `old`.
    pub(super) fn load_rules(&mut self, new: &Rules, old: Option<&Rules>) -> Result<(), Refusal> {
        let netns = self.open(&Where::Inside)?;
        match new.tool {
            Tool::Ipset => load_sets(&netns, new, old),
            Tool::Nftables | Tool::Replies => {
                let text = delete_tables(old) + &new.text;
                let kept = old.filter(|old| *old == new);
                let kept = kept.map(|old| elements(&netns, old)).unwrap_or_default();
                let load = |text: &str| nft(&netns, &new.file, text);
                let loaded = match kept.is_empty() {
                    true => load(&text),
                    // One of them may not go with the others any more
                    false => load(&format!("{text}\n{kept}")).or_else(|_| load(&text)),
                };
                loaded.map_err(|no| in_its_file(no, new))
            }
            tool => {
                let program = format!("{tool}-restore");
                let text = new.text.clone() + &cleared(new, old);
                feed(&netns, &program, &["--test"], &new.file, &new.text)?;
                feed(&netns, &program, &["-w", "5"], &new.file, &text)
            }
        }
    }

    /// Take away the rules that were loaded.
    pub(super) fn unload_rules(&mut self, old: &Rules) -> Result<(), Refusal> {
        let netns = self.open(&Where::Inside)?;
        match old.tool {
            Tool::Ipset => {
                let text = destroy(old.sets());
                feed(&netns, "ipset", &["-exist", "restore"], &old.file, &text)
            }
            Tool::Nftables | Tool::Replies => nft(&netns, &old.file, &delete_tables(Some(old))),
            tool => {
                let none = Rules {
                    text: String::new(),
                    ..old.clone()
                };
                let program = format!("{tool}-restore");
                let text = cleared(&none, Some(old));
                feed(&netns, &program, &["-w", "5"], &old.file, &text)
            }
        }
    }

    /// All that nftables has there, as nft(8) lists it.
    pub fn ruleset_inside(&mut self) -> Result<String, Refusal> {
        let netns = self.open(&Where::Inside)?;
        run(&netns, "nft", &["list", "ruleset"], "nft list ruleset", "")
    }

    /// The tables of nftables that there are, as `FAMILY NAME`.
    pub fn tables(&mut self) -> Result<BTreeSet<String>, Refusal> {
        let netns = self.open(&Where::Inside)?;
        let listed = run(&netns, "nft", &["list", "tables"], "nft list tables", "")?;
        let names = listed
            .lines()
            .filter_map(|line| line.strip_prefix("table "));
        Ok(names.map(str::to_string).collect())
    }
}

/// A set that is there is filled beside itself, and the two change places: rules that
/// name it never see it half full.
fn load_sets(netns: &File, new: &Rules, old: Option<&Rules>) -> Result<(), Refusal> {
    let there = run(netns, "ipset", &["list", "-name"], &new.file, "")?;
    let (text, beside) = sets::beside(&new.text, &there.lines().collect());
    let ipset = |text: &str| feed(netns, "ipset", &["-exist", "restore"], &new.file, text);
    let loaded = ipset(&text);
    if loaded.is_err() {
        for other in &beside {
            let _ = ipset(&destroy(vec![other]));
        }
    }
    // A set that rules still name cannot go
    let gone = old.map(Rules::sets).unwrap_or_default();
    for set in gone
        .into_iter()
        .filter(|set| loaded.is_ok() && !new.sets().contains(set))
    {
        let _ = ipset(&destroy(vec![set]));
    }
    loaded
}

fn destroy(sets: Vec<&str>) -> String {
    sets.iter().map(|set| format!("destroy {set}\n")).collect()
}

/// The first line of nft's input, which takes the old tables away in the same transaction.
fn delete_tables(old: Option<&Rules>) -> String {
    let tables = old.map(|old| old.tables.as_slice()).unwrap_or_default();
    // Named before it is deleted, for it may be gone already
    let delete = |table| format!("table {table}; delete table {table}; ");
    tables.iter().map(delete).collect::<String>() + "\n"
}

/// What adds again the elements that the sets of these rules have now, for programs that ban
/// addresses add them.
fn elements(netns: &File, rules: &Rules) -> String {
    let of_table = |table: &String| {
        let words: Vec<&str> = ["list", "table"]
            .into_iter()
            .chain(table.split(' '))
            .collect();
        let listed = run(netns, "nft", &words, &rules.file, "").unwrap_or_default();
        held::elements(table, &listed)
    };
    rules.tables.iter().map(of_table).collect()
}

/// What nft says of a line of its input, behind the first one, is of the file that the line
/// was read from.
fn in_its_file(no: Refusal, rules: &Rules) -> Refusal {
    let said = no.said.map(|said| {
        let rest = said.strip_prefix(&format!("{}:", rules.file));
        let rest = rest.and_then(|rest| rest.split_once(':'));
        match rest.map(|(line, rest)| (line.parse::<usize>(), rest)) {
            Some((Ok(line), rest)) if line > 1 => {
                let (file, line) = include::origin(&rules.text, &rules.file, line - 1);
                format!("{file}:{line}:{rest}")
            }
            _ => said,
        }
    });
    Refusal { said, ..no }
}

/// What empties those tables of the old rules that the new ones do not have.
fn cleared(new: &Rules, old: Option<&Rules>) -> String {
    let tables = |rules: &Rules| -> BTreeSet<String> {
        let names = rules.text.lines().filter_map(|line| line.strip_prefix('*'));
        names.map(|name| name.trim().to_string()).collect()
    };
    let gone = old
        .map(|old| &tables(old) - &tables(new))
        .unwrap_or_default();
    let clear = |table: &String| {
        let chains = CHAINS
            .iter()
            .find(|(name, _)| name == table)
            .map(|(_, chains)| *chains);
        let chains = chains
            .unwrap_or_default()
            .iter()
            .map(|chain| format!(":{chain} ACCEPT [0:0]\n"));
        format!("\n*{table}\n{}COMMIT\n", chains.collect::<String>())
    };
    gone.iter().map(clear).collect()
}

fn nft(netns: &File, file: &str, text: &str) -> Result<(), Refusal> {
    feed(netns, "nft", &["-f", "-"], file, text)
}

fn feed(netns: &File, program: &str, args: &[&str], file: &str, text: &str) -> Result<(), Refusal> {
    run(netns, program, args, file, text).map(drop)
}

/// The program's own words, and the file's name in the place of the input's.
fn said(file: &str, words: &str) -> String {
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Try `"))
        .take(2)
        .collect();
    match lines.first() {
        Some(first) if first.starts_with("/dev/stdin:") => first.replace("/dev/stdin", file),
        _ => format!("{file}: {}", lines.join("; ")),
    }
}

/// Run a program inside with this input, and return what it prints. What it says against
/// the input, whose name is `file`, is the refusal.
pub(super) fn run(
    netns: &File,
    program: &str,
    args: &[&str],
    file: &str,
    input: &str,
) -> Result<String, Refusal> {
    let done = in_netns(netns, || output(program, args, input));
    let done = done.map_err(|errno| Refusal {
        said: (errno.kind() == ErrorKind::NotFound)
            .then(|| format!("there is no program {program}; install the package that has it")),
        errno,
    })?;
    match done {
        (true, printed) => Ok(printed),
        (false, words) => Err(Refusal {
            errno: io::Error::from(ErrorKind::InvalidInput),
            said: Some(said(file, &words)),
        }),
    }
}

/// Whether it succeeds, and what it prints on both of its outputs, by one pipe: std reads
/// two at once only by calls that end the program where the kernel refuses them.
fn output(program: &str, args: &[&str], input: &str) -> io::Result<(bool, String)> {
    let (mut said, end) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(end.try_clone()?)
        .stderr(end)
        .current_dir("/");
    let mut child = mortal(&mut command).spawn()?;
    // It holds the pipe's other end open
    drop(command);
    // It can end, and say why, before it has read all
    let written = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(input.as_bytes()),
        None => Ok(()),
    };
    let mut bytes = Vec::new();
    let read = said.read_to_end(&mut bytes);
    let status = child.wait()?;
    read?;
    // Half of the rules, or none, are no fault to who loads them
    if status.success() {
        written?;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((status.success(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_got_all_of_its_input_has_not_loaded_it() {
        // More than a pipe holds
        let input = "x".repeat(1 << 20);
        let run = |script: &str| output("sh", &["-c", script], &input).map_err(|e| e.kind());
        assert_eq!(run("exec <&-; sleep 0.1"), Err(ErrorKind::BrokenPipe));
        assert_eq!(run("echo no; exit 1"), Ok((false, "no\n".into())));
        assert_eq!(run("cat >/dev/null; echo yes"), Ok((true, "yes\n".into())));
    }
}
