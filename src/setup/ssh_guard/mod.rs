//! The guard: checks whether changes remove the link that carries the caller's connection, or the
//! address or the route that it needs. It checks once before anything is done, and again right
//! before the changes are made, because hooks and other namespaces of the same call come in between.
//! After the changes it compares how the kernel routes the connection with how it did before
//! ([`ways`]), and looks whether the other end still answers ([`answers`]).
//!
//! It stops no call without a login among its parent processes, as at boot. runit's own processes
//! start and stop services for unknown callers: there it considers everybody who is logged in.

mod answers;
mod message;
mod needed;
mod new_routes;
mod ways;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::dry_run::{Planned, planned, planned_as_far_as_possible};
use super::error::{Error, Outcome, Result};
use super::{Call, firewall, observe, store, with_checked};
use crate::conf;
use crate::exec::could_mount;
use crate::kernel::{Kernel, Path};
use crate::model::build::Want;
use crate::model::{Link, LinkRef, Netns, State};
use crate::name::NetnsName;
use crate::plan::{Change, Extras, Journal, Step, of_others_on_top, plan_what_can_be};
use crate::setup::args::verb::Verb;
use crate::setup::lock::without_lock;
use crate::setup::query::build_query_of_down;
use crate::source::Origin;
use crate::system::login::{Callers, everybody, uptime};
use crate::system::netns::{self, NameEntry};
use crate::system::sockets::Connection;
use message::lines;
use new_routes::{link_taken_over, new_route};
pub use ways::Ways;

/// Time in which a machine starts. A login in this time does not keep a namespace down.
const BOOT: Duration = Duration::from_secs(300);

/// A link that carries the caller's connection, and that a change takes from it.
struct Cut {
    link: LinkRef,
    carries: Carries,
    origin: Option<std::sync::Arc<Origin>>,
    fate: LinkFate,
    /// The connection is not the caller's, but of somebody who is logged in.
    is_others: bool,
}

/// What happens to the link.
#[derive(PartialEq, Eq)]
enum LinkFate {
    /// It is moved in.
    Comes,
    /// It is removed.
    Goes,
    /// A new route of the host uses it.
    Leads,
    /// It loses something that the connection needs: "remove the address …".
    Loses(String),
}

enum Carries {
    Connection(Connection),
    DefaultRoute,
}

/// As `setup::with_settings`, but stops if a change would move the caller's own connection.
pub fn with_settings<T: Into<Outcome>>(
    call: &Call,
    rest: Extras,
    act: impl FnMut(&Want) -> Result<T>,
) -> Outcome {
    with_checked(call, |wants| stops(call, wants, rest), act)
}

/// The outcome, if one of the namespaces must not be changed. The error is reported.
fn stops(call: &Call, wants: &[Want], rest: Extras) -> Option<Outcome> {
    let can_cut = |want: &&Want| !want.moves_my_connection && can_change_host(want);
    let wants: Vec<&Want> = wants.iter().filter(can_cut).collect();
    if call.moves_my_connection || wants.is_empty() {
        return None;
    }
    let callers = callers_to_consider(call, Happens::AtBootToo);
    if !callers.logged_in {
        return None;
    }
    let mut stopped = None;
    for want in wants {
        // An error of the plan is reported when the change is made
        let Ok(Planned { have, changes, .. }) = planned_as_far_as_possible(want, rest) else {
            continue;
        };
        if let Some(cut) = cut(&want.name, (&have, &changes), &callers) {
            let error = would_be_cut(call, &want.name, &cut);
            stopped = Some(call.events.failed(Some(&want.name), &error));
        }
    }
    stopped
}

/// Returns false if an up cannot change the host: the namespace does not exist and has no state
/// directory, and its settings ask for nothing there.
fn can_change_host(want: &Want) -> bool {
    let is_new = matches!(netns::there(want.name.as_str()), Ok(NameEntry::Nothing))
        && matches!(store::dir(&want.name).try_exists(), Ok(false));
    !is_new || want.attach.is_some() || concerns_host(want)
}

/// Whether the settings ask for something on the host.
fn concerns_host(want: &Want) -> bool {
    let on_host = |link: &Link| link.netns == Netns::Host || link.kind.is_moved();
    want.nat.is_some() || want.state.links.iter().any(on_host)
}

/// Check the changes right before they are made, and note how the connections are routed now. The
/// lines of the error are the message.
pub fn check_changes(
    call: &Call,
    want: &Want,
    state: &State,
    (have, journal): (&State, &Journal),
    rest: Extras,
) -> Result<Ways, Vec<String>> {
    let is_new = !have.exists && journal.is_empty() && want.attach.is_none();
    let is_allowed = call.moves_my_connection || want.moves_my_connection;
    if is_allowed || is_new && !concerns_host(want) {
        return Ok(Ways::default());
    }
    let callers = match call.verb {
        // It is rolled back, unless it is a namespace that only follows
        Verb::KeepTrial(_) if call.names.contains(&want.name) => return Ok(Ways::default()),
        Verb::KeepTrial(_) => everybody(),
        _ => callers_to_consider(call, Happens::AtBootToo),
    };
    if !callers.logged_in {
        return Ok(Ways::default());
    }
    let (changes, _) = plan_what_can_be(state, have, journal, rest);
    check_cut(call, &want.name, (have, &changes), &callers)?;
    Ok(Ways::of(&callers, &want.name))
}

