//! Waiting for what `netns_ready` asks for beside the watch, which goes on meanwhile: a
//! thread that asks the kernel, and ends when it holds, or when nobody waits any more.

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

/// How long after a refusal the kernel is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is waited for of one namespace.
pub struct Waits {
    /// Which namespace of its name it is.
    of: Option<String>,
    /// The thread has an end of each: when one is dropped, the other knows.
    running: Option<(Sender<()>, Receiver<bool>)>,
    /// All of it held, at one time.
    held: bool,
}

impl Waits {
    /// Begin to wait. It ends when this is dropped.
    pub fn begin(want: &Want, events: &Events) -> Self {
        let mut waits = Waits {
            of: store::birth(&want.name),
            running: None,
            held: false,
        };
        waits.go_on(want, events);
        waits
    }

    /// It is for the namespace that there is now.
    pub fn is_for(&self, want: &Want) -> bool {
        self.of.is_some() && self.of == store::birth(&want.name)
    }

    /// All of it held.
    pub fn is_over(&self) -> bool {
        self.held
    }

    /// Where it came to nothing, begin again.
    pub fn go_on(&mut self, want: &Want, events: &Events) {
        if self.held || self.running.is_some() {
            return;
        }
        let (stay, mut end) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let (want, events) = (want.clone(), events.clone());
        let wait = move || {
            let held = wait(&want, &events, &mut end).unwrap_or_else(|why| {
                events.error(&want.name, report::why(&want.name, &why));
                thread::sleep(AGAIN);
                false
            });
            let _ = tell.send(held);
        };
        if thread::Builder::new().spawn(wait).is_ok() {
            self.running = Some((stay, told));
        }
    }

    /// Ready when it is over, or came to nothing.
    pub fn poll_end(&mut self, context: &mut Context) -> Poll<()> {
        let Some((_, told)) = &mut self.running else {
            return Poll::Pending;
        };
        match Future::poll(Pin::new(told), context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(held) => {
                self.held = held.unwrap_or(false);
                self.running = None;
                Poll::Ready(())
            }
        }
    }
}

/// For as long as it takes. What does not hold when an `up` would give up is said.
fn wait(want: &Want, events: &Events, end: &mut Receiver<()>) -> Result<bool, Why> {
    let mut kernel = Kernel::new(want.name.clone());
    let conditions = ready::conditions(want);
    for limit in [Some(want.ready.timeout), None] {
        let held = kernel.until_hold(&conditions, limit, Some(end));
        let held = held.map_err(ready::unseen)?;
        if held.iter().all(|held| *held) {
            return Ok(true);
        }
        // Nobody waits any more
        if end.try_recv() != Err(TryRecvError::Empty) {
            return Ok(false);
        }
        let late = ready::late(want, &held, "the watch goes on waiting");
        events.error(&want.name, late);
    }
    Ok(false)
}
