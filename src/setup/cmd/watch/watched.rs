//! A namespace that is kept as its settings say: events lead to checks and repairs (`repair`). The
//! present state is not stored, but read for each check.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::backoff::Pace;
use super::paths::{self, Meaning};
use super::readiness::Waits;
use super::services::{Order, ServiceControl};
use crate::kernel::monitor::events::{Event, Filter, Listener};
use crate::model::build::Want;
use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::setup::cmd::reload;
use crate::setup::error::Result;
use crate::setup::query::build_query;
use crate::setup::report::event::Events;
use crate::setup::signals::block_signals;
use crate::setup::{Call, hooks, ready, store, wireguard};
use crate::system::inotify::Touched;
use crate::system::netns::NameEntry;
use crate::{kernel, state_dir};

/// Interval at which the names of peers are resolved.
const LOOKUPS: Duration = Duration::from_secs(60);

/// Time for udev or mdev to rename a new NIC.
const NAMING: Duration = Duration::from_millis(300);

/// A watched namespace.
pub struct WatchedNetns {
    pub(super) want: Want,
    /// The links in other namespaces that concern it.
    pub(super) related: BTreeSet<LinkRef>,
    pub(super) journal: Journal,
    /// The stamp of the file that is replaced when the settings have been met. Another stamp means
    /// that another netns-setup was at work.
    pub(super) met: Option<(u64, i64, i64)>,
    listeners: Vec<(Netns, Listener)>,
    /// When to check the namespace.
    pub(super) pace: Pace,
    /// When to check the bind mounts over /etc.
    pub(super) etc_pace: Pace,
    /// When to resolve the names of WireGuard peers, if there are any.
    pub(super) resolve_at: Option<Instant>,
    /// It could not be brought up yet.
    pub(super) coming: bool,
    /// `netns_pre_up` has been run, and the namespace is not up yet.
    pub(super) prepared: bool,
    /// Another netns-setup has taken it down: it stays down until somebody brings it up.
    pub(super) down: bool,
    /// We have marked it as not ready.
    pub(super) unready: bool,
    /// A link that has a hook has been made or moved in.
    pub(super) hooks_are_due: bool,
    /// The wait for the conditions of `netns_ready`.
    pub(super) waits: Option<Waits>,
    /// The namespace is not complete.
    pub(super) incomplete: bool,
    /// The state of its services.
    pub(super) services: ServiceControl,
    /// The problems reported last, so that each is reported once.
    pub(super) reported: Vec<String>,
    /// The problems to report if they last.
    pub(super) unconfirmed: Vec<String>,
    /// The problems with bind mounts reported last.
    pub(super) reported_etc: Vec<String>,
}

impl WatchedNetns {
    /// A namespace that is up, or is `coming`. It is checked once more when its listeners are open,
    /// because something may have happened before.
    pub(super) fn new(want: Want, coming: bool, events: &Events) -> Self {
        let mut watched = WatchedNetns {
            coming,
            prepared: coming,
            incomplete: false,
            services: ServiceControl::new(),
            related: BTreeSet::new(),
            journal: Journal::default(),
            met: None,
            listeners: Vec::new(),
            pace: Pace::new(),
            etc_pace: Pace::new(),
            resolve_at: None,
            down: false,
            unready: false,
            hooks_are_due: false,
            waits: None,
            reported: Vec::new(),
            unconfirmed: Vec::new(),
            reported_etc: Vec::new(),
            want,
        };
        if coming {
            watched.refresh()
        } else {
            watched.now_up(events)
        }
        watched
    }

    /// Returns true if it is up and complete, and nothing is waited for.
    pub fn is_settled(&self) -> bool {
        let waits = self.coming || self.down || self.unready || self.incomplete;
        !waits && self.reported.is_empty() && self.services.is_idle()
    }

    /// Returns true if the namespace has this name.
    pub fn is(&self, name: &NetnsName) -> bool {
        self.want.name == *name
    }

    /// The directories to watch.
    pub fn dirs(&self) -> Vec<PathBuf> {
        paths::dirs(&self.want.name, self.down)
    }

    /// Schedule checks, because something may have happened before the directories were watched.
    pub fn dirs_are_new(&mut self) {
        let now = Instant::now();
        self.pace.happened(now);
        self.etc_pace.happened(now);
    }

    /// Open a listener in each namespace that concerns it and exists, and close the others.
    pub fn listen(&mut self) {
        let mut places: BTreeSet<Netns> =
            self.related.iter().map(|link| link.netns.clone()).collect();
        places.insert(Netns::This);
        if self.down {
            places.clear();
        }
        let mut listeners = std::mem::take(&mut self.listeners);
        for at in places {
            let Ok(netns) = kernel::open(&self.want.name, &at) else {
                continue;
            };
            let mut filter = Filter::of(&at, &self.want.state, &self.related, &self.journal);
            if let (Netns::Host, Some(nat)) = (&at, &self.want.nat) {
                let table = format!("netns_{}", self.want.name);
                filter = filter.with_table(table, nat.needs_defaults());
            }
            let known = listeners
                .iter()
                .position(|(of, listener)| *of == at && listener.is_for(&netns, &filter));
            if let Some(known) = known {
                self.listeners.push(listeners.swap_remove(known));
            } else if let Ok(listener) = Listener::open(&netns, filter) {
                self.listeners.push((at, listener));
                self.pace.happened(Instant::now());
            }
        }
    }

