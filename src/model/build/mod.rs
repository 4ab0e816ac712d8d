//! Builds the wanted state from the settings, or returns every problem. The values are interpreted
//! and checked against each other here. No I/O: every rule can be tested by a call.

mod address;
mod attach;
mod claims;
mod dhcp;
mod dns;
mod firewall;
mod hooks;
mod ipv6;
mod link;
mod linked_netns;
mod nat;
mod networks;
mod ready;
mod route;
mod rule;
mod sysctl;

use std::io;

use super::State;
use super::names::Names;
use super::nat::Nat;
use crate::conf::{Piece, Setting, Settings};
use crate::definitions::findings::ACCEPTABLE;
use crate::name::NetnsName;
use crate::source::{Position, Problem, Sourced};
use link::{master, wireguard};
use nat::{replies, return_routes};
use route::gateways;

pub use attach::Attach;
pub use claims::claimed_twice;
pub use dns::RESOLV_CONF_MARK;
pub use firewall::RuleFile;
pub use hooks::Hooks;
pub use link::wireguard::{WireguardFile, wireguard_files};
pub use linked_netns::contradictions;
pub use ready::{HoldServices, Ready};

/// Facts about the host on which the meaning of the settings depends.
#[derive(Clone, Debug)]
pub struct Context {
    /// Read a text that differs between hosts and stays the same, such as /etc/machine-id: two
    /// hosts with the same settings in one LAN must not derive the same hardware addresses. Called
    /// only if an address has to be derived.
    pub seed: fn() -> io::Result<String>,
    /// The names of routing tables and other numbers that ip(8) knows on this host.
    pub names: Names,
}

/// A host of which nothing is known.
impl Default for Context {
    fn default() -> Self {
        Context {
            seed: || Ok(String::new()),
            names: Names::default(),
        }
    }
}

/// The wanted state of a namespace, and everything else its settings request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The name of the namespace.
    pub name: NetnsName,
    /// The wanted state.
    pub state: State,
    /// `/etc/netns/NAME` is mounted over `/etc` as an overlay, and not bound file by file.
    pub overlay: bool,
    /// The rule files to load, in this order. Their content is added to the state when they have
    /// been read.
    pub rule_files: Vec<RuleFile>,
    /// The existing namespace that is given the name. `None` if the namespace is to be created.
    pub attach: Option<Sourced<Attach>>,
    /// The hooks.
    pub hooks: Hooks,
    /// Masquerading and port forwarding. Both are added to the state when the host has been
    /// queried.
    pub nat: Option<Nat>,
    /// The conditions for the namespace to count as ready.
    pub ready: Ready,
    /// The services inside are restarted if the namespace had to be recreated.
    pub restarts_services: bool,
    /// Requests in files that this program does not fulfil. They are reported once.
    pub not_done: Vec<Problem>,
    /// The link that carries the caller's own connection may be moved.
    pub moves_my_connection: bool,
    /// The kinds of findings that `doctor` does not report (`definitions::findings`).
    pub accepted_findings: Vec<String>,
}

