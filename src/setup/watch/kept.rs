//! One namespace that is kept as its settings say: what happened to it in, what differs
//! mended and said. Nothing is remembered of what there is: each time it is looked at.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::pace::{Came, Pace};
use super::places::{self, Meaning};
use crate::exec;
use crate::exit;
use crate::kernel::entries::Touched;
use crate::kernel::events::{Ear, Heard, Matter};
use crate::kernel::{self, Kernel};
use crate::model::build::Want;
use crate::model::{LinkAt, Where};
use crate::name::NetnsName;
use crate::plan::{Change, Journal, Step};
use crate::setup::apply::{Mended, SETTLE, Why, Work};
use crate::setup::store::{self, Store};
use crate::setup::{
    Call, asked, complain, context, hold_signals, look_on, report, say, settings, tell, up,
};

/// How long what gives cards their names has for that.
const NAMING: Duration = Duration::from_millis(300);

/// How long a fault must hold before it is spoken of: links come and go one after the
/// other, and what one change needs may be gone for just that long.
const DOUBT: Duration = Duration::from_millis(500);

/// How soon it is tried again where another netns-setup is at work.
const BUSY: Duration = Duration::from_millis(20);

/// A namespace that is kept.
pub struct Kept {
    want: Want,
    /// The links of other namespaces that have to do with it.
    asked: BTreeSet<LinkAt>,
    journal: Journal,
    /// The journal as we know it: if it is another, somebody else was at work.
    stamp: Option<(u64, i64, i64)>,
    ears: Vec<(Where, Ear)>,
    /// When to look at it,
    look: Pace,
    /// and when at what is bound over /etc.
    etc: Pace,
    /// netns-setup has taken it down: it stays down until somebody brings it up.
    down: bool,
    /// We have said that it is not ready.
    unready: bool,
    /// What was complained of: it is said once.
    said: Vec<String>,
    /// What is complained of if it still is so in a moment.
    doubt: Vec<String>,
}

impl Kept {
    /// A namespace that has just been brought up: it is looked at once more when it is
    /// listened to, for something may have happened in between.
    pub fn new(want: Want) -> Self {
        let mut kept = Kept {
            asked: BTreeSet::new(),
            journal: Journal::default(),
            stamp: None,
            ears: Vec::new(),
            look: Pace::new(),
            etc: Pace::new(),
            down: false,
            unready: false,
            said: Vec::new(),
            doubt: Vec::new(),
            want,
        };
        kept.know();
        kept
    }

    /// It has this name.
    pub fn is(&self, name: &NetnsName) -> bool {
        self.want.name == *name
    }

    /// The folders where something can happen to it.
    pub fn folders(&self) -> Vec<PathBuf> {
        places::folders(&self.want.name, self.down)
    }

    /// Something may have happened in a folder before it was watched.
    pub fn folders_are_new(&mut self) {
        let now = Instant::now();
        self.look.happened(now);
        self.etc.happened(now);
    }

    /// Listen in all namespaces it has to do with that are there, and in no other.
    pub fn listen(&mut self) {
        let mut places: BTreeSet<Where> = self.asked.iter().map(|link| link.at.clone()).collect();
        places.insert(Where::Inside);
        if self.down {
            places.clear();
        }
        let mut ears = std::mem::take(&mut self.ears);
        for at in places {
            let Ok(netns) = kernel::open(&self.want.name, &at) else {
                continue;
            };
            let rules = &self.journal.made.rules;
            let matter = Matter::of(&at, &self.want.state, &self.asked, rules);
            let known = ears
                .iter()
                .position(|(of, ear)| *of == at && ear.is_for(&netns, &matter));
            if let Some(known) = known {
                self.ears.push(ears.swap_remove(known));
            } else if let Ok(ear) = Ear::open(&netns, matter) {
                self.ears.push((at, ear));
                self.look.happened(Instant::now());
            }
        }
    }

    /// The next moment to do something, if there is one. Whatever else is to be done at a
    /// time of its own has its place here.
    pub fn moment(&self) -> Option<Instant> {
        let moments = [self.look.moment(), self.etc.moment()];
        moments.into_iter().flatten().min()
    }

