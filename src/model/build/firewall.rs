//! Parses `netns_ipset`, `netns_nftables`, `netns_iptables` and `netns_ip6tables` into the rule
//! files to load. The files are not read here.

use crate::conf::Settings;
use crate::model::firewall::Tool;
use crate::name::NetnsName;
use crate::source::{Problem, Sourced};
use crate::state_dir;

/// A rule file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// The program that loads it.
    pub tool: Tool,
    /// Its path. Without an origin, the file is loaded only if it exists.
    pub path: Sourced<String>,
    /// Alternative paths, if no setting names the file.
    pub others: Vec<String>,
}

pub(super) fn files(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<RuleFile> {
    let file = |tool: Tool| match settings.get(&format!("netns_{tool}")) {
        None => RuleFile {
            tool,
            path: Sourced::without_origin(default(&settings.name, tool)),
            others: defaults(&settings.name, tool).skip(1).collect(),
        },
        Some(setting) => {
            let path = setting.whole();
            if !path.text.starts_with('/') || path.text.contains(char::is_whitespace) {
                let example = default(&settings.name, tool);
                problems.push(path.problem(
                    "is not the path of a file",
                    format!("expected one that begins with / and has no blanks, such as {example}"),
                ));
            }
            RuleFile {
                tool,
                path: path.at(path.text.to_string()),
                others: Vec::new(),
            }
        }
    };
    let with_file = Tool::ALL.into_iter().filter(|tool| tool.has_file());
    with_file.map(file).collect()
}

fn default(name: &NetnsName, tool: Tool) -> String {
    defaults(name, tool).next().unwrap_or_default()
}

fn defaults(name: &NetnsName, tool: Tool) -> impl Iterator<Item = String> {
    let files = tool.default_files().iter();
    files.map(move |file| format!("{}/{name}/{file}", state_dir::ETC))
}
