//! What `try --with` does with services: it has them start inside, and start again where they
//! were if that is not confirmed. OpenRC's are really restarted. What runit runs on the host
//! goes on there until it is confirmed, for its `run` knows no other place than the one that
//! is tried: a second process of it is what is tried.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::service::{StateBefore, TrialService, identity};
use crate::name::NetnsName;
use crate::setup::{Call, trial_file};
use crate::system::init::service::InitCommand;
use crate::system::init::service::{Init, Service, kill_supervised};
use crate::system::init::service_of_process::{runsv_of, supervised};
use crate::system::{init, process};

/// How long OpenRC may take to start again what it has stopped for a restart that failed,
/// for which its rc-service does not wait.
const STRAYS: Duration = Duration::from_secs(5);

/// The services that are tried with a namespace.
pub struct Services<'a> {
    call: &'a Call,
    netns: &'a NetnsName,
    all: Vec<TrialService>,
    /// What OpenRC had started before, in this order.
    before: Vec<String>,
    /// Where runit runs the namespace itself, if it did not before.
    watch: Option<PathBuf>,
}

impl<'a> Services<'a> {
    /// The services of these names, before anything is done; or why one of them cannot be
    /// tried.
    pub fn find(
        call: &'a Call,
        netns: &'a NetnsName,
        names: &[String],
    ) -> Result<Self, Vec<String>> {
        let find = |name: &String| TrialService::find(netns, &call.conf_dir, name);
        let watch = runsv_of(&format!("netns-{netns}")).map(|runsv| runsv.folder);
        Ok(Services {
            call,
            netns,
            all: names.iter().map(find).collect::<Result<_, _>>()?,
            before: init::started_in_order(),
            watch: watch.filter(|folder| supervised(folder).is_none()),
        })
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        let names = self.all.iter().map(|tried| tried.service.name.clone());
        names.collect()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Nothing has to be done with any of them.
    pub fn are_inside(&self) -> bool {
        self.all
            .iter()
            .all(|tried| tried.was == StateBefore::Inside)
    }

    /// Start them inside. The namespace is whole. The lines say why one of them is not there.
    pub fn move_in(&mut self) -> Result<(), Vec<String>> {
        let inside = identity(self.netns).ok_or_else(|| {
            vec![
                format!("{}: the namespace is gone again", self.netns),
                format!("netns-setup status {} shows what there is", self.netns),
            ]
        })?;
        for tried in &mut self.all {
            let name = tried.service.name.clone();
            let lines = |wrong: String| {
                let more = "its log and its output above may say why";
                vec![format!("{}: {name} {wrong}", self.netns), more.into()]
            };
            let started = tried.start_inside(self.call, self.netns);
            started.map_err(lines)?;
            if !tried.stays(inside) {
                self.call.events.output(self.netns, tried.text());
                return Err(lines("was started inside but does not stay up".into()));
            }
        }
        Ok(())
    }

    /// It is confirmed: what is only tried beside is now done.
    pub fn keep(self) {
        for mut tried in self.all {
            if let Some(second) = tried.second.take() {
                second.end();
                done(self.call, self.netns, tried.service.tell("restart"));
            }
        }
    }

    /// It is undone: first, while the namespace is there still, they leave it.
    pub fn leave(&mut self) {
        if self.all.iter().any(|tried| tried.has_failed) {
            process::until_alone(STRAYS);
        }
        let inside = identity(self.netns);
        for tried in self.all.iter_mut().rev() {
            if let Some(second) = tried.second.take() {
                second.end();
            } else if tried.has_come_in(inside) {
                done(self.call, self.netns, tried.stop());
            }
        }
        let own = format!("netns.{}", self.netns);
        if !self.before.contains(&own) && init::started().contains(&own) {
            let (name, init) = (own, Init::OpenRc);
            done(self.call, self.netns, Service { name, init }.stop_alone());
        }
        // By its finish, what was there before would be taken down
        if let Some(watch) = self.watch.as_deref().filter(|of| supervised(of).is_some()) {
            let _ = kill_supervised(watch);
        }
    }

    /// At last, all else is as it was: they start again where they were, and with them what
    /// was stopped because it needs them. Each alone, for what the namespace's settings say
    /// is not to be done.
    pub fn back(self) {
        for tried in self
            .all
            .iter()
            .filter(|tried| tried.was == StateBefore::Inside)
        {
            done(self.call, self.netns, tried.service.tell("restart"));
        }
        let now = init::started();
        let gone = self.before.into_iter().filter(|of| !now.contains(of));
        let gone: Vec<String> = gone.collect();
        // What says netns= and is none of those that were inside was on the host
        let host = gone.iter().filter(|of| {
            let mut all = self.all.iter();
            all.all(|tried| tried.service.name != **of || tried.was == StateBefore::OnHost)
        });
        if let Err(e) = trial_file::give_back(self.netns, &host.cloned().collect::<Vec<_>>()) {
            let line = format!("{}: cannot record which services go back: {e}", self.netns);
            self.call.events.error(self.netns, [line]);
        }
        for name in gone {
            let init = Init::OpenRc;
            done(self.call, self.netns, Service { name, init }.start_alone());
        }
        let _ = trial_file::give_back(self.netns, &[]);
    }
}

/// What cannot be done is reported, and does not hold up the rest.
fn done(call: &Call, netns: &NetnsName, ended: io::Result<InitCommand>) {
    match ended {
        Ok(ended) if ended.is_done() => {}
        Ok(ended) => {
            call.events.output(netns, ended.text);
            let line = format!("{}: this failed", ended.command);
            call.events.error(netns, [line]);
        }
        Err(e) => call.events.error(netns, [format!("cannot run it: {e}")]),
    }
}
