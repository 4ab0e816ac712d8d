//! The services of `try --with`: they are started inside, and go back to where they were if the
//! trial is not confirmed. OpenRC's services are restarted. A runit service on the host keeps
//! running until the confirmation, because its `run` file has only the settings that are tried: a
//! second process of it takes part in the trial.

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

/// Time for OpenRC to start again what it stopped for a restart that failed. rc-service does not
/// wait for that.
const STRAYS: Duration = Duration::from_secs(5);

/// The services that take part in a trial.
pub struct Services<'a> {
    call: &'a Call,
    netns: &'a NetnsName,
    all: Vec<TrialService>,
    /// The services that OpenRC had started before, in the order of their start.
    before: Vec<String>,
    /// The service directory of the namespace itself under runit, if runit did not run it before.
    watch: Option<PathBuf>,
}

impl<'a> Services<'a> {
    /// Find the services of these names, before anything is changed. The error lines say why one of
    /// them cannot take part.
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
            watch: watch.filter(|dir| supervised(dir).is_none()),
        })
    }

    /// The names of the services.
    pub fn names(&self) -> Vec<String> {
        let names = self.all.iter().map(|tried| tried.service.name.clone());
        names.collect()
    }

    /// Returns true if no service takes part.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns true if all services run inside already.
    pub fn are_inside(&self) -> bool {
        self.all
            .iter()
            .all(|tried| tried.was == StateBefore::Inside)
    }

    /// Start the services inside; the namespace is complete. The error lines say which one does not
    /// run there.
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
            if !tried.stays_inside(inside) {
                self.call.events.output(self.netns, tried.text());
                return Err(lines("was started inside but does not stay up".into()));
            }
        }
        Ok(())
    }

    /// The trial is confirmed: a runit service that was tried as a second process is restarted, and
    /// the second process ends.
    pub fn keep(self) {
        for mut tried in self.all {
            if let Some(second) = tried.second.take() {
                second.end();
                done(self.call, self.netns, tried.service.tell("restart"));
            }
        }
    }

    /// Roll back, first part: the services leave the namespace while it still exists.
    pub fn leave(&mut self) {
        if self.all.iter().any(|tried| tried.start_failed) {
            process::until_alone(STRAYS);
        }
        let inside = identity(self.netns);
        for tried in self.all.iter_mut().rev() {
            if let Some(second) = tried.second.take() {
                second.end();
            } else if tried.moved_in(inside) {
                done(self.call, self.netns, tried.stop());
            }
        }
        let own = format!("netns.{}", self.netns);
        if !self.before.contains(&own) && init::started().contains(&own) {
            let (name, init) = (own, Init::OpenRc);
            done(self.call, self.netns, Service { name, init }.stop_alone());
        }
        // Kill it: its finish script would take down what existed before the trial
        if let Some(watch) = self.watch.as_deref().filter(|of| supervised(of).is_some()) {
            let _ = kill_supervised(watch);
        }
    }

    /// Roll back, last part: everything else is restored, and the services start again where they
    /// were, also those that were stopped because they depend on them. Each is started alone, so
    /// that OpenRC does not start the namespace with the new settings.
    pub fn restore(self) {
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
        // A service with netns= that was not inside before was on the host
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

/// Report an error of the init system, and go on.
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
