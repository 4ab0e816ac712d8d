//! A status as lines of text, for a person.

use super::link::{AddressStatus, LinkState, LinkStatus, PeerStatus};
use super::{RuleStatus, Status};
use crate::setup::cmd::status::made_by::MadeBy;
use crate::setup::report::event::{Document, Line, Tone};
use crate::setup::report::{self, counted};

/// How many processes are named.
const NAMED: usize = 12;

impl Document for Status {
    fn lines(&self) -> Vec<Line> {
        let headline = format!("{}: {}", self.name, headline(self));
        let routes = self.routes.iter();
        let routes = routes.map(|route| format!("{}{}", route.route, self.theirs(route.by)));
        let parts = [
            plain(since(self)),
            plain(container(self)),
            self.failure.iter().cloned().map(bad).collect(),
            links(self),
            plain(routes),
            plain(rules(self)),
            plain(name_servers(self)),
            firewall(self),
            plain(on_host(self)),
            conditions(self),
            plain(processes(self)),
        ];
        let inner = parts.concat().into_iter();
        let inner = inner.map(|line| line.tone.line(format!("  {}", line.text)));
        let commands = self.differences.iter().flatten();
        let commands = commands.map(|command| Tone::Attention.line(format!("+ {command}")));
        let first = tone(self).line(headline);
        [first].into_iter().chain(inner).chain(commands).collect()
    }

    fn errors(&self) -> Vec<String> {
        [&self.obstacles[..], &self.warnings].concat()
    }

    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

fn plain(lines: impl IntoIterator<Item = String>) -> Vec<Line> {
    lines.into_iter().map(Line::from).collect()
}

fn bad(line: String) -> Line {
    Tone::Bad.line(line)
}

fn tone(status: &Status) -> Tone {
    match status.failure[..] {
        _ if status.is_as_wanted() => Tone::Good,
        [_, ..] if !status.ready => Tone::Bad,
        _ if status.is_set_up() => Tone::Attention,
        _ => Tone::Plain,
    }
}

fn headline(status: &Status) -> String {
    let state = match (status.exists, status.ready) {
        (false, _) if status.waits => return "waits for what is missing".into(),
        (false, _) => return "there is no such namespace".into(),
        (true, true) => "ready",
        (true, false) if status.waits => "waits for what is missing",
        (true, false) if status.ours => "not ready",
        (true, false) => "not set up by netns-setup",
    };
    let processes = counted(status.processes, "process", "processes");
    match &status.differences {
        Some(none) if none.is_empty() && status.obstacles.is_empty() => {
            format!("{state}, as its settings say, {processes}")
        }
        Some(some) if !some.is_empty() => {
            let changes = counted(some.len(), "change", "changes");
            format!("{state}, {changes} away from its settings, {processes}")
        }
        _ if status.ready && !status.obstacles.is_empty() => {
            format!("{state}, not as its settings say, {processes}")
        }
        _ => format!("{state}, {processes}"),
    }
}

/// How long it has been ready.
fn since(status: &Status) -> Option<String> {
    let since = status.since.filter(|_| status.ready)?;
    Some(format!(
        "ready for {}",
        report::duration(report::since(since))
    ))
}

fn container(status: &Status) -> Option<String> {
    let container = status.container.as_ref()?;
    Some(format!("container {}", report::printable(container)))
}

/// The links in columns, and below each its peers.
fn links(status: &Status) -> Vec<Line> {
    let rows: Vec<_> = status.links.iter().map(|link| row(status, link)).collect();
    let lines = report::columns(&rows).into_iter().zip(&status.links);
    let with_peers = |(line, link): (String, &LinkStatus)| {
        let is_usable = link.addresses.iter().all(AddressStatus::is_usable);
        let tone = match link.state() {
            LinkState::Gone => Tone::Bad,
            LinkState::Up if is_usable => Tone::Plain,
            _ => Tone::Attention,
        };
        let peers = link.peers.iter().map(peer);
        [tone.line(line)]
            .into_iter()
            .chain(peers)
            .collect::<Vec<_>>()
    };
    lines.flat_map(with_peers).collect()
}

fn row(status: &Status, link: &LinkStatus) -> [String; 5] {
    let addresses = link.addresses.iter().map(|one| {
        let flaw = one.flaw().map(|flaw| format!(" {flaw}"));
        format!(
            "{}{}{}",
            one.address,
            flaw.unwrap_or_default(),
            status.theirs(one.by)
        )
    });
    let master = link.master.iter().map(|master| format!("master {master}"));
    let more: Vec<_> = master.chain(addresses).collect();
    [
        format!(
            "{}{}{}",
            link.name,
            place(link.on_host),
            status.theirs(link.by)
        ),
        link.r#type.clone(),
        link.state().word().into(),
        link.mtu.map(|mtu| format!("mtu {mtu}")).unwrap_or_default(),
        more.join(" "),
    ]
}

/// `peer KEY endpoint 192.0.2.1:51820, last handshake 42 seconds ago, 1.2 KiB received, 3 KiB sent`
fn peer(peer: &PeerStatus) -> Line {
    let endpoint = peer.endpoint.as_ref();
    let endpoint = endpoint.map_or("without endpoint".into(), |at| format!("endpoint {at}"));
    let (tone, handshake) = match peer.latest_handshake {
        None => (Tone::Attention, "no handshake".into()),
        Some(at) => {
            let age = report::since(at);
            let age = match usize::try_from(age.as_secs()) {
                Ok(seconds @ 0..=180) => counted(seconds, "second", "seconds"),
                _ => report::duration(age),
            };
            (Tone::Plain, format!("last handshake {age} ago"))
        }
    };
    tone.line(format!(
        "  peer {} {endpoint}, {handshake}, {} received, {} sent",
        peer.public_key,
        bytes(peer.transfer_rx),
        bytes(peer.transfer_tx)
    ))
}

/// `812 B`, `1.2 KiB`, as wg(8) prints it.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, None);
    for next in UNITS {
        if whole < 1024 {
            break;
        }
        (whole, rest, unit) = (whole / 1024, whole % 1024, Some(next));
    }
    match unit {
        None => format!("{bytes} B"),
        Some(unit) => format!("{whole}.{} {unit}", rest * 10 / 1024),
    }
}

