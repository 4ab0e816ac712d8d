//! Telling the init system to start or stop the services of a watched namespace. What it has done
//! is read from it each time. The commands run in a thread beside the watch.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot::{self, Receiver};

use crate::model::build::{HoldServices, Want};
use crate::setup::{Call, declared_services, store};
use crate::system::init::{self, ServiceStatus};

/// Time until a command that had no effect is repeated: the first time, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A command to the init system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The namespace is complete: let its services start.
    Start,
    /// The namespace has been incomplete for too long: stop its services, and keep them from
    /// starting.
    Stop,
    /// The namespace was recreated: stop the services that are in the earlier one.
    Leave,
    /// The recreated namespace is complete: start those services again.
    Back,
}

/// The state of the services of one namespace.
#[derive(Default)]
pub struct ServiceControl {
    /// The running command. It sends the services that it stopped.
    telling: Option<Receiver<Vec<String>>>,
    /// Since when the namespace has not been complete.
    away: Option<Instant>,
    /// The services were stopped because of that.
    stopped: bool,
    /// The namespace was recreated, and services are in the earlier one.
    left: bool,
    /// The services that were stopped because of that.
    behind: Vec<String>,
    /// The time of the last command, and the wait until it is repeated.
    told: Option<(Instant, Duration)>,
    /// The time of the next check.
    next: Option<Instant>,
}

impl ServiceControl {
    /// The initial state.
    pub fn new() -> Self {
        ServiceControl::default()
    }

    /// The namespace was recreated, which the processes in the earlier one do not notice.
    pub fn are_left_behind(&mut self) {
        self.left = true;
    }

    /// The time of the next check, if there is one.
    pub fn moment(&self) -> Option<Instant> {
        self.next.filter(|_| self.telling.is_none())
    }

    /// Ready when the running command has ended.
    pub fn poll_end(&mut self, context: &mut Context) -> Poll<()> {
        let Some(telling) = &mut self.telling else {
            return Poll::Pending;
        };
        Future::poll(Pin::new(telling), context).map(|stopped| {
            self.behind.extend(stopped.unwrap_or_default());
            self.telling = None;
        })
    }

    /// The command to run now. `whole`: the namespace is complete. `down`: a person took it down,
    /// and the init system knows.
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

    /// The command that the init system needs, and the time at which to run it.
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

    /// Run the command.
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
