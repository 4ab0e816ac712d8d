//! `config_IF="dhcp"` in, the DHCP client that is to run for the link out.

use crate::conf::{Listed, Setting, Settings};
use crate::model::client::{Client, Program};
use crate::place::{At, Problem};

/// The word of `config_IF`.
pub(super) const WORD: &str = "dhcp";

/// The metric of what the first is given; any that the settings ask for are better.
const METRIC: u32 = 500;

/// The clients, in the order of the links. Which program there is on this machine is not
/// known here.
pub(super) fn clients(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<At<Client>> {
    let mut clients = Vec::new();
    for listed in &settings.links {
        let metric = METRIC + u32::try_from(clients.len()).unwrap_or_default();
        let found = client(settings, listed, problems);
        clients.extend(found.map(|mut client| {
            client.value.metric = metric;
            client
        }));
    }
    clients
}

/// A client is to run for this link.
pub(super) fn is_asked_for(listed: &Listed) -> bool {
    let words = listed.get("config").map(Setting::words);
    words
        .unwrap_or_default()
        .iter()
        .any(|word| word.text == WORD)
}

fn client(settings: &Settings, listed: &Listed, problems: &mut Vec<Problem>) -> Option<At<Client>> {
    let words = listed.get("config")?.words();
    let mut said = words.iter().filter(|word| word.text == WORD);
    let word = said.next()?;
    if let Some(again) = said.next() {
        problems.push(again.problem("is said twice", "expected dhcp once"));
    }
    if listed.name.value.as_str() == "lo" {
        problems.push(word.problem(
            "is for a link to a network",
            "take it away: lo leads nowhere",
        ));
        return None;
    }
    Some(word.at(Client {
        link: listed.name.value.clone(),
        program: Program::Udhcpc,
        resolv_conf: settings.get("netns_dns").is_none(),
        metric: METRIC,
    }))
}
