//! One namespace that is kept as its settings say: what happened to it in, what differs
//! is then put right (by `repair`). Nothing is remembered of what there is: each time it is looked at.

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

/// How long it is from one lookup of the names of peers to the next.
const LOOKUPS: Duration = Duration::from_secs(60);

/// How long what gives cards their names has for that.
const NAMING: Duration = Duration::from_millis(300);

/// A namespace that is kept.
pub struct WatchedNetns {
    pub(super) want: Want,
    /// The links of other namespaces that have to do with it.
    pub(super) asked: BTreeSet<LinkRef>,
    pub(super) journal: Journal,
    /// When the settings were met, as we know it: if it is another, somebody else was at work.
    pub(super) met: Option<(u64, i64, i64)>,
    ears: Vec<(Netns, Listener)>,
    /// When to look at it,
    pub(super) look: Pace,
    /// and when at what is bound over /etc.
    pub(super) etc: Pace,
    /// When to ask again where the names of WireGuard's peers lead, if there are any.
    pub(super) names: Option<Instant>,
    /// It could not be brought up yet,
    pub(super) coming: bool,
    /// and what comes before that has been done.
    pub(super) prepared: bool,
    /// netns-setup has taken it down: it stays down until somebody brings it up.
    pub(super) down: bool,
    /// We have said that it is not ready.
    pub(super) unready: bool,
    /// A link that has a hook has been made or moved in.
    pub(super) hooks_are_due: bool,
    /// What `netns_ready` asks for is waited for.
    pub(super) waits: Option<Waits>,
    /// Something of it is missing.
    pub(super) lacking: bool,
    /// What its services are told.
    pub(super) services: ServiceControl,
    /// What was complained of: it is said once.
    pub(super) said: Vec<String>,
    /// What is complained of if it still is so in a moment.
    pub(super) doubt: Vec<String>,
    /// What was complained of what is bound.
    pub(super) said_of_etc: Vec<String>,
}

impl WatchedNetns {
    /// A namespace that has just been brought up, or is `coming`: it is looked at once more
    /// when it is listened to, for something may have happened in between.
    pub(super) fn new(want: Want, coming: bool, events: &Events) -> Self {
        let mut kept = WatchedNetns {
            coming,
            prepared: coming,
            lacking: false,
            services: ServiceControl::new(),
            asked: BTreeSet::new(),
            journal: Journal::default(),
            met: None,
            ears: Vec::new(),
            look: Pace::new(),
            etc: Pace::new(),
            names: None,
            down: false,
            unready: false,
            hooks_are_due: false,
            waits: None,
            said: Vec::new(),
            doubt: Vec::new(),
            said_of_etc: Vec::new(),
            want,
        };
        if coming {
            kept.know()
        } else {
            kept.is_up(events)
        }
        kept
    }

    /// It has this name.
    pub fn is(&self, name: &NetnsName) -> bool {
        self.want.name == *name
    }

    /// The folders where something can happen to it.
    pub fn folders(&self) -> Vec<PathBuf> {
        paths::folders(&self.want.name, self.down)
    }

    /// Something may have happened in a folder before it was watched.
    pub fn folders_are_new(&mut self) {
        let now = Instant::now();
        self.look.happened(now);
        self.etc.happened(now);
    }

    /// Listen in all namespaces it has to do with that are there, and in no other.
    pub fn listen(&mut self) {
        let mut places: BTreeSet<Netns> =
            self.asked.iter().map(|link| link.netns.clone()).collect();
        places.insert(Netns::This);
        if self.down {
            places.clear();
        }
        let mut ears = std::mem::take(&mut self.ears);
        for at in places {
            let Ok(netns) = kernel::open(&self.want.name, &at) else {
                continue;
            };
            let mut matter = Filter::of(&at, &self.want.state, &self.asked, &self.journal);
            if let (Netns::Host, Some(nat)) = (&at, &self.want.nat) {
                let table = format!("netns_{}", self.want.name);
                matter = matter.with_table(table, nat.needs_defaults());
            }
            let known = ears
                .iter()
                .position(|(of, ear)| *of == at && ear.is_for(&netns, &matter));
            if let Some(known) = known {
                self.ears.push(ears.swap_remove(known));
            } else if let Ok(ear) = Listener::open(&netns, matter) {
                self.ears.push((at, ear));
                self.look.happened(Instant::now());
            }
        }
    }

