//! Telling the init system to start or stop the services of a watched namespace. What it has done
//! is read from it each time. The commands run in a thread beside the watch.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::{self, Receiver};

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
    running: Option<Receiver<Vec<String>>>,
    /// Since when the namespace has not been complete.
    incomplete_since: Option<Instant>,
    /// The services were stopped because the namespace was incomplete for too long.
    stopped: bool,
    /// The namespace was recreated, and services still run in the earlier one.
    left_behind: bool,
    /// The services that were stopped in the earlier namespace, to be started in the new one.
    to_restart: Vec<String>,
    /// The time of the last command, and the wait until it is repeated.
    last_command: Option<(Instant, Duration)>,
    /// The time of the next check.
    next: Option<Instant>,
}

impl ServiceControl {
    /// The initial state.
    pub fn new() -> Self {
        ServiceControl::default()
    }

    /// Record that the namespace was recreated, which the processes in the earlier one do not
    /// notice.
    pub fn are_left_behind(&mut self) {
        self.left_behind = true;
    }

    /// Returns true if no command runs, and none has to follow an earlier one.
    pub fn is_idle(&self) -> bool {
        let pending = self.stopped || self.left_behind || !self.to_restart.is_empty();
        self.running.is_none() && !pending
    }

    /// The time of the next check, if there is one.
    pub fn moment(&self) -> Option<Instant> {
        self.next.filter(|_| self.running.is_none())
    }

    /// Ready when the running command has ended.
    pub fn poll_end(&mut self, context: &mut Context) -> Poll<()> {
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        Future::poll(Pin::new(running), context).map(|stopped| {
            self.to_restart.extend(stopped.unwrap_or_default());
            self.running = None;
        })
    }

    /// The command to run now. `complete`: the namespace is complete. `down`: a person took it
    /// down, and the init system knows.
    pub fn due(&mut self, want: &Want, complete: bool, down: bool) -> Option<Order> {
        if self.running.is_some() {
            return None;
        }
        let now = Instant::now();
        self.next = None;
        let Some((order, due)) = self.needed(want, complete, down, now) else {
            self.last_command = None;
            return None;
        };
        let again = self.last_command.map(|(at, wait)| at + wait);
        let due = again.map_or(due, |again| again.max(due));
        if due > now {
            self.next = Some(due);
            return None;
        }
        let wait = self.last_command.map_or(AGAIN.0, |(_, last)| last * 2);
        self.last_command = Some((now, wait.min(AGAIN.1)));
        self.next = Some(now + wait);
        Some(order)
    }

    /// The command that the init system needs, and the time at which to run it.
    fn needed(
        &mut self,
        want: &Want,
        complete: bool,
        down: bool,
        now: Instant,
    ) -> Option<(Order, Instant)> {
        let service = format!("netns.{}", want.name);
        let inactive = init::is(&service, ServiceStatus::Inactive);
        if self.left_behind && !down {
            return Some((Order::Leave, now));
        }
        if complete && store::is_ready(&want.name) {
            (self.incomplete_since, self.stopped) = (None, false);
            return match self.to_restart.is_empty() {
                _ if inactive => Some((Order::Start, now)),
                false => Some((Order::Back, now)),
                true => None,
            };
        }
        let incomplete_since = *self.incomplete_since.get_or_insert(now);
        let stops = want.ready.hold == HoldServices::Stop && !down && !inactive;
        let started = !self.stopped || init::is(&service, ServiceStatus::Started);
        (stops && started).then_some((Order::Stop, incomplete_since + want.ready.timeout))
    }

    /// Run the command.
    pub fn run(&mut self, call: &Call, want: &Want, order: Order) {
        self.stopped = order == Order::Stop;
        self.left_behind &= order != Order::Leave;
        let back = match order {
            Order::Back => std::mem::take(&mut self.to_restart),
            _ => Vec::new(),
        };
        let (name, conf_dir) = (want.name.clone(), call.conf_dir.clone());
        let line = match order {
            Order::Start => format!("{name}: is complete; its services start"),
            Order::Stop => format!("{name}: is not complete; its services are stopped until it is"),
            Order::Leave => {
                format!("{name}: was recreated; services in the earlier namespace are stopped")
            }
            Order::Back => format!("{name}: is complete; starting {} again", back.join(", ")),
        };
        call.events.notice(&name, line);
        let events = call.events.clone();
        let (sender, running) = oneshot::channel();
        let run = move || {
            let done = match order {
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
            let _ = sender.send(stopped);
        };
        if thread::Builder::new().spawn(run).is_ok() {
            self.running = Some(running);
        }
    }
}
