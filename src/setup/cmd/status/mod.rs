//! `status`: reports the state of a namespace, what in it is not ours, and how it differs from its
//! settings. As lines for people, as JSON for programs. The state is read from the kernel, not from
//! the journal.

mod foreign;
mod made_by;
mod text;

use serde::Serialize;

use crate::kernel::Query;
use crate::model::{Condition, Kind, Link, Netns, Route, State};
use crate::name::NetnsName;
use crate::plan::{Change, Extras, Journal, plan};
use crate::setup::error::{Error, Outcome, Result};
use crate::setup::failure::Failure;
use crate::setup::load::{context, settings, wrong};
use crate::setup::lock::without_lock;
use crate::setup::query::build_query;
use crate::setup::report::run_log;
use crate::setup::resolve_devices::{self, resolve_devices};
use crate::setup::{Call, attach, birthplaces, nat, observe, ready, report, store, trial_file};
use crate::source::Sourced;
use crate::system::{netns, occupants};
use made_by::MadeBy;

/// What `status --json` prints of each namespace.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    name: String,
    /// A namespace of this name exists.
    pub exists: bool,
    /// netns-setup made it.
    pub ours: bool,
    /// The namespace is ready.
    pub ready: bool,
    pub links: Vec<LinkStatus>,
    routes: Vec<RouteStatus>,
    /// Policy rules.
    rules: Vec<RuleStatus>,
    pub processes: usize,
    /// The conditions of `netns_ready`.
    conditions: Vec<ConditionStatus>,
    /// The commands that make the namespace match its settings. `None` if the settings are wrong.
    pub differences: Option<Vec<String>>,
    /// What prevents those commands.
    pub obstacles: Vec<String>,
    /// Why its last start or reload failed. Empty if it succeeded.
    pub failure: Vec<String>,
    /// What can keep it from working although it exists.
    pub warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LinkStatus {
    pub name: String,
    /// The link is in the host's namespace.
    on_host: bool,
    pub r#type: String,
    up: bool,
    mtu: Option<u32>,
    mac: Option<String>,
    master: Option<String>,
    by: MadeBy,
    pub addresses: Vec<AddressStatus>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddressStatus {
    pub address: String,
    by: MadeBy,
}

#[derive(Debug, Serialize)]
struct ConditionStatus {
    condition: String,
    /// The condition holds now. A namespace that is ready stays ready if it no longer holds.
    holds: bool,
}

#[derive(Debug, Serialize)]
struct RouteStatus {
    route: String,
    by: MadeBy,
}

#[derive(Debug, Serialize)]
struct RuleStatus {
    rule: String,
    by: MadeBy,
}

/// Report the state of a namespace.
pub fn status(call: &Call, name: &NetnsName) -> Result<Outcome> {
    let observed = observe(call, name);
    let seen = observed.map_err(|failure| Error::failure(name, &failure))?;
    if let Some(wrong) = &seen.wrong {
        call.events.failed(Some(name), wrong);
    }
    call.events.found(seen.status);
    Ok(seen.outcome)
}

/// The state of a namespace, and the outcome of the verb.
pub(crate) struct Seen {
    pub status: Status,
    pub outcome: Outcome,
    /// The error, if the settings are wrong.
    pub wrong: Option<Error>,
}

/// Read the state of a namespace.
pub(crate) fn observe(call: &Call, name: &NetnsName) -> Result<Seen, Failure> {
    let (mut journal, mut kernel) = without_lock(name)?;
    let (mut obstacles, mut warnings) = (Vec::new(), Vec::new());
    let settings = settings(call, name, &context());
    let (mut want, wrong) = match &settings {
        Ok(want) => match nat::with_host(want, &journal, &mut kernel) {
            Ok(with_host) => {
                warnings = report::obstacles(name, &with_host.warnings);
                let mut state = with_host.state;
                obstacles = match attach::prepare(want, &mut state, &journal, &mut kernel) {
                    Ok(attach::NameState::Right) => Vec::new(),
                    Ok(attach::NameState::Earlier) => attach::earlier(want, &journal),
                    Err(e) => report::why(name, &e.why),
                };
                (Some(state), None)
            }
            Err(failure) => {
                obstacles = report::why(name, &failure.why);
                (None, None)
            }
        },
        Err(problems) => (None, Some(wrong(name, problems))),
    };
    let mut missing = Vec::new();
    if let Some(state) = &mut want {
        missing = resolve_devices(state, &journal, &mut kernel)?;
    }
    let nothing = State::default();
    let wanted = want.as_ref().unwrap_or(&nothing);
    let query = Query {
        rules: true,
        ..build_query(wanted, &journal)
    };
    let mut have = observe::observe(&mut kernel, &query, &journal)?;
    nat::without_others(name, wanted, &query, (&mut journal, &mut have))?;
    let mut status = of(name, &journal, want.as_ref(), &have);
    if let Some(want) = &want {
        let (changes, others) = match plan(want, &have, &journal, Extras::Remove) {
            Ok(changes) => (Some(changes), Vec::new()),
            Err(others) => (None, others),
        };
        let commands = |changes: Vec<Change>| changes.iter().map(|c| c.command(name)).collect();
        status.differences = changes.map(commands);
        for obstacle in resolve_devices::obstacles(missing, others) {
            status.obstacles.extend(report::obstacle_lines(&obstacle));
        }
    }
    status.obstacles.splice(0..0, obstacles);
    warnings.extend(birthplaces::warnings(name, &have));
    status.warnings = trial_file::describe(name)
        .into_iter()
        .chain(warnings)
        .collect();
    if let Some(want) = settings.as_ref().ok().filter(|_| status.exists) {
        let all = ready::now(want)?.into_iter();
        status.conditions = all.map(ConditionStatus::of).collect();
    }
    let outcome = match &wrong {
        Some(wrong) => wrong.outcome,
        None if status.is_as_wanted() => Outcome::Done,
        None => Outcome::Differs,
    };
    Ok(Seen {
        status,
        outcome,
        wrong,
    })
}

impl ConditionStatus {
    fn of((condition, holds): (&Sourced<Condition>, bool)) -> Self {
        let condition = condition.to_string();
        ConditionStatus { condition, holds }
    }
}

impl Status {
    /// Returns true if netns-setup made the namespace, or moved a link into it.
    pub fn is_set_up(&self) -> bool {
        let ours = |link: &LinkStatus| link.by == MadeBy::Us;
        self.ours || self.links.iter().any(ours)
    }

    fn is_as_wanted(&self) -> bool {
        self.ready
            && self.obstacles.is_empty()
            && self.differences.as_ref().is_some_and(Vec::is_empty)
    }
}

fn of(name: &NetnsName, journal: &Journal, want: Option<&State>, have: &State) -> Status {
    let ours = |link: &Link| {
        let made = journal.ours.link(&link.netns, &link.name.value);
        made.is_some_and(|made| made.kind.spec().is_some())
    };
    let links = have.links.iter();
    let links = links.filter(|link| match link.netns {
        Netns::This => true,
        Netns::Host => ours(link),
        Netns::Named(_) => false,
    });
    let is_asked_for = |route: &Route| {
        let is = |r: &Sourced<Route>| r.value == *route;
        journal.ours.routes.iter().any(is) || want.is_some_and(|w| w.routes.iter().any(is))
    };
    let routes = have.routes.iter().filter(|r| r.value.netns == Netns::This);
    let routes = routes.map(|r| RouteStatus {
        route: r.value.to_string(),
        by: MadeBy::of(is_asked_for(&r.value), r.value.is_kernels()),
    });
    let is_asked_for =
        |rule| journal.ours.rules.contains(rule) || want.is_some_and(|w| w.rules.contains(rule));
    let rules = have.rules.iter().map(|rule| RuleStatus {
        rule: rule.value.to_string(),
        by: MadeBy::of(is_asked_for(rule), rule.value.is_kernels()),
    });
    let identity = netns::identity(name.as_str()).ok().flatten();
    let inside_it = identity.and_then(|identity| occupants::inside(identity).ok());
    Status {
        name: name.to_string(),
        exists: have.exists,
        ours: journal.ours.exists,
        ready: store::is_ready(name),
        links: links.map(|link| link_status(link, journal, want)).collect(),
        routes: routes.collect(),
        rules: rules.collect(),
        processes: inside_it.map_or(0, |inside| inside.len()),
        conditions: Vec::new(),
        differences: None,
        obstacles: Vec::new(),
        failure: run_log::why_failed(name),
        warnings: Vec::new(),
    }
}

fn link_status(link: &Link, journal: &Journal, want: Option<&State>) -> LinkStatus {
    let made = journal.ours.link(&link.netns, &link.name.value);
    let wanted = want.and_then(|want| want.link(&link.netns, &link.name.value));
    let ours = |address| {
        let has = |l: &Link| l.addresses.contains(address);
        made.is_some_and(has) || wanted.is_some_and(has)
    };
    let addresses = link.addresses.iter().map(|address| AddressStatus {
        address: address.to_string(),
        by: MadeBy::of(ours(address), address.value.is_kernels()),
    });
    LinkStatus {
        name: link.name.to_string(),
        on_host: link.netns == Netns::Host,
        r#type: link.kind.word().to_string(),
        up: link.up == Some(true),
        mtu: link.attributes.number("mtu"),
        mac: link.attributes.said("address").map(ToString::to_string),
        master: link.master.as_ref().map(ToString::to_string),
        by: MadeBy::of(
            made.is_some() || wanted.is_some(),
            link.kind == Kind::Loopback,
        ),
        addresses: addresses.collect(),
    }
}
