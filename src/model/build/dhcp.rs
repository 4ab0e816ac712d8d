//! Parses `config_IF="dhcp"` and the related settings into the DHCP client that runs for the link.

use super::{keep, place};
use crate::conf::{Listed, Piece, Settings};
use crate::model::dhcp::{DhcpClient, Program, Run, Wishes};
use crate::source::{Problem, Sourced};

/// The word of `config_IF`.
pub(super) const WORD: &str = "dhcp";

/// The metric of the routes of the first DHCP client. Routes of the settings have a lower metric by
/// default, and take precedence.
const METRIC: u32 = 500;

/// The settings of the DHCP client.
const SETTINGS: [&str; 3] = ["dhcp", "dhcp_hostname", "dhcp_client_id"];

/// The DHCP clients, in the order of the links. Which client program is installed is not known
/// here.
pub(super) fn clients(
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Vec<Sourced<DhcpClient>> {
    let mut clients = Vec::new();
    for listed in &settings.links {
        let metric = METRIC + u32::try_from(clients.len()).unwrap_or_default();
        let found = client(settings, listed, problems);
        if found.is_none() {
            without_a_client(listed, problems);
        }
        clients.extend(found.map(|mut client| {
            let run = &mut client.value.run;
            run.wishes = wishes(listed, problems);
            run.metric = run.wishes.metric.unwrap_or(metric);
            client
        }));
    }
    same_metric(&clients, problems);
    clients
}

/// Whether a DHCP client has to run for this link.
pub(super) fn is_asked_for(listed: &Listed) -> bool {
    let words = listed.words("config");
    words.iter().any(|word| word.text == WORD)
}

fn client(
    settings: &Settings,
    listed: &Listed,
    problems: &mut Vec<Problem>,
) -> Option<Sourced<DhcpClient>> {
    let words = listed.get("config")?.words();
    let mut said = words.iter().filter(|word| word.text == WORD);
    let word = said.next()?;
    if let Some(again) = said.next() {
        problems.push(again.problem("is given twice", "expected dhcp once"));
    }
    if listed.name.value.as_str() == "lo" {
        problems.push(word.problem(
            "is for a link to a network",
            "remove it: lo reaches no DHCP server",
        ));
        return None;
    }
    Some(word.at(DhcpClient {
        link: listed.name.value.clone(),
        run: Run {
            program: Program::Udhcpc,
            metric: METRIC,
            resolv_conf: settings.get("netns_dns").is_none(),
            wishes: Wishes::default(),
        },
    }))
}

/// Report settings of a DHCP client for a link that has none.
fn without_a_client(listed: &Listed, problems: &mut Vec<Problem>) {
    for setting in SETTINGS.iter().filter_map(|key| listed.get(key)) {
        let remedy = format!(
            "write dhcp in config_{}, or remove the line",
            listed.name.value.suffix()
        );
        let wrong = format!("has no effect: {} has no DHCP client", listed.name);
        problems.push(setting.whole().problem(wrong, remedy));
    }
}

fn wishes(listed: &Listed, problems: &mut Vec<Problem>) -> Wishes {
    let mut wishes = Wishes {
        metric: metric(listed, problems).map(|metric| metric.value),
        ..Wishes::default()
    };
    for word in listed.words("dhcp") {
        match word.text {
            "nogateway" => wishes.no_gateway = true,
            "nodns" => wishes.no_dns = true,
            // netifrc's words for things that are never or always done here
            "nontp" | "nonis" | "nosendhost" | "release" => {}
            _ => problems.push(word.problem(
                "is not known",
                "expected nogateway, nodns or both; metric, name and identifier have settings of their own",
            )),
        }
    }
    let mut read = |key: &str, expected: &str, take: &mut dyn FnMut(&str) -> Result<(), String>| {
        let Some(word) = listed.get(key).map(|setting| setting.whole()) else {
            return;
        };
        if let Err(wrong) = take(word.text) {
            problems.push(word.problem(wrong, expected));
        }
    };
    read(
        "dhcp_hostname",
        "expected only letters, digits, - and ., such as web.example.org",
        &mut |text| {
            wishes.hostname = Some(text.parse()?);
            Ok(())
        },
    );
    read(
        "dhcp_client_id",
        "expected at most 48 bytes, such as 01:52:54:00:12:34:56, or a word",
        &mut |text| {
            wishes.client_id = Some(text.parse()?);
            Ok(())
        },
    );
    if let Some(id) = listed.get("dhcp_client_id").filter(|_| !wishes.fit()) {
        let suffix = listed.name.value.suffix();
        problems.push(id.whole().problem(
            format!("does not fit into a DHCP message with dhcp_hostname_{suffix}"),
            "expected both together to have at most 255 bytes",
        ));
    }
    wishes
}

/// `metric_IF`, which also applies to the routes of the settings.
pub(super) fn metric(listed: &Listed, problems: &mut Vec<Problem>) -> Option<Sourced<u32>> {
    let word: Piece<'_> = listed.get("metric")?.whole();
    let metric = word.text.parse().ok();
    let metric = metric.filter(|metric| *metric > 0 && !word.text.starts_with('+'));
    let expected = "expected a number from 1 on; the lowest metric is preferred";
    keep(&word, metric.ok_or(("is not a metric", expected)), problems)
}

/// Report two clients with the same metric. The kernel keeps one default route of a metric, so the
/// second lease would replace the route of the first.
fn same_metric(clients: &[Sourced<DhcpClient>], problems: &mut Vec<Problem>) {
    let gives = |client: &&Sourced<DhcpClient>| !client.value.run.wishes.no_gateway;
    let all: Vec<_> = clients.iter().filter(gives).collect();
    for (n, client) in all.iter().enumerate() {
        let metric = client.value.run.metric;
        let other = all[..n]
            .iter()
            .find(|other| other.value.run.metric == metric);
        if let Some(other) = other {
            problems.push(Problem {
                place: place(*client).cloned(),
                wrong: format!(
                    "{} and {} would both have default routes of the metric {metric}",
                    other.value.link, client.value.link
                ),
                remedy: format!(
                    "write another metric_{}, or dhcp_{}=\"nogateway\"",
                    client.value.link.suffix(),
                    client.value.link.suffix()
                ),
            });
        }
    }
}