/// Build the wanted state. The problems, including those of the parser, are sorted by file and
/// line.
pub fn build(settings: &Settings, context: &Context) -> Result<Want, Vec<Problem>> {
    let mut problems = settings.problems.clone();
    let (links, unread) = link::links(settings, context, &mut problems);
    let routes = route::routes(settings, context, &mut problems);
    let resolv_conf = dns::resolv_conf(settings, &mut problems);
    let policy = rule::policy(settings, context, &mut problems);
    let sysctls = sysctl::sysctls(settings, &mut problems);
    let clients = dhcp::clients(settings, &mut problems);
    let overlay = is_second(settings, "netns_etc", ["bind", "overlay"], &mut problems);
    let moves_my_connection = ready::yes(settings, "netns_move_my_connection", &mut problems);
    let bare = is_second(
        settings,
        "netns_give_back",
        ["whole", "bare"],
        &mut problems,
    );
    let attach = attach::attach(settings, &mut problems);
    let rule_files = firewall::files(settings, &mut problems);
    let nat = nat::nat(settings, &links, &unread, &mut problems);
    let ready = ready::ready(settings, (&links, &clients), &mut problems);
    let restarts_services = ready::yes(settings, "netns_restart_services", &mut problems);
    let accepted_findings = accepted_findings(settings, &mut problems);
    wireguard::check(settings, &links, &mut problems);
    let hooks = hooks::hooks(settings, &mut problems);
    if settings.complete {
        // Lines that could not be read would be missing here, and cause false problems.
        address::check(&links, &mut problems);
        master::check(settings, &links, &mut problems);
        ipv6::check(&links, &sysctls, &mut problems);
        gateways::check(&links, &unread, &routes, &mut problems);
    }
    if !problems.is_empty() {
        return Err(in_file_order(problems));
    }
    let returns = match nat {
        Some(_) => return_routes::returns(&links, &routes, &sysctls),
        None => Vec::new(),
    };
    let routes = routes.into_iter().map(|said| said.route).chain(returns);
    let mut state = State {
        exists: true,
        attached: None,
        others: Default::default(),
        links,
        routes: routes.collect(),
        clients,
        resolv_conf,
        rules: policy,
        sysctls,
        bare: Some(bare),
        ..State::default()
    };
    if let Some(nat) = &nat {
        replies::bring_back(&mut state, nat);
    }
    Ok(Want {
        name: settings.name.clone(),
        state,
        overlay,
        rule_files,
        attach,
        hooks,
        nat,
        ready,
        restarts_services,
        not_done: Vec::new(),
        moves_my_connection,
        accepted_findings,
    })
}

/// Whether a setting has the second of two words. False if it is not set.
fn is_second(
    settings: &Settings,
    name: &str,
    words: [&str; 2],
    problems: &mut Vec<Problem>,
) -> bool {
    let Some(setting) = settings.get(name) else {
        return false;
    };
    let word = setting.whole();
    if !words.contains(&word.text) {
        let [first, second] = words;
        problems.push(word.problem("is not known", format!("expected {second} or {first}")));
    }
    word.text == words[1]
}

/// The value that was read from a word. Otherwise its problem and hint are reported.
fn keep<T>(
    word: &Piece<'_>,
    read: Result<T, (impl AsRef<str>, impl Into<String>)>,
    problems: &mut Vec<Problem>,
) -> Option<Sourced<T>> {
    let refuse = |(wrong, expected)| problems.push(word.problem(wrong, expected));
    read.map(|value| word.at(value)).map_err(refuse).ok()
}

/// The problems, sorted by file, line and column. `DIR/netns` sorts before `DIR/netns.NAME`, which
/// is the order of reading. A problem that several checks have found is kept once.
fn in_file_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| {
        let place = problem.place.as_ref();
        place.map(|place| (place.file.clone(), place.line, place.column))
    });
    problems.dedup();
    problems
}

/// A problem with a value whose setting is not at hand. `wrong` continues a line that begins with
/// the setting and the value.
fn problem<T: std::fmt::Display>(value: &Sourced<T>, wrong: String, remedy: String) -> Problem {
    let setting = value.origin.as_ref().map_or("", |asked| &asked.setting);
    Problem {
        place: place(value).cloned(),
        wrong: format!("{setting}: \"{value}\" {wrong}"),
        remedy,
    }
}

/// The place of another value, for the second line of a problem at `place`: `config_eth1, line 7`,
/// with the file if it is another one.
fn where_said<T>(value: &Sourced<T>, place: Option<&Position>) -> String {
    let Some(asked) = &value.origin else {
        return "always there".into();
    };
    match place.is_none_or(|place| place.file == asked.place.file) {
        true => format!("{}, line {}", asked.setting, asked.place.line),
        false => asked.to_string(),
    }
}

/// The place of a value, if it has one.
fn place<T>(value: &Sourced<T>) -> Option<&Position> {
    value.origin.as_ref().map(|asked| &asked.place)
}

/// The kinds of findings that `doctor` does not report.
fn accepted_findings(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<String> {
    let words = settings.get("netns_doctor_accept").map(Setting::words);
    let mut accepted = Vec::new();
    for word in words.into_iter().flatten() {
        if ACCEPTABLE.iter().any(|(kind, _)| *kind == word.text) {
            accepted.push(word.text.to_string());
        } else {
            let kinds: Vec<&str> = ACCEPTABLE.iter().map(|(kind, _)| *kind).collect();
            problems.push(word.problem(
                "is not a finding of doctor that can be accepted",
                format!("expected one or several of {}", kinds.join(", ")),
            ));
        }
    }
    accepted
}