/// As [`check_changes`], for a `down`.
pub fn check_removal(
    call: &Call,
    name: &NetnsName,
    have: &State,
    changes: &[Change],
) -> Result<(), Vec<String>> {
    if call.moves_my_connection || is_allowed(call, name) {
        return Ok(());
    }
    check_cut(call, name, (have, changes), &call.callers())
}

fn check_cut(
    call: &Call,
    name: &NetnsName,
    planned: (&State, &[Change]),
    callers: &Callers,
) -> Result<(), Vec<String>> {
    let cut = callers.logged_in.then(|| cut(name, planned, callers));
    match cut.flatten() {
        Some(cut) => Err(lines(call, name, &cut)),
        None => Ok(()),
    }
}

/// Check that the guard lets the namespace be taken down. `gives_up`: links of others on its links
/// are given up.
pub fn may_take_down(call: &Call, name: &NetnsName, gives_up: bool) -> Result {
    check_take_down(call, name, gives_up, &call.callers())
}

/// As [`may_take_down`], for a caller that has not stopped anything yet.
pub fn would_take_down(call: &Call, name: &NetnsName) -> Result {
    check_take_down(
        call,
        name,
        false,
        &callers_to_consider(call, Happens::WhenAsked),
    )
}

/// Check whether `up` would fail because of the settings, the rule files, this machine or the
/// guard, before the caller stops anything.
pub fn may_come(call: &Call) -> Outcome {
    with_settings(call, Extras::Keep, |want| {
        firewall::test(call, want)?;
        could_mount(&want.name.as_c(), want.overlay)?;
        match planned(want, Extras::Keep) {
            Ok(_) => Ok(()),
            Err(failure) => Err(Error::failure(&want.name, &failure)),
        }
    })
}

fn check_take_down(call: &Call, name: &NetnsName, gives_up: bool, callers: &Callers) -> Result {
    if call.moves_my_connection || !callers.logged_in || is_allowed(call, name) {
        return Ok(());
    }
    let (have, changes) = planned_down(name, gives_up).unwrap_or_default();
    match cut(name, (&have, &changes), callers) {
        Some(cut) => Err(would_be_cut(call, name, &cut)),
        None => Ok(()),
    }
}

/// When the verb is called.
#[derive(PartialEq, Eq)]
enum Happens {
    AtBootToo,
    WhenAsked,
}

/// The callers to consider: the login above this process or, under runit, everybody.
fn callers_to_consider(call: &Call, happens: Happens) -> Callers {
    let callers = call.callers();
    let is_booting = || happens == Happens::AtBootToo && uptime().is_none_or(|up| up < BOOT);
    if callers.runsv && !callers.logged_in && !is_booting() {
        everybody()
    } else {
        callers
    }
}

/// Warn of a plan that the guard would stop.
pub fn warn(call: &Call, want: &Want, have: &State, changes: &[Change]) {
    let callers = call.callers();
    if call.moves_my_connection || want.moves_my_connection || !callers.logged_in {
        return;
    }
    if let Some(cut) = cut(&want.name, (have, changes), &callers) {
        call.events
            .warning(&want.name, lines(call, &want.name, &cut));
    }
}

/// What a reload does to a caller whose connection it cuts.
pub struct CutByReload {
    /// The link that carries the connection is moved in.
    pub is_moved_in: bool,
    /// The addresses that the namespace is to have, if the connection's own is not one of them.
    /// Empty if only DHCP knows.
    pub new_addresses: Vec<IpAddr>,
}

/// What a reload would take from the caller's connection. `None` if it would take nothing.
pub fn cut_by_reload(call: &Call, want: &Want) -> Option<CutByReload> {
    let callers = call.callers();
    if !callers.logged_in {
        return None;
    }
    let Planned {
        state,
        have,
        changes,
        ..
    } = planned_as_far_as_possible(want, Extras::Remove).ok()?;
    let cut = cut(&want.name, (&have, &changes), &callers)?;
    let new_addresses = match (&cut.fate, &cut.carries) {
        (LinkFate::Leads | LinkFate::Goes, _) => Vec::new(),
        (_, Carries::Connection(connection)) => addresses_instead_of(connection.local, &state),
        (_, Carries::DefaultRoute) => Vec::new(),
    };
    Some(CutByReload {
        is_moved_in: cut.fate == LinkFate::Comes,
        new_addresses,
    })
}

/// The addresses of the links inside that others can reach. Empty if `address` is one of them.
fn addresses_instead_of(address: IpAddr, state: &State) -> Vec<IpAddr> {
    let links = state.links.iter();
    let inside = links.filter(|link| link.netns == Netns::This);
    let addresses = inside.flat_map(|link| &link.addresses);
    let is_reachable = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let addresses: Vec<IpAddr> = addresses.map(|one| one.value.ip()).collect();
    match addresses.contains(&address) {
        true => Vec::new(),
        false => addresses.into_iter().filter(is_reachable).collect(),
    }
}

