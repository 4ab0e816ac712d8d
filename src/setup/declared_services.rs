//! The services that settings of OpenRC and runit put inside a namespace. The settings are only
//! read: a service runs inside because of `netns=` in conf.d, or because its `run` file calls
//! netns-exec.

use std::fs;
use std::path::{Path, PathBuf};

use crate::conf::files::read_plain;
use crate::name::NetnsName;

/// The scripts of OpenRC, and the settings for all services.
const SCRIPTS: &str = "/etc/init.d";
const RC_CONF: &str = "/etc/rc.conf";
const RC_CONF_DIR: &str = "/etc/rc.conf.d";

/// The file in [`RC_CONF_DIR`] that makes `netns=` work. OpenRC reads `*.conf` there.
const OWN_HOOK: &str = "netns.conf";

/// The services with `netns=NAME`, sorted by name, each with the position of the setting.
pub fn inside(conf_dir: &Path, name: &NetnsName) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in fs::read_dir(conf_dir).into_iter().flatten().flatten() {
        let service = file.file_name().to_string_lossy().into_owned();
        let text = read_plain(&file.path());
        if let Some(line) = netns_line(&text, name) {
            found.push((service, format!("{}:{line}", file.path().display())));
        }
    }
    found.sort();
    found
}

/// Returns true if the script calls netns-exec.
pub fn names_program(text: &str) -> bool {
    code(text).any(|line| line.contains("netns-exec"))
}

/// The line that sets `netns=NAME`, if no later line sets it differently. The settings belong to
/// other programs, and may contain any shell code.
fn netns_line(text: &str, name: &NetnsName) -> Option<usize> {
    let value = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let value = line.strip_prefix("netns=")?;
        let end = |c: char| c.is_whitespace() || c == ';' || c == '#';
        let value = value.split(end).next().unwrap_or_default();
        Some(value.trim_matches(['"', '\'']).to_string())
    };
    let lines = text.lines().enumerate();
    let settings = lines.filter_map(|(number, line)| Some((number + 1, value(line)?)));
    settings
        .last()
        .filter(|(_, value)| value == name.as_str())
        .map(|(number, _)| number)
}

/// The position in a runit service's `run` file that runs the daemon inside: `exec netns-exec
/// NAME`, possibly with other commands in between.
pub fn inside_by_runit(dir: &Path, name: &NetnsName) -> Option<String> {
    let file = dir.join("run");
    let line = exec_line(&read_plain(&file), name)?;
    Some(format!("{}:{line}", file.display()))
}

fn exec_line(text: &str, name: &NetnsName) -> Option<usize> {
    let becomes = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() == Some("exec")
            && words.any(|word| word.rsplit('/').next() == Some("netns-exec"))
            && words.find(|word| !word.starts_with('-')) == Some(name.as_str())
    };
    let mut lines = text.lines().enumerate();
    lines.find_map(|(number, line)| becomes(line).then_some(number + 1))
}

/// Returns true if no setting puts the service inside or lets it stay where it was started
/// (`netns_from_inside`), and false if that cannot be decided by reading the settings.
pub fn on_host(conf_dir: &Path, service: &str) -> bool {
    // The services of the namespaces themselves, and of their firewalls
    let ours = [
        "netns.",
        "netns-ipset.",
        "netns-iptables.",
        "netns-nftables.",
    ];
    if ours.iter().any(|ours| service.starts_with(ours)) {
        return false;
    }
    let script = read_plain(&Path::new(SCRIPTS).join(service));
    let mut settings = Vec::from([RC_CONF.into()]);
    let is_read = |file: &str| file.ends_with(".conf") && file != OWN_HOOK;
    settings.extend(files(Path::new(RC_CONF_DIR), is_read));
    // The settings for runlevels, and those of `net` for a service like net.eth0
    let base = service.split('.').next().unwrap_or_default();
    let is_of = |file: &str| {
        [service, base].iter().any(|of| {
            let rest = file.strip_prefix(of);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    settings.extend(files(conf_dir, is_of));
    let texts = settings.iter().map(|file| read_plain(file));
    !names_netns(&script) && texts.into_iter().all(|text| is_silent(&text))
}

fn files(dir: &Path, take: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).into_iter().flatten().flatten();
    let taken = all.filter(|file| file.file_name().to_str().is_some_and(&take));
    taken.map(|file| file.path()).collect()
}

/// Returns true if the settings do not mention netns, and source no other file that could.
fn is_silent(text: &str) -> bool {
    let sources = |line: &str| {
        let line = line.trim_start();
        line.starts_with(". ") || line.starts_with("source ")
    };
    let stays = |line: &str| line.contains("netns_from_inside=") && line.contains("stay");
    !names_netns(text) && !code(text).any(|line| sources(line) || stays(line))
}

/// Returns true if the text has `netns` as a word of its own, as in `netns=`, `${netns:-}` or
/// `netns-exec`.
fn names_netns(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code(text).any(|line| line.split(|c| !part(c)).any(|word| word == "netns"))
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_speaks_of_netns_is_not_silent() {
        for text in [
            "",
            "port=80\n#netns=mgmt\n  # netns=\n",
            "my_netns=1 netns_mode=daemon netns_from_inside=leave\n",
            "a=\"./netns_of\"\n",
        ] {
            assert!(is_silent(text), "{text}");
        }
        for text in [
            "netns=mgmt\n",
            "a=1; netns=\n",
            ": ${netns:=mgmt}\n",
            "export netns\n",
            "command=netns-exec\n",
            ". /etc/more\n",
            "  source /etc/more\n",
            "netns_from_inside=\"stay\"\n",
        ] {
            assert!(!is_silent(text), "{text}");
        }
    }

    #[test]
    fn a_run_file_that_becomes_its_daemon_inside_says_so() {
        let of = |text| exec_line(text, &"mgmt".parse().unwrap());
        assert_eq!(of("#!/bin/sh\nexec netns-exec mgmt -- sshd -D\n"), Some(2));
        assert_eq!(
            of("exec env A=1 /usr/sbin/netns-exec --vrf=a mgmt -- x"),
            Some(1)
        );
        for other in [
            "#exec netns-exec mgmt -- a",
            "netns-exec mgmt -- nft -f x\nexec sleep 1",
            "exec netns-exec mgmt2 -- a",
            "exec socat x EXEC:'netns-exec mgmt -- a'",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_line_that_says_netns_counts() {
        let of = |text| netns_line(text, &"mgmt".parse().unwrap());
        assert_eq!(of("a=1\nnetns=\"mgmt\" # inside\n"), Some(2));
        assert_eq!(of("export netns='mgmt'; b=2\n"), Some(1));
        assert_eq!(of("netns=mgmt\nnetns=\n"), None);
        assert_eq!(of("#netns=mgmt\nmy_netns=mgmt\nnetns=mgmt2\n"), None);
    }
}
