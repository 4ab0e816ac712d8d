//! Waiting for the conditions of `netns_ready`, in a thread beside the watch. The thread ends when
//! the conditions hold, or when nothing waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::setup::failure::Why;
use crate::setup::report::event::Events;
use crate::setup::{ready, report, store};

/// Time until the kernel is queried again after an error.
const AGAIN: Duration = Duration::from_secs(5);

/// The wait for the conditions of one namespace.
pub struct Waits {
    /// The identity of the namespace.
    of: Option<String>,
    /// Our ends of the two channels to the thread. Dropping them ends the thread.
    running: Option<(Sender<()>, Receiver<bool>)>,
    /// All conditions held at one time.
    all_hold: bool,
}

impl Waits {
    /// Begin to wait. Dropping the value ends the wait.
    pub fn begin(want: &Want, events: &Events) -> Self {
        let mut waits = Waits {
            of: store::birth(&want.name),
            running: None,
            all_hold: false,
        };
        waits.go_on(want, events);
        waits
    }

    /// Returns true if the wait is for the namespace that has the name now.
    pub fn is_for(&self, want: &Want) -> bool {
        self.of.is_some() && self.of == store::birth(&want.name)
    }

    /// Returns true if all conditions held at one time.
    pub fn is_over(&self) -> bool {
        self.all_hold
    }

    /// Begin again, if the last wait failed.
    pub fn go_on(&mut self, want: &Want, events: &Events) {
        if self.all_hold || self.running.is_some() {
            return;
        }
        let (stay, mut end) = oneshot::channel();
        let (sender, receiver) = oneshot::channel();
        let (want, events) = (want.clone(), events.clone());
        let wait = move || {
            let all_hold = wait(&want, &events, &mut end).unwrap_or_else(|why| {
                events.error(&want.name, report::why(&want.name, &why));
                thread::sleep(AGAIN);
                false
            });
            let _ = sender.send(all_hold);
        };
        if thread::Builder::new().spawn(wait).is_ok() {
            self.running = Some((stay, receiver));
        }
    }

    /// Ready when the wait is over or has failed.
    pub fn poll_end(&mut self, context: &mut Context) -> Poll<()> {
        let Some((_, receiver)) = &mut self.running else {
            return Poll::Pending;
        };
        match Future::poll(Pin::new(receiver), context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(all_hold) => {
                self.all_hold = all_hold.unwrap_or(false);
                self.running = None;
                Poll::Ready(())
            }
        }
    }
}

/// Wait without a limit. After the time at which an `up` would give up, report the conditions that
/// do not hold.
fn wait(want: &Want, events: &Events, end: &mut Receiver<()>) -> Result<bool, Why> {
    let mut kernel = Kernel::new(want.name.clone());
    let conditions = ready::conditions(want);
    for limit in [Some(want.ready.timeout), None] {
        let results = kernel.until_hold(&conditions, limit, Some(end));
        let results = results.map_err(ready::query_error)?;
        if results.iter().all(|holds| *holds) {
            return Ok(true);
        }
        // Nobody waits any more
        if end.try_recv() != Err(TryRecvError::Empty) {
            return Ok(false);
        }
        let late = ready::late(want, &results, "the watch goes on waiting");
        events.error(&want.name, late);
    }
    Ok(false)
}