/// The suffix of a link that is not inside.
fn place(on_host: bool) -> &'static str {
    if on_host { " on the host" } else { "" }
}

impl Status {
    /// The suffix of an object that no setting has: a DHCP server gave it, or others made it.
    /// Nothing if everything in the namespace is theirs.
    fn theirs(&self, by: MadeBy) -> &'static str {
        match by {
            MadeBy::Dhcp => " (DHCP)",
            MadeBy::Others if self.is_set_up() => " (not ours)",
            _ => "",
        }
    }
}

/// The policy rules, without those that every namespace has.
fn rules(status: &Status) -> Vec<String> {
    let rules = status.rules.iter().filter(|rule| rule.by != MadeBy::Kernel);
    let line = |rule: &RuleStatus| format!("rule {}{}", rule.rule, status.theirs(rule.by));
    rules.map(line).collect()
}

/// The conditions of `netns_ready`, and whether each holds.
fn conditions(status: &Status) -> Vec<Line> {
    let all = status.conditions.iter().map(|one| match one.holds {
        true => format!("{}: holds", one.condition).into(),
        false => Tone::Attention.line(format!("{}: does not hold", one.condition)),
    });
    all.collect()
}

/// `name servers 192.0.2.53, search example.org (netns_dns at /etc/conf.d/netns.mgmt:5)`
fn name_servers(status: &Status) -> Option<String> {
    let found = status.name_servers.as_ref()?;
    let servers = match &found.servers[..] {
        [] => "no name server".into(),
        servers => format!("name servers {}", servers.join(" ")),
    };
    let search = match &found.search[..] {
        [] => String::new(),
        search => format!(", search {}", search.join(" ")),
    };
    let from = report::printable(&found.from);
    Some(format!(
        "{}{} ({from})",
        report::printable(&servers),
        report::printable(&search)
    ))
}

fn firewall(status: &Status) -> Vec<Line> {
    let all = status
        .firewall
        .iter()
        .map(|rules| match (rules.loaded, &rules.tool, &rules.file) {
            (true, tool, file) => format!("firewall {tool} {file}").into(),
            (false, tool, file) => {
                Tone::Attention.line(format!("firewall {tool} {file} (deleted by others)"))
            }
        });
    all.collect()
}

fn on_host(status: &Status) -> Vec<String> {
    let Some(on_host) = &status.on_host else {
        return Vec::new();
    };
    let line = |word: &str, all: &[String]| {
        let all = (!all.is_empty()).then(|| all.join(", "));
        all.map(|all| format!("{word} {all}"))
    };
    let lines = [
        line("masqueraded through", &on_host.masquerade),
        line("published", &on_host.publish),
    ];
    lines.into_iter().flatten().collect()
}

/// `processes 812 (dnsmasq, service dns), 815 (unbound)`
fn processes(status: &Status) -> Option<String> {
    let named = status.inside.iter().take(NAMED);
    let named: Vec<_> = named.map(|one| report::process(&one.into())).collect();
    if named.is_empty() {
        return None;
    }
    let more = match status.inside.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("processes {}{more}", named.join(", ")))
}
