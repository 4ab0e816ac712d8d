//! What the init system is told of a namespace that is kept: that its services may start,
//! or are to stop. What it takes to be so is read from it each time, and it is told beside
//! the watch, which goes on meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::{self, Receiver};

use crate::model::build::{HoldServices, Want};
use crate::setup::{Call, declared_services, store};
use crate::system::init::{self, ServiceStatus};

/// How long after it was told in vain it is told again, the first time and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The namespace is whole: its services may start.
    Start,
    /// It has not been whole for too long: they are stopped, and held.
    Stop,
    /// It was made anew: those that are left in the one before are stopped,
    Leave,
    /// and start in it when it is whole.
    Back,
}

/// What is known of the services of one namespace.
#[derive(Default)]
pub struct ServiceControl {
    /// It is being told.
    telling: Option<Receiver<Vec<String>>>,
    /// The namespace has not been whole since then.
    away: Option<Instant>,
    /// They were stopped for that.
    stopped: bool,
    /// It was made anew, and they are in the one before.
    left: bool,
    /// They have been stopped for that.
    behind: Vec<String>,
    /// It was told, and so long is waited before it is told again.
    told: Option<(Instant, Duration)>,
    /// When to see again.
    next: Option<Instant>,
}

impl ServiceControl {
    /// Nothing is known.
    pub fn new() -> Self {
        ServiceControl::default()
    }

    /// The namespace was made anew, and whoever is in the one before does not notice.
    pub fn are_left_behind(&mut self) {
        self.left = true;
    }

    /// The next moment to see, if there is one.
    pub fn moment(&self) -> Option<Instant> {
        self.next.filter(|_| self.telling.is_none())
    }

    /// Ready when it has been told.
    pub fn poll_end(&mut self, context: &mut Context) -> Poll<()> {
        let Some(telling) = &mut self.telling else {
            return Poll::Pending;
        };
        Future::poll(Pin::new(telling), context).map(|stopped| {
            self.behind.extend(stopped.unwrap_or_default());
            self.telling = None;
        })
    }

    /// What it is to be told now, of a namespace that is `whole`, or is not. Who has taken
    /// it `down` by hand has told it already.
    pub fn due(&mut self, want: &Want, whole: bool, down: bool) -> Option<Order> {
        if self.telling.is_some() {
            return None;
        }
        let now = Instant::now();
        self.next = None;
        let Some((told, due)) = self.differs(want, whole, down, now) else {
            self.told = None;
            return None;
        };
        let again = self.told.map(|(at, wait)| at + wait);
        let due = again.map_or(due, |again| again.max(due));
        if due > now {
            self.next = Some(due);
            return None;
        }
        let wait = self.told.map_or(AGAIN.0, |(_, last)| last * 2);
        self.told = Some((now, wait.min(AGAIN.1)));
        self.next = Some(now + wait);
        Some(told)
    }

    /// What it does not know, and when it is to be told.
    fn differs(
        &mut self,
        want: &Want,
        whole: bool,
        down: bool,
        now: Instant,
    ) -> Option<(Order, Instant)> {
        let service = format!("netns.{}", want.name);
        let inactive = init::is(&service, ServiceStatus::Inactive);
        if self.left && !down {
            return Some((Order::Leave, now));
        }
        if whole && store::is_ready(&want.name) {
            (self.away, self.stopped) = (None, false);
            return match self.behind.is_empty() {
                _ if inactive => Some((Order::Start, now)),
                false => Some((Order::Back, now)),
                true => None,
            };
        }
        let away = *self.away.get_or_insert(now);
        let stops = want.ready.hold == HoldServices::Stop && !down && !inactive;
        let started = !self.stopped || init::is(&service, ServiceStatus::Started);
        (stops && started).then_some((Order::Stop, away + want.ready.timeout))
    }

    /// Tell it.
    pub fn tell(&mut self, call: &Call, want: &Want, told: Order) {
        self.stopped = told == Order::Stop;
        self.left &= told != Order::Leave;
        let back = match told {
            Order::Back => std::mem::take(&mut self.behind),
            _ => Vec::new(),
        };
        let (name, conf_dir) = (want.name.clone(), call.conf_dir.clone());
        let line = match told {
            Order::Start => format!("{name}: is complete; its services start"),
            Order::Stop => format!("{name}: is not complete; its services are stopped until it is"),
            Order::Leave => {
                format!("{name}: was recreated; services in the earlier namespace are stopped")
            }
            Order::Back => format!("{name}: is complete; starting {} again", back.join(", ")),
        };
        call.events.notice(&name, line);
        let events = call.events.clone();
        let (tell, telling) = oneshot::channel();
        let tell = move || {
            let done = match told {
                Order::Start => init::start_services(&name).map(|()| Vec::new()),
                Order::Stop => init::stop_services(&name).map(|()| Vec::new()),
                Order::Leave => init::leave(&name, &declared_services::inside(&conf_dir, &name)),
                Order::Back => init::start(&back).map(|()| Vec::new()),
            };
            let stopped = done.unwrap_or_else(|e| {
                let line = format!("{name}: cannot tell the init system: {e}");
                events.error(&name, [line]);
                Vec::new()
            });
            let _ = tell.send(stopped);
        };
        if thread::Builder::new().spawn(tell).is_ok() {
            self.telling = Some(telling);
        }
    }
}
