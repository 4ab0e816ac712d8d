//! What a status has besides the network: name servers and where they come from, the firewall, what
//! the host forwards, and the processes inside.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::conf::files::read_regular;
use crate::model::build::RESOLV_CONF_MARK;
use crate::model::{State, Tool};
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::setup::store;
use crate::state_dir;
use crate::system::occupants::Process;
use crate::system::resolv_conf;

/// The name servers of the processes inside.
#[derive(Debug, Serialize)]
pub(crate) struct NameServers {
    pub(super) servers: Vec<String>,
    pub(super) search: Vec<String>,
    /// The file that processes inside see as /etc/resolv.conf.
    file: PathBuf,
    /// What has set them: a setting, a DHCP lease, a client inside, or the file.
    pub(super) from: String,
}

/// A file with rules that is loaded inside.
#[derive(Debug, Serialize)]
pub(crate) struct RuleFile {
    pub(super) tool: String,
    pub(super) file: String,
    /// Its tables are there. False if another program has deleted one.
    pub(super) loaded: bool,
}

/// What the host does for the namespace.
#[derive(Debug, Serialize)]
pub(crate) struct OnHost {
    /// The links of the host through which the namespace reaches the outside with the host's
    /// address.
    pub(super) masquerade: Vec<String>,
    /// The ports of the host that lead inside, as in `netns_publish`.
    pub(super) publish: Vec<String>,
}

/// A process inside.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessStatus {
    pub pid: i32,
    name: String,
    /// The service that started it.
    pub service: Option<String>,
}

impl From<&Process> for ProcessStatus {
    fn from(process: &Process) -> Self {
        ProcessStatus {
            pid: process.pid,
            name: process.name.clone(),
            service: process.service.clone(),
        }
    }
}

impl From<&ProcessStatus> for Process {
    fn from(process: &ProcessStatus) -> Self {
        Process {
            pid: process.pid,
            name: process.name.clone(),
            service: process.service.clone(),
        }
    }
}

/// The name servers, unless the namespace has none of its own.
pub(super) fn name_servers(name: &NetnsName, journal: &Journal) -> Option<NameServers> {
    let by_client = Path::new(state_dir::STATE)
        .join(name.as_str())
        .join(state_dir::SERVERS);
    let (file, text) = [by_client.clone(), resolv_conf::path(name)]
        .into_iter()
        .find_map(|file| {
            let text = read_regular(&file).ok()?;
            Some((file, String::from_utf8_lossy(&text).into_owned()))
        })?;
    let first = text.lines().next().unwrap_or_default();
    let from = match first.strip_prefix(RESOLV_CONF_MARK) {
        _ if file == by_client => client(name),
        Some(rest) => rest.trim_start_matches(", asked for by ").into(),
        None if text.starts_with(resolv_conf::DHCP_MARK) => lease(journal),
        None => file.display().to_string(),
    };
    let words = |word: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(word));
        let words = lines.flat_map(str::split_whitespace);
        words.map(String::from).collect()
    };
    Some(NameServers {
        servers: words("nameserver "),
        search: words("search "),
        file,
        from,
    })
}

/// The clients inside that have set name servers by resolvconf(8).
fn client(name: &NetnsName) -> String {
    let records = fs::read_dir(store::dir(name).join(state_dir::RECORDS));
    let records = records.into_iter().flatten().flatten();
    let mut names: Vec<String> = records
        .map(|record| record.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    format!("resolvconf inside, for {}", names.join(" "))
}

fn lease(journal: &Journal) -> String {
    let clients = journal.ours.clients.iter();
    let links: Vec<_> = clients.map(|client| client.value.link.as_str()).collect();
    format!("the DHCP lease of {}", links.join(" or "))
}

/// The files with rules that are loaded.
pub(super) fn firewall(have: &State) -> Vec<RuleFile> {
    let own = have.firewall.iter().map(|rules| &rules.value);
    let files = own.filter(|rules| rules.tool != Tool::Replies);
    let file = |rules: &crate::model::Ruleset| RuleFile {
        tool: rules.tool.to_string(),
        file: rules.file.clone(),
        loaded: !rules.text.is_empty(),
    };
    files.map(file).collect()
}

/// What the host does, if its table is there.
pub(super) fn on_host(journal: &Journal, have: &State) -> Option<OnHost> {
    have.table.as_ref()?;
    let table = &journal.ours.table.as_ref()?.value;
    Some(OnHost {
        masquerade: table.uplinks(),
        publish: table.publish.iter().map(ToString::to_string).collect(),
    })
}
