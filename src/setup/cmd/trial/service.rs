//! A service that takes part in a trial: where it ran before, starting it inside, and checking that
//! it stays there.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::conf::files::read_plain;
use crate::name::NetnsName;
use crate::setup::{Call, declared_services};
use crate::system::init::service::{Init, InitCommand, Second, Service, ServiceState};
use crate::system::netns::identity::NetnsInode;
use crate::system::{netns, process};

/// Time for a service to have its processes inside, after it was started.
const ARRIVES: Duration = Duration::from_secs(10);

/// Time for which its processes must stay the same after that: a daemon with wrong settings ends
/// within it.
const STAYS: Duration = Duration::from_millis(1500);

/// Interval at which the processes are checked.
const INTERVAL: Duration = Duration::from_millis(50);

/// A service that takes part in a trial.
pub struct TrialService {
    /// The service.
    pub service: Service,
    /// Where it ran before the trial.
    pub was: StateBefore,
    /// The init system has started it as requested.
    start_succeeded: bool,
    /// The init system failed to start it.
    pub start_failed: bool,
    /// The second process of a runit service that keeps running on the host.
    pub second: Option<Second>,
}

/// Where a service ran before the trial.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StateBefore {
    /// It was not started.
    Stopped,
    /// It ran on the host.
    OnHost,
    /// It ran in the namespace already.
    Inside,
}

impl TrialService {
    /// Find the service of this name, before anything is changed. The error lines say why it cannot
    /// take part.
    pub fn find(netns: &NetnsName, conf_dir: &Path, name: &String) -> Result<Self, Vec<String>> {
        let is_word = !name.starts_with(['-', '.']) && !name.contains('/') && !name.is_empty();
        let found = is_word.then(|| Service::find(name)).flatten();
        let service = found.ok_or_else(|| {
            vec![
                format!("{netns}: --with {name}: neither OpenRC nor runit has such a service"),
                "list them with rc-service --list, or with sv status /var/service/*".into(),
            ]
        })?;
        check_settings(&service, netns, conf_dir)?;
        let host = process::netns_of_caller();
        let is_host = |of: &BTreeSet<NetnsInode>| of.iter().all(|at| Some(*at) == host);
        let inside = identity(netns);
        let was = match service.place() {
            ServiceState::Stopped => StateBefore::Stopped,
            ServiceState::In(all) if is_host(&all) => StateBefore::OnHost,
            ServiceState::In(all) if all.iter().all(|at| Some(*at) == inside) => {
                StateBefore::Inside
            }
            ServiceState::In(_) => {
                return Err(vec![
                    format!("{netns}: --with {name}: it runs neither on the host nor in {netns}"),
                    "stop it first, and type this again".into(),
                ]);
            }
            ServiceState::Unknown if inside.is_some() => StateBefore::Inside,
            ServiceState::Unknown => StateBefore::OnHost,
        };
        Ok(TrialService {
            was,
            ..TrialService::inside(service)
        })
    }

    /// A service that is already inside.
    fn inside(service: Service) -> Self {
        TrialService {
            service,
            was: StateBefore::Inside,
            start_succeeded: false,
            start_failed: false,
            second: None,
        }
    }

    /// Start it inside, according to its own settings.
    pub fn start_inside(&mut self, call: &Call, netns: &NetnsName) -> Result<(), String> {
        call.events.notice(netns, format!("+ {}", self.command()));
        let ended = match (&self.service.init, self.was) {
            (Init::Runit(dir), StateBefore::OnHost) => {
                let second = Second::start(dir);
                self.second = Some(second.map_err(|e| format!("could not be started: {e}"))?);
                return Ok(());
            }
            _ => self.service.tell(self.verb()),
        };
        match ended {
            Err(e) => Err(format!("could not be started: {e}")),
            Ok(ended) => {
                call.events.output(netns, ended.text.clone());
                self.start_succeeded = ended.is_done();
                self.start_failed = !self.start_succeeded;
                match ended.status {
                    Some(status) if status.success() => Ok(()),
                    Some(_) => Err("did not start inside".into()),
                    None => Err("took too long to start and was killed".into()),
                }
            }
        }
    }