    /// Whether something that was touched matters.
    pub fn was_touched(&mut self, touched: &Touched) -> bool {
        let Meaning { state, etc } = places::meaning(touched, &self.want.name, &self.asked);
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
        for (_, ear) in &mut self.ears {
            if let Poll::Ready(heard) = ear.poll_heard(context) {
                let wait = if heard == Heard::Card {
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
        let held = hold_signals();
        let is_time = |pace: &Pace| pace.moment().is_some_and(|moment| moment <= now);
        if is_time(&self.etc) {
            let came = self.bind_again();
            self.etc.came(Instant::now(), came);
        }
        if is_time(&self.look) {
            self.look_and_mend(call);
        }
        let _ = held.thread_unblock();
    }

    /// HUP: the settings as they are now. If they are refused, those before stay in force.
    pub fn reload(&mut self, call: &Call, want: Want) {
        if up::reload(call, &want) == exit::DONE {
            self.want = want;
            self.down = false;
        }
        self.said.clear();
        self.know();
    }

    /// What is bound over files of /etc, in all processes inside.
    fn bind_again(&mut self) -> Came {
        let Ok(name) = CString::new(self.want.name.as_str()) else {
            return Came::Held;
        };
        let mut came = Came::Held;
        match exec::heal(&name) {
            Ok(healed) => {
                for told in healed.iter().map(|healed| healed.told(&name)) {
                    match told {
                        Ok(line) => {
                            say(&line);
                            came = came.max(Came::Mended);
                        }
                        Err(refusal) => came = self.not_bound(&refusal),
                    }
                }
            }
            Err(refusal) => came = self.not_bound(&refusal),
        }
        came
    }

    fn not_bound(&mut self, refusal: &exec::Refusal) -> Came {
        let lines = refusal.to_string();
        let lines: Vec<String> = lines.lines().map(String::from).collect();
        complain(&lines, exit::REFUSED);
        Came::Refused
    }

    fn look_and_mend(&mut self, call: &Call) {
        let store = match self.lock() {
            Ok(Some(store)) => store,
            Ok(None) => return self.stays_down(),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                return self.look.happened(Instant::now() + BUSY);
            }
            Err(e) => return self.done(&Err(Why::Broken("cannot lock it", e))),
        };
        if self.down {
            say(&format!("{}: is up again", self.want.name));
            self.down = false;
        }
        if store::stamp(&self.want.name) != self.stamp {
            self.read_again(call);
        }
        let mended = self.mend(&store);
        drop(store);
        self.know();
        self.done(&mended);
    }

    /// The lock, of a namespace that netns-setup has not taken down, and is not about to.
    fn lock(&self) -> io::Result<Option<Store>> {
        let name = &self.want.name;
        match Store::open_if_there(name) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
            Ok(_) if !(self.unready || store::was_ready(name)) => Ok(None),
            Ok(store) => Ok(Some(store)),
        }
    }

    /// Down by hand means down.
    fn stays_down(&mut self) {
        self.look = Pace::new();
        self.etc = Pace::new();
        self.said.clear();
        if !self.down {
            let name = &self.want.name;
            let line = format!(
                "{name}: was taken down; it stays so until netns-setup up {name}, or a HUP"
            );
            complain(&[line], exit::DONE);
            self.down = true;
        }
    }

    /// Somebody else has changed it, by the settings as they are now.
    fn read_again(&mut self, call: &Call) {
        match settings(call, &self.want.name, &context()) {
            Ok(want) => self.want = want,
            Err(problems) => tell(&self.want.name, &problems),
        }
    }

    fn mend(&mut self, store: &Store) -> Result<Mended, Why> {
        let name = self.want.name.clone();
        let (journal, mut kernel): (Journal, Kernel) = look_on(&name).map_err(|no| no.why)?;
        let state = journal.with_returns(self.want.state.clone());
        let made_anew = std::cell::Cell::new(false);
        let mut report = |change: &Change| {
            if change.step == Step::AddNetns {
                made_anew.set(true);
            }
            say(&told(&name, change));
        };
        let asked = asked(&state, &journal);
        let begun = Work::begin(store, &mut kernel, journal, asked, &mut report);
        let mut work = begun.map_err(|no| no.why)?;
        if !work.start.0.netns {
            self.unready = true;
            store.set_unready().map_err(unwritten)?;
        }
        let mended = work.mend(&state)?;
        let open = |(change, _): &(Change, _)| matches!(change.step, Step::LoadRules { .. });
        if mended.refused.iter().any(open) {
            self.unready = true;
            store.set_unready().map_err(unwritten)?;
        }
        if mended.is_whole() && self.unready {
            if made_anew.get() {
                work.kernel.settle(&self.want.state, SETTLE).map_err(|no| {
                    Why::Broken(
                        "cannot wait for the addresses",
                        io::Error::other(no.to_string()),
                    )
                })?;
            }
            store.set_ready(self.want.overlay).map_err(unwritten)?;
            self.unready = false;
        }
        Ok(mended)
    }

    /// Say what is new of it, and be ready for what comes.
    fn done(&mut self, mended: &Result<Mended, Why>) {
        let name = &self.want.name;
        let (lines, came): (Vec<String>, _) = match mended {
            Ok(mended) => {
                let refused = mended.refused.iter();
                let refused = refused.flat_map(|(change, no)| report::refused(name, change, no));
                let obstacles = report::obstacles(name, &mended.obstacles);
                let came = match (mended.refused.is_empty(), mended.made) {
                    (false, _) => Came::Refused,
                    (true, 0) => Came::Held,
                    (true, _) => Came::Mended,
                };
                (refused.chain(obstacles).collect(), came)
            }
            Err(why) => (report::why(name, why), Came::Refused),
        };
        if !lines.is_empty() && lines != self.said && lines != self.doubt {
            self.doubt = lines;
            let came = if came == Came::Held {
                Came::Held
            } else {
                Came::Mended
            };
            self.look.came(Instant::now(), came);
            return self.look.happened(Instant::now() + DOUBT);
        }
        self.doubt.clear();
        if lines.is_empty() && !self.said.is_empty() {
            say(&format!("{name}: is as its settings say again"));
        }
        if lines != self.said {
            complain(&lines, exit::REFUSED);
            self.said = lines;
        }
        self.look.came(Instant::now(), came);
    }

    /// What is known of it without looking at it.
    fn know(&mut self) {
        self.journal = store::journal(&self.want.name).unwrap_or_default();
        self.stamp = store::stamp(&self.want.name);
        let state = self.journal.with_returns(self.want.state.clone());
        self.asked = asked(&state, &self.journal);
    }
}

impl Mended {
    fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.obstacles.is_empty()
    }
}

/// A change, and behind it, as sh would pass over it, who asked for it.
fn told(name: &NetnsName, change: &Change) -> String {
    let command = change.command(name);
    match &change.asked {
        Some(asked) => format!("+ {command} # {asked}"),
        None => format!("+ {command}"),
    }
}

fn unwritten(e: io::Error) -> Why {
    Why::Broken("cannot write ready", e)
}