fn would_be_cut(call: &Call, name: &NetnsName, cut: &Cut) -> Error {
    let mut lines = lines(call, name, cut);
    lines.push(format!("{name}: nothing was changed"));
    Error::wrong(lines)
}

/// Returns true if the settings allow it. `down` needs no settings: if they cannot be read, the
/// result is false.
fn is_allowed(call: &Call, name: &NetnsName) -> bool {
    let Ok(settings) = conf::read(&call.conf_dir, name, call.trust) else {
        return false;
    };
    let setting = settings.get("netns_move_my_connection");
    setting.is_some_and(|setting| setting.whole().text == "yes")
}

fn planned_down(name: &NetnsName, gives_up: bool) -> Option<(State, Vec<Change>)> {
    let (journal, mut kernel) = without_lock(name).ok()?;
    let nothing = journal.with_returns(State::default());
    let query = build_query_of_down(&nothing, &journal);
    let mut have = observe::observe(&mut kernel, &query, &journal).ok()?;
    if gives_up {
        let given_up = of_others_on_top(&nothing, &have, &journal);
        have.links
            .retain(|link| !given_up.contains(&link.link_at()));
    }
    let (changes, _) = plan_what_can_be(&nothing, &have, &journal, Extras::Remove);
    Some((have, changes))
}

/// The first change that takes from a connection the link that carries it, or what it needs there.
fn cut(name: &NetnsName, (have, changes): (&State, &[Change]), callers: &Callers) -> Option<Cut> {
    if !changes.iter().any(is_taking) {
        return None;
    }
    let mut kernel = Kernel::new(name.clone());
    let mut carried = Vec::new();
    for connection in &callers.connections {
        let path = kernel.path(connection).unwrap_or_default();
        carried.push((path, Carries::Connection(*connection)));
    }
    if carried.is_empty() {
        let links = kernel.carriers_of_default().unwrap_or_default();
        let hops = Vec::new();
        carried.push((Path { links, hops }, Carries::DefaultRoute));
    }
    for (path, carries) in carried {
        let links = &path.links;
        // A link that goes loses its addresses and routes first
        let goes = changes.iter().any(|one| taken(&one.step, links).is_some());
        for change in changes {
            let comes = |step: &Step| step.ways().iter().any(|(_, to)| to.netns == Netns::This);
            let (link, fate) = match (taken(&change.step, links), comes(&change.step)) {
                (Some(link), true) => (link, LinkFate::Comes),
                (Some(link), false) => (link, LinkFate::Goes),
                (None, _) => {
                    let needed = || needed::needed(change, changes, have, &path, &carries);
                    if let Some((link, what)) = (!goes).then(needed).flatten() {
                        (link, LinkFate::Loses(what))
                    } else if let Some(link) = link_taken_over(change, links, &carries, &mut kernel)
                    {
                        (link, LinkFate::Leads)
                    } else {
                        continue;
                    }
                }
            };
            return Some(Cut {
                link,
                carries,
                origin: change.origin.clone(),
                fate,
                is_others: callers.anybody,
            });
        }
    }
    None
}

fn is_taking(change: &Change) -> bool {
    let step = &change.step;
    let takes = matches!(
        step,
        Step::DelLink(_)
            | Step::DelNetns
            | Step::DelAddress(..)
            | Step::DelRoute(_)
            | Step::LoadNatTable(_)
            | Step::DropNatTable
            | Step::AddLink { .. }
            | Step::SetMaster(..)
            | Step::DelVlans(..)
            | Step::SetUp(_, false)
            | Step::SetAttribute(..)
            | Step::SetOptions(..)
    );
    takes || !step.ways().is_empty() || new_route(change).is_some()
}

/// The one of these links that the step removes from its namespace.
fn taken(step: &Step, links: &BTreeSet<LinkRef>) -> Option<LinkRef> {
    match step {
        Step::DelLink(link) => links.get(link).cloned(),
        Step::DelNetns => links.iter().find(|link| link.netns == Netns::This).cloned(),
        step => {
            let mut moved = step.ways().into_iter().map(|(link, _)| link);
            moved.find(|link| links.contains(link)).cloned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_with_any_link_of_a_phy() {
        let link = |at, name: &str| LinkRef {
            netns: at,
            name: name.parse().unwrap(),
        };
        let way = |name| (link(Netns::Host, name), link(Netns::This, name));
        let step = Step::MovePhy("phy0".into(), vec![way("wlan0"), way("wlan1")]);
        let origin = None;
        let change = Change {
            step: step.clone(),
            origin,
        };
        assert!(is_taking(&change));
        let carrying = BTreeSet::from([link(Netns::Host, "wlan1")]);
        assert_eq!(taken(&step, &carrying), Some(link(Netns::Host, "wlan1")));
        let other = BTreeSet::from([link(Netns::Host, "eth0")]);
        assert_eq!(taken(&step, &other), None);
    }
}