    fn verb(&self) -> &'static str {
        match self.was {
            StateBefore::Stopped => "start",
            StateBefore::OnHost | StateBefore::Inside => "restart",
        }
    }

    /// The command that starts it inside, as a person would type it.
    fn command(&self) -> String {
        match (&self.service.init, self.was) {
            (Init::OpenRc, _) => format!("rc-service {} {}", self.service.name, self.verb()),
            (Init::Runit(dir), StateBefore::OnHost) => {
                format!("cd {} && ./run", dir.display())
            }
            (Init::Runit(dir), _) => format!("sv {} {}", self.verb(), dir.display()),
        }
    }

    /// Wait until its processes are inside and stay the same for a while. Returns false if they do
    /// not.
    pub fn stays_inside(&mut self, inside: NetnsInode) -> bool {
        let mut until = Instant::now() + ARRIVES;
        let mut seen = Vec::new();
        loop {
            let pids = match &self.second {
                Some(second) => vec![second.pid()],
                None => self.service.processes(),
            };
            let is_openrcs = self.service.init == Init::OpenRc;
            if pids.is_empty() && is_openrcs && self.service.place() == ServiceState::Unknown {
                return true;
            }
            let runs = self.second.as_mut().is_none_or(Second::runs);
            let are_inside = !pids.is_empty()
                && pids
                    .iter()
                    .all(|pid| process::netns_of(*pid) == Some(inside));
            match (are_inside && runs, seen == pids && !seen.is_empty()) {
                (true, true) if Instant::now() > until => return true,
                (true, true) => {}
                (true, false) => {
                    seen = pids;
                    until = Instant::now() + STAYS;
                }
                // A process that was inside and is gone has ended
                (false, _) if !runs || !seen.is_empty() || Instant::now() > until => return false,
                (false, _) => {}
            }
            sleep(INTERVAL);
        }
    }

    /// Stop it. dpkg's start-stop-daemon fails to stop a daemon that has ended, so the service is
    /// zapped then.
    pub fn stop(&self) -> io::Result<InitCommand> {
        let has_ended = matches!(self.service.place(), ServiceState::In(all) if all.is_empty());
        if has_ended && self.service.init == Init::OpenRc {
            self.service.tell("zap")
        } else {
            self.service.tell("stop")
        }
    }

    /// Returns true if the service runs inside now, and did not before the trial.
    pub fn moved_in(&self, inside: Option<NetnsInode>) -> bool {
        let is_there = match self.service.place() {
            ServiceState::Stopped => false,
            ServiceState::Unknown => self.start_succeeded,
            ServiceState::In(all) if all.is_empty() => self.start_succeeded,
            ServiceState::In(all) => inside.is_some_and(|inside| all.contains(&inside)),
        };
        is_there && self.was != StateBefore::Inside
    }

    /// The output of its second process.
    pub fn text(&mut self) -> String {
        self.second.as_mut().map(Second::text).unwrap_or_default()
    }
}

/// Check that all services of these names run in the namespace, after the confirmation. A service
/// of runit has just been restarted: its `run` file may still be on its way inside.
pub fn all_run_inside(netns: &NetnsName, names: &[String]) -> Result<(), Vec<String>> {
    let inside = identity(netns);
    for name in names {
        let runs_inside = Service::find(name)
            .zip(inside)
            .is_some_and(|(service, inside)| runs_inside(service, inside));
        if !runs_inside {
            return Err(vec![
                format!("{netns}: confirmed, but {name} does not run inside now"),
                "look at its log, and start it".into(),
            ]);
        }
    }
    Ok(())
}

fn runs_inside(service: Service, inside: NetnsInode) -> bool {
    match (&service.init, service.place()) {
        (Init::Runit(_), _) => TrialService::inside(service).stays_inside(inside),
        (Init::OpenRc, ServiceState::Unknown) => true,
        (Init::OpenRc, ServiceState::In(all)) => all.contains(&inside),
        (Init::OpenRc, ServiceState::Stopped) => false,
    }
}

/// Check that the settings of the service put it inside.
fn check_settings(
    service: &Service,
    netns: &NetnsName,
    conf_dir: &Path,
) -> Result<(), Vec<String>> {
    let name = &service.name;
    let (puts_inside, file, remedy) = match &service.init {
        Init::OpenRc => {
            let file = conf_dir.join(name);
            let remedy = format!("write netns=\"{netns}\" in {}", file.display());
            (!declared_services::on_host(conf_dir, name), file, remedy)
        }
        Init::Runit(dir) => {
            let file = dir.join("run");
            let text = read_plain(&file);
            let remedy = format!("write netns-exec {netns} -- before its command there");
            (declared_services::names_program(&text), file, remedy)
        }
    };
    if puts_inside {
        Ok(())
    } else {
        Err(vec![
            format!(
                "{netns}: --with {name}: {} does not put it inside",
                file.display()
            ),
            format!("{remedy}, and type this again"),
        ])
    }
}

/// The identity of the namespace that has this name now.
pub fn identity(netns: &NetnsName) -> Option<NetnsInode> {
    netns::identity(netns.as_str()).ok().flatten()
}