    /// The time of the next action, if there is one. All times of this namespace are listed here.
    pub fn moment(&self) -> Option<Instant> {
        let moments = [
            self.pace.moment(),
            self.etc_pace.moment(),
            self.resolve_at,
            self.services.moment(),
        ];
        moments.into_iter().flatten().min()
    }

    /// Record an event on a file. Returns true if it matters.
    pub fn was_touched(&mut self, touched: &Touched) -> bool {
        let Meaning { state, etc } = paths::meaning(touched, &self.want.name, &self.related);
        let now = Instant::now();
        if state {
            self.pace.happened(now);
        }
        if etc {
            self.etc_pace.happened(now);
        }
        state || etc
    }

    /// Ready when an event happened that matters.
    pub fn poll_heard(&mut self, context: &mut Context) -> Poll<()> {
        let mut happened = Poll::Pending;
        let waits = self.waits.as_mut();
        if waits.is_some_and(|waits| waits.poll_end(context).is_ready()) {
            self.pace.happened(Instant::now());
            happened = Poll::Ready(());
        }
        if self.services.poll_end(context).is_ready() {
            happened = Poll::Ready(());
        }
        for (_, listener) in &mut self.listeners {
            if let Poll::Ready(heard) = listener.poll_heard(context) {
                let wait = if heard == Event::Device {
                    NAMING
                } else {
                    Duration::ZERO
                };
                self.pace.happened(Instant::now() + wait);
                happened = Poll::Ready(());
            }
        }
        happened
    }

    /// Do what is due.
    pub fn act(&mut self, call: &Call, now: Instant) {
        let blocked = block_signals();
        let is_time = |pace: &Pace| pace.moment().is_some_and(|moment| moment <= now);
        if is_time(&self.etc_pace) {
            let outcome = self.restore_binds(call);
            self.etc_pace.record(Instant::now(), outcome);
        }
        if is_time(&self.pace) {
            if self.coming {
                self.come_up(call)
            } else {
                self.check_and_repair(call)
            }
        }
        if self.resolve_at.is_some_and(|moment| moment <= now) {
            self.resolve_endpoints(call);
            self.resolve_at = Some(Instant::now() + LOOKUPS);
        }
        self.run_order(call);
        let _ = blocked.thread_unblock();
    }

    /// Run the command that the init system needs.
    fn run_order(&mut self, call: &Call) {
        let complete = !self.coming && !self.incomplete;
        let Some(order) = self.services.due(&self.want, complete, self.down) else {
            return;
        };
        if order != Order::Stop || self.mark_unready() {
            self.services.run(call, &self.want, order);
        }
    }

    /// HUP: reload with the new settings. If they are rejected, the earlier ones stay in force.
    pub fn reload(&mut self, call: &Call, want: Want) -> Result {
        let mut done = Ok(());
        if self.coming {
            self.want = want;
            self.pace.happened(Instant::now());
        } else {
            done = reload::begin_reload(call, &want);
            if done.is_ok() {
                self.want = want;
                self.now_up(&call.events);
                self.run_hooks(call);
            }
        }
        self.reported.clear();
        self.refresh();
        done
    }

    /// Run the pending hooks. Errors are reported.
    pub(super) fn run_hooks(&self, call: &Call) {
        if let Err(error) = hooks::run_due(&self.want) {
            call.events.failed(Some(&self.want.name), &error);
        }
    }

    /// Returns true if this namespace, or one that it is linked to, has a file without a mount. `ip
    /// netns add` causes this state for a moment, and no event reports its end.
    pub(super) fn is_being_named(&self) -> bool {
        let others = self.related.iter().filter_map(|link| match &link.netns {
            Netns::Named(other) => Some(other),
            _ => None,
        });
        let mut names = others.chain([&self.want.name]);
        names.any(|name| {
            matches!(
                crate::system::netns::there(name.as_str()),
                Ok(NameEntry::Stale)
            )
        })
    }

    /// The namespace is up, except perhaps for the conditions of `netns_ready`.
    pub(super) fn now_up(&mut self, events: &Events) {
        self.coming = false;
        self.down = false;
        self.unready = ready::is_awaited(&self.want);
        self.waits = self.unready.then(|| Waits::begin(&self.want, events));
        self.refresh();
    }

    /// Read what is known from files, without a check of the state.
    pub(super) fn refresh(&mut self) {
        self.journal = store::journal(&self.want.name).unwrap_or_default();
        self.met = store::stamp(&self.want.name, state_dir::MET);
        let state = self.journal.with_returns(self.want.state.clone());
        self.related = build_query(&state, &self.journal).links;
        self.resolve_at = if wireguard::has_names(&self.want.state) {
            self.resolve_at.or_else(|| Some(Instant::now() + LOOKUPS))
        } else {
            None
        };
    }
}
