//! Settings in, the state that is wanted out, or every problem found. Here is what a
//! value means, and what must hold between several of them. No I/O: every rule can be
//! tested by calling it.

mod address;
mod attach;
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
use crate::conf::{Piece, Settings};
use crate::name::NetnsName;
use crate::source::{Position, Problem, Sourced};
use link::{master, wireguard};
use nat::{replies, return_routes};
use route::gateways;

pub use attach::Attach;
pub use dns::RESOLV_CONF_MARK;
pub use firewall::RuleFile;
pub use hooks::Hooks;
pub use link::wireguard::{WireguardFile, wireguard_files};
pub use linked_netns::contradictions;
pub use ready::{HoldServices, Ready};

/// What the settings do not say but their meaning depends on.
#[derive(Clone, Debug)]
pub struct Context {
    /// Gives something that differs from machine to machine and stays the same, such as the
    /// text of /etc/machine-id: two hosts with the same settings on one LAN must not
    /// derive the same hardware addresses. Asked only where one is to be derived.
    pub seed: fn() -> io::Result<String>,
    /// The names of routing tables and such that ip(8) knows on this machine.
    pub names: Names,
}

/// Of a machine of which nothing is known.
impl Default for Context {
    fn default() -> Self {
        Context {
            seed: || Ok(String::new()),
            names: Names::default(),
        }
    }
}

/// What is wanted of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The namespace.
    pub name: NetnsName,
    /// What it is to be.
    pub state: State,
    /// `/etc/netns/NAME` is laid over `/etc` as a whole, not bound file by file.
    pub overlay: bool,
    /// The rules to load, in their order; the state gets them when they have been read.
    pub rule_files: Vec<RuleFile>,
    /// Whose namespace is to be given the name, if it is not to be made.
    pub attach: Option<Sourced<Attach>>,
    /// What is run when it comes and goes.
    pub hooks: Hooks,
    /// The way out and in; the state gets it when the host has been looked at.
    pub nat: Option<Nat>,
    /// What is waited for before it counts as ready.
    pub ready: Ready,
    /// The services inside are restarted where the namespace had to be made anew.
    pub restarts_services: bool,
    /// What files that were read ask for and nobody does, to be said once.
    pub not_done: Vec<Problem>,
    /// The link that carries the caller's own connection may be moved.
    pub moves_my_connection: bool,
}

/// Makes of the settings what they ask for. The problems are in the order of the files,
/// those that the reader found among them.
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
    wireguard::check(settings, &links, &mut problems);
    let hooks = hooks::hooks(settings, &mut problems);
    if settings.complete {
        // What a line says that could not be read is missing here, and would be missed.
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
    })
}

/// Which of two words a setting says: the first, if it is not set.
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

/// What was read of a word, or its problem: what is wrong, and what was expected.
fn keep<T>(
    word: &Piece<'_>,
    read: Result<T, (impl AsRef<str>, impl Into<String>)>,
    problems: &mut Vec<Problem>,
) -> Option<Sourced<T>> {
    let refuse = |(wrong, expected)| problems.push(word.problem(wrong, expected));
    read.map(|value| word.at(value)).map_err(refuse).ok()
}

/// Files in the order in which they are read, then lines, then columns. Each problem
/// once, however many checks came upon it.
fn in_file_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| {
        let place = problem.place.as_ref();
        place.map(|place| (place.file.clone(), place.line, place.column))
    });
    problems.dedup();
    problems
}

/// A problem with a value of a setting, when the setting's own text is not at hand.
/// `wrong` goes on after the value.
fn problem<T: std::fmt::Display>(value: &Sourced<T>, wrong: String, remedy: String) -> Problem {
    let setting = value.origin.as_ref().map_or("", |asked| &asked.setting);
    Problem {
        place: place(value).cloned(),
        wrong: format!("{setting}: \"{value}\" {wrong}"),
        remedy,
    }
}

/// Where another value was said, for the second line of a problem at `place`:
/// `config_eth1, line 7`, or with the file if that is another one.
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
