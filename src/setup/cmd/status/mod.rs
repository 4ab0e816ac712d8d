//! `status`: reports the state of a namespace, what in it is not ours, and how it differs from its
//! settings. As lines for people, as JSON for programs. The state is read from the kernel, not from
//! the journal.

mod foreign;
pub(crate) mod link;
mod made_by;
mod routing;
mod services;
mod text;

use serde::Serialize;

use crate::kernel::Query;
use crate::model::{Condition, Netns, Route, State};
use crate::name::NetnsName;
use crate::plan::{Change, Extras, Journal, plan};
use crate::setup::error::{Error, Outcome, Result};
use crate::setup::failure::{Failure, broken};
use crate::setup::load::{context, settings, wrong};
use crate::setup::lock::without_lock;
use crate::setup::query::build_query;
use crate::setup::report::event::JSON_VERSION;
use crate::setup::report::run_log;
use crate::setup::resolve_devices::{self, resolve_devices};
use crate::setup::{Call, attach, birthplaces, nat, observe, ready, report, store, trial_file};
use crate::source::Sourced;
use crate::system::{container, netns, occupants, process};
use link::LinkStatus;
use made_by::MadeBy;
use routing::{RouteStatus, RuleStatus};
use services::{NameServers, OnHost, ProcessStatus, RuleFile};

/// What `status --json` prints of each namespace.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    version: u32,
    name: String,
    /// A namespace of this name exists.
    pub exists: bool,
    /// netns-setup made it.
    pub ours: bool,
    /// The namespace is ready.
    pub ready: bool,
    /// When it became ready or failed, or when others made it, in seconds since 1970.
    pub since: Option<u64>,
    /// It is not ready, and `watch` brings it up as soon as that is possible.
    pub waits: bool,
    /// The container that the namespace belongs to.
    pub container: Option<String>,
    /// A trial is running, and is rolled back after this many seconds.
    pub trial: Option<u64>,
    pub links: Vec<LinkStatus>,
    routes: Vec<RouteStatus>,
    /// Policy rules.
    rules: Vec<RuleStatus>,
    /// The name servers of the processes inside, if they are not the host's.
    name_servers: Option<NameServers>,
    /// The files with rules that are loaded inside.
    firewall: Vec<RuleFile>,
    /// What the host does for it.
    on_host: Option<OnHost>,
    pub processes: usize,
    pub inside: Vec<ProcessStatus>,
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
struct ConditionStatus {
    condition: String,
    /// The condition holds now. A namespace that is ready stays ready if it no longer holds.
    holds: bool,
}

/// Report the state of a namespace.
pub fn status(call: &Call, name: &NetnsName) -> Result<Outcome> {
    let observed = observe(call, name);
    let seen = observed.map_err(|failure| Error::failure(name, &failure))?;
    // A namespace of others needs no settings
    let has_settings = call.conf_dir.join(format!("netns.{name}")).exists();
    if seen.status.exists && !seen.status.is_set_up() && !has_settings {
        call.events.found(seen.status);
        return Ok(Outcome::Done);
    }
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
    let states = (&journal, want.as_ref(), &have);
    let links = link::links(name, states, &mut kernel);
    let links = links.map_err(|e| broken("cannot read the state of the links", e))?;
    let mut status = of(name, states, links);
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
        self.ours || self.links.iter().any(|link| link.own)
    }

    fn is_as_wanted(&self) -> bool {
        self.ready
            && self.obstacles.is_empty()
            && self.differences.as_ref().is_some_and(Vec::is_empty)
    }
}

fn of(
    name: &NetnsName,
    (journal, want, have): (&Journal, Option<&State>, &State),
    links: Vec<LinkStatus>,
) -> Status {
    let is_asked_for = |route: &Route| {
        let is = |r: &Sourced<Route>| r.value == *route;
        journal.ours.routes.iter().any(is) || want.is_some_and(|w| w.routes.iter().any(is))
    };
    let routes = have.routes.iter().filter(|r| r.value.netns == Netns::This);
    let routes = routes.map(|r| {
        let by = MadeBy::of_route(is_asked_for(&r.value), &r.value, journal);
        RouteStatus::of(&r.value, by)
    });
    let is_asked_for =
        |rule| journal.ours.rules.contains(rule) || want.is_some_and(|w| w.rules.contains(rule));
    let rules = have.rules.iter().map(|rule| {
        let by = MadeBy::of(is_asked_for(rule), rule.value.is_kernels());
        RuleStatus::of(&rule.value, by)
    });
    let identity = netns::identity(name.as_str()).ok().flatten();
    let inside = identity.and_then(|identity| occupants::inside(identity).ok());
    let inside = inside.unwrap_or_default();
    // A container may also have joined a namespace that netns-setup made
    let first = inside.first().filter(|_| !journal.ours.exists);
    let ready = store::is_ready(name);
    Status {
        version: JSON_VERSION,
        name: name.to_string(),
        exists: have.exists,
        ours: journal.ours.exists,
        ready,
        since: since(name, ready, have.exists && !journal.ours.exists),
        waits: !ready && is_watched(name),
        container: first.and_then(|first| container::of(first.pid)),
        trial: trial_file::running(name),
        links,
        routes: routes.collect(),
        rules: rules.collect(),
        name_servers: services::name_servers(name, journal).filter(|_| have.exists),
        firewall: services::firewall(have),
        on_host: services::on_host(journal, have),
        processes: inside.len(),
        inside: inside.iter().map(ProcessStatus::from).collect(),
        conditions: Vec::new(),
        differences: None,
        obstacles: Vec::new(),
        failure: run_log::why_failed(name),
        warnings: Vec::new(),
    }
}

/// When the namespace became ready, when its last start failed, or when others made it.
fn since(name: &NetnsName, ready: bool, is_foreign: bool) -> Option<u64> {
    let made = || netns::birth(name.as_str()).ok().flatten();
    let made = || u64::try_from(made()?.time.0).ok();
    let moment = match ready {
        true => store::ready_since(name),
        false => run_log::failed_at(name).or_else(|| made().filter(|_| is_foreign)),
    };
    moment.map(report::not_before_boot)
}

/// Returns true if a `netns-setup watch` of this namespace is running.
fn is_watched(name: &NetnsName) -> bool {
    process::running(&["netns-setup"]).iter().any(|one| {
        let has = |word: &str| one.words.iter().any(|said| said == word);
        has("watch") && (has(name.as_str()) || has("--all"))
    })
}
