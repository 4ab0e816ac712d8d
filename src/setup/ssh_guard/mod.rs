//! The guard: checks whether changes remove the link that carries the caller's connection, or the
//! address or the route that it needs. It stops no call without a login among its parent processes,
//! as at boot. runit's own processes start and stop services for unknown callers: there it considers
//! everybody who is logged in.

mod message;
mod new_routes;
mod removed;

use std::collections::BTreeSet;
use std::time::Duration;

use super::dry_run::planned;
use super::error::{Error, Outcome, Result};
use super::{Call, firewall, observe, store, with_checked};
use crate::conf;
use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::{Link, LinkRef, Netns, State};
use crate::name::NetnsName;
use crate::plan::{Change, Extras, Step, plan};
use crate::setup::lock::without_lock;
use crate::setup::query::build_query_of_down;
use crate::source::Origin;
use crate::system::login::{Callers, callers, everybody, uptime};
use crate::system::netns::{self, NameEntry};
use crate::system::sockets::Connection;
use message::lines;
use new_routes::{link_taken_over, new_route};

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
    /// It loses this address or route.
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
    let can_cut = |want: &&Want| !want.moves_my_connection && can_remove_links(want);
    let wants: Vec<&Want> = wants.iter().filter(can_cut).collect();
    if call.moves_my_connection || wants.is_empty() {
        return None;
    }
    let callers = callers_to_consider(Happens::AtBootToo);
    if !callers.logged_in {
        return None;
    }
    let mut stopped = None;
    for want in wants {
        // An error of the plan is reported when the change is made
        let Ok((_, have, changes)) = planned(want, rest) else {
            continue;
        };
        if let Some(cut) = cut(&want.name, (&have, &changes), &callers) {
            let error = would_be_cut(call, &want.name, &cut);
            stopped = Some(call.events.failed(Some(&want.name), &error));
        }
    }
    stopped
}

/// Returns false if an up cannot remove a link of the host: the namespace does not exist and has no
/// state directory, no link is moved into it, and no new link is made on the host.
fn can_remove_links(want: &Want) -> bool {
    let is_new = matches!(netns::there(want.name.as_str()), Ok(NameEntry::Nothing))
        && matches!(store::dir(&want.name).try_exists(), Ok(false));
    let on_host = |link: &Link| link.netns == Netns::Host && link.kind.spec().is_some();
    let mut links = want.state.links.iter();
    !is_new || want.attach.is_some() || links.any(|link| link.kind.is_moved() || on_host(link))
}

/// Check that the guard lets the namespace be taken down.
pub fn may_take_down(call: &Call, name: &NetnsName) -> Result {
    check_take_down(call, name, &callers())
}

/// As [`may_take_down`], for a caller that has not stopped anything yet.
pub fn would_take_down(call: &Call, name: &NetnsName) -> Result {
    check_take_down(call, name, &callers_to_consider(Happens::WhenAsked))
}

/// Check whether `up` would fail because of the settings, the rule files, this machine or the
/// guard, before the caller stops anything.
pub fn may_come(call: &Call) -> Outcome {
    with_settings(call, Extras::Keep, |want| {
        firewall::test(call, want)?;
        match planned(want, Extras::Keep) {
            Ok(_) => Ok(()),
            Err(failure) => Err(Error::failure(&want.name, &failure)),
        }
    })
}

fn check_take_down(call: &Call, name: &NetnsName, callers: &Callers) -> Result {
    if call.moves_my_connection || !callers.logged_in || is_allowed(call, name) {
        return Ok(());
    }
    let (have, changes) = planned_down(name).unwrap_or_default();
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
fn callers_to_consider(happens: Happens) -> Callers {
    let callers = callers();
    let is_booting = || happens == Happens::AtBootToo && uptime().is_none_or(|up| up < BOOT);
    if callers.runsv && !callers.logged_in && !is_booting() {
        everybody()
    } else {
        callers
    }
}

/// Warn of a plan that the guard would stop.
pub fn warn(call: &Call, want: &Want, have: &State, changes: &[Change]) {
    let callers = callers();
    if call.moves_my_connection || want.moves_my_connection || !callers.logged_in {
        return;
    }
    if let Some(cut) = cut(&want.name, (have, changes), &callers) {
        call.events
            .warning(&want.name, lines(call, &want.name, &cut));
    }
}

/// Returns true if a reload would take from the caller's connection what it needs.
pub fn would_cut(want: &Want) -> bool {
    let callers = callers();
    let planned = callers.logged_in.then(|| planned(want, Extras::Remove));
    let planned = planned.and_then(Result::ok);
    planned.is_some_and(|(_, have, changes)| cut(&want.name, (&have, &changes), &callers).is_some())
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

fn planned_down(name: &NetnsName) -> Option<(State, Vec<Change>)> {
    let (journal, mut kernel) = without_lock(name).ok()?;
    let nothing = journal.with_returns(State::default());
    let query = build_query_of_down(&nothing, &journal);
    let have = observe::observe(&mut kernel, &query, &journal).ok()?;
    let changes = plan(&nothing, &have, &journal, Extras::Remove).ok()?;
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
        let links = kernel.carriers(connection).unwrap_or_default();
        carried.push((links, Carries::Connection(*connection)));
    }
    if carried.is_empty() {
        let links = kernel.carriers_of_default().unwrap_or_default();
        carried.push((links, Carries::DefaultRoute));
    }
    for (links, carries) in carried {
        // A link that goes loses its addresses and routes first
        let goes = changes.iter().any(|one| taken(&one.step, &links).is_some());
        for change in changes {
            let comes = |step: &Step| step.ways().iter().any(|(_, to)| to.netns == Netns::This);
            let (link, fate) = match (taken(&change.step, &links), comes(&change.step)) {
                (Some(link), true) => (link, LinkFate::Comes),
                (Some(link), false) => (link, LinkFate::Goes),
                (None, _) => {
                    let needed = || removed::needed(change, changes, have, &links, &carries);
                    if let Some((link, what)) = (!goes).then(needed).flatten() {
                        (link, LinkFate::Loses(what))
                    } else if let Some(link) =
                        link_taken_over(change, &links, &carries, &mut kernel)
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
        Step::DelLink(_) | Step::DelNetns | Step::DelAddress(..) | Step::DelRoute(_)
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