    /// The next moment to do something, if there is one. Whatever else is to be done at a
    /// time of its own has its place here.
    pub fn moment(&self) -> Option<Instant> {
        let moments = [
            self.look.moment(),
            self.etc.moment(),
            self.names,
            self.services.moment(),
        ];
        moments.into_iter().flatten().min()
    }

    /// Whether something that was touched matters.
    pub fn was_touched(&mut self, touched: &Touched) -> bool {
        let Meaning { state, etc } = paths::meaning(touched, &self.want.name, &self.asked);
        let now = Instant::now();
        if state {
            self.look.happened(now);
        }
        if etc {
            self.etc.happened(now);
        }
        state || etc
    }

    /// Ready when something happened that matters.
    pub fn poll_heard(&mut self, context: &mut Context) -> Poll<()> {
        let mut happened = Poll::Pending;
        let waits = self.waits.as_mut();
        if waits.is_some_and(|waits| waits.poll_end(context).is_ready()) {
            self.look.happened(Instant::now());
            happened = Poll::Ready(());
        }
        if self.services.poll_end(context).is_ready() {
            happened = Poll::Ready(());
        }
        for (_, ear) in &mut self.ears {
            if let Poll::Ready(heard) = ear.poll_heard(context) {
                let wait = if heard == Event::Device {
                    NAMING
                } else {
                    Duration::ZERO
                };
                self.look.happened(Instant::now() + wait);
                happened = Poll::Ready(());
            }
        }
        happened
    }

    /// Do what it is time for.
    pub fn act(&mut self, call: &Call, now: Instant) {
        let blocked = block_signals();
        let is_time = |pace: &Pace| pace.moment().is_some_and(|moment| moment <= now);
        if is_time(&self.etc) {
            let came = self.bind_again(call);
            self.etc.came(Instant::now(), came);
        }
        if is_time(&self.look) {
            if self.coming {
                self.come_up(call)
            } else {
                self.look_and_mend(call)
            }
        }
        if self.names.is_some_and(|moment| moment <= now) {
            self.look_names_up(call);
            self.names = Some(Instant::now() + LOOKUPS);
        }
        self.tell_services(call);
        let _ = blocked.thread_unblock();
    }

    /// The init system is told what it does not know of the namespace.
    fn tell_services(&mut self, call: &Call) {
        let whole = !self.coming && !self.lacking;
        let Some(told) = self.services.due(&self.want, whole, self.down) else {
            return;
        };
        if told != Order::Stop || self.close() {
            self.services.tell(call, &self.want, told);
        }
    }

    /// HUP: the settings as they are now. If they are refused, those before stay in force.
    pub fn reload(&mut self, call: &Call, want: Want) -> Result {
        let mut done = Ok(());
        if self.coming {
            self.want = want;
            self.look.happened(Instant::now());
        } else {
            done = reload::begin_reload(call, &want);
            if done.is_ok() {
                self.want = want;
                self.is_up(&call.events);
                self.run_hooks(call);
            }
        }
        self.said.clear();
        self.know();
        done
    }

    /// Run the hooks that are due. Those that fail are reported.
    pub(super) fn run_hooks(&self, call: &Call) {
        if let Err(error) = hooks::run_due(&self.want) {
            call.events.failed(Some(&self.want.name), &error);
        }
    }

    /// A namespace that it has to do with has its file, and is not bound over it: so it is
    /// for a moment in `ip netns add`, and no event tells of the end of that.
    pub(super) fn is_being_named(&self) -> bool {
        let others = self.asked.iter().filter_map(|link| match &link.netns {
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

    /// It is up, but perhaps for what `netns_ready` asks for.
    pub(super) fn is_up(&mut self, events: &Events) {
        self.coming = false;
        self.down = false;
        self.unready = ready::is_awaited(&self.want);
        self.waits = self.unready.then(|| Waits::begin(&self.want, events));
        self.know();
    }

    /// What is known of it without looking at it.
    pub(super) fn know(&mut self) {
        self.journal = store::journal(&self.want.name).unwrap_or_default();
        self.met = store::stamp(&self.want.name, state_dir::MET);
        let state = self.journal.with_returns(self.want.state.clone());
        self.asked = build_query(&state, &self.journal).links;
        self.names = if wireguard::has_names(&self.want.state) {
            self.names.or_else(|| Some(Instant::now() + LOOKUPS))
        } else {
            None
        };
    }
}
