//! `try` and `confirm`: settings that are rolled back unless they are confirmed in time. A separate
//! process runs the trial, from before the first change. It depends on no terminal and no
//! connection, and the caller may be killed. It holds the lock of the namespace all the time. The
//! processes communicate only by the file `trial`: the first one that removes it decides. Services
//! can take part in a trial ([`services`]).

mod service;
mod services;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, id};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid, write};

use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::Extras;
use crate::setup::apply::Work;
use crate::setup::args::verb::Trial;
use crate::setup::converge::converge_then;
use crate::setup::error::{Error, Outcome, Result};
use crate::setup::failure::{Failure, Why};
use crate::setup::linked_netns::follow::follow;
use crate::setup::report::run_log::{self, Attempt};
use crate::setup::trial_file::{self, begin, file};
use crate::setup::{Call, checked, ready, signals, ssh_guard, store, with_settings};
use crate::system::{cgroup, netns, occupants};
use services::Services;

/// Interval at which the trial's process checks for the confirmation.
const INTERVAL: Duration = Duration::from_millis(50);

/// Time for a line of output to reach the caller over the link that is going to move.
const SENT: Duration = Duration::from_millis(300);

/// How long `confirm` waits for what the trial does after the confirmation.
const KEEPS: Duration = Duration::from_secs(60);

/// Start the trial's process, and pass on its output until the changes are made.
pub fn try_out(call: &Call, trial: &Trial) -> Outcome {
    let wants = match checked(call) {
        Ok(wants) => wants,
        Err(outcome) => return outcome,
    };
    for want in &wants {
        let found = Services::find(call, &want.name, &trial.with);
        if let Err(lines) = found.map(drop) {
            return call.events.failed(Some(&want.name), &Error::wrong(lines));
        }
        warn_of_cut(call, want, trial);
    }
    match start_process(call, trial) {
        Ok(outcome) => outcome,
        Err(e) => {
            let error = Error::refused([
                format!("cannot start the process that would roll it back: {e}"),
                "/proc is required; nothing was changed".into(),
            ]);
            call.events.failed(None, &error)
        }
    }
}

/// Tell a caller whose connection will be cut what to type. Later output may not arrive.
fn warn_of_cut(call: &Call, want: &Want, trial: &Trial) {
    let Some(cut) = ssh_guard::cut_by_reload(call, want) else {
        return;
    };
    let (name, seconds) = (&want.name, trial.within().as_secs());
    let addresses: Vec<_> = cut.new_addresses.iter().map(IpAddr::to_string).collect();
    let at = match &addresses[..] {
        [] => String::new(),
        addresses => format!(" at {}", addresses.join(" or ")),
    };
    let mut lines = vec![
        format!(
            "{name}: this changes what your own connection needs: if it hangs or ends, log in again{at} within {seconds} s and type"
        ),
        format!("netns-setup confirm {name}"),
        format!("{name}: otherwise everything is as before after {seconds} s"),
    ];
    if cut.is_moved_in && trial.with.is_empty() && !has_processes(name) {
        lines.push(format!(
            "{name}: nothing runs inside that could answer a login: use another link or a console, \
             or start with --with sshd"
        ));
    }
    call.events.warning(name, lines);
    sleep(SENT);
}

/// Whether a process runs in the namespace.
fn has_processes(name: &NetnsName) -> bool {
    let identity = netns::identity(name.as_str()).ok().flatten();
    let inside = identity.and_then(|identity| occupants::inside(identity).ok());
    inside.is_some_and(|inside| !inside.is_empty())
}

fn start_process(call: &Call, trial: &Trial) -> io::Result<Outcome> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("netns-setup").current_dir("/");
    command
        .arg("--conf-dir")
        .arg(fs::canonicalize(&call.conf_dir)?);
    command.args([
        "keep-trial",
        "--within",
        &trial.within().as_secs().to_string(),
    ]);
    command.args(trial.with.iter().flat_map(|service| ["--with", service]));
    command.args(call.names.iter().map(ToString::to_string));
    command.args(call.verbose.then_some("--verbose"));
    let mut child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Close our copy of the child's end of the socket
    drop(command);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| stdout.map(|mut from| io::copy(&mut from, &mut io::stdout())));
        scope.spawn(|| stderr.map(|mut from| io::copy(&mut from, &mut io::stderr())));
    });
    let mut outcome = [0];
    let received = ours.read(&mut outcome).is_ok_and(|read| read == 1);
    if received && outcome[0] == RUNS {
        report_running(call, trial);
        return Ok(Outcome::Done);
    }
    let received = received
        .then(|| OUTCOMES.get(usize::from(outcome[0])))
        .flatten();
    Ok(received.copied().unwrap_or(Outcome::Refused))
}

/// Tell the person how to keep the changes. It comes after the changes, which have come by another
/// pipe.
fn report_running(call: &Call, trial: &Trial) {
    for name in &call.names {
        let seconds = trial.within().as_secs();
        let lines = [
            format!("{name}: rolled back in {seconds} s unless you type"),
            format!("netns-setup confirm {name}"),
        ];
        call.events.warning(name, lines);
    }
}

/// The trial's process sends an index into this list.
const OUTCOMES: [Outcome; 4] = [
    Outcome::Done,
    Outcome::Differs,
    Outcome::Wrong,
    Outcome::Refused,
];

/// The trial's process sends this when the changes are made, and it waits for the confirmation.
const RUNS: u8 = OUTCOMES.len() as u8;

/// Run the trial, in the process that [`try_out`] starts.
pub fn keep(call: &Call, trial: &Trial) -> Outcome {
    detach();
    let outcome = with_settings(call, |want| {
        let name = &want.name;
        let services = Services::find(call, name, &trial.with).map_err(Error::wrong)?;
        trial_file::forget_undone(name);
        let then = |work: &mut Work| wait(call, work, want, services, trial.within());
        let changed = converge_then(call, want, Extras::Remove, then)?;
        follow(call, name, changed);
        // The trial itself waits for the conditions of `netns_ready` only if it starts services
        ready::wait(call, want)
    });
    let place = OUTCOMES.iter().position(|of| *of == outcome);
    send(place.map_or(u8::MAX, |place| place as u8));
    outcome
}

/// Detach from the caller's session, terminal and control group.
fn detach() {
    let _ = setsid();
    // The control group may be that of a service which the trial restarts
    cgroup::leave();
    let _ = SigSet::all().thread_block();
    let _ = fs::write("/proc/self/comm", "netns-setup");
    // A terminal that is not read must not block the process
    for descriptor in [io::stdout().as_fd(), io::stderr().as_fd()] {
        let _ = fcntl(descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    }
}

/// Send the outcome or [`RUNS`] to the caller, and print nothing from here on.
fn send(outcome: u8) {
    let _ = io::stdout().flush();
    let _ = write(io::stdin(), &[outcome]);
    if let Ok(nothing) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&nothing);
        let _ = dup2_stdout(&nothing);
        let _ = dup2_stderr(&nothing);
    }
}

/// Start the services after the changes, then wait for the confirmation, or roll back.
fn wait(
    call: &Call,
    work: &mut Work,
    want: &Want,
    mut services: Services,
    within: Duration,
) -> Result<(), Failure> {
    let name = &want.name;
    if !work.has_changed() && services.are_inside() {
        let line = format!("{name}: nothing to try: it already matches its settings");
        call.events.notice(name, line);
        return Ok(());
    }
    if let Err(e) = begin(name, id(), within, &services.names()) {
        return Err(work.fail(Why::Broken("cannot record the trial", e)));
    }
    if let Err(why) = move_in(work, want, &mut services) {
        return Err(roll_back(work, name, services, why));
    }
    trial_file::renew(name, within);
    let until = Instant::now() + within;
    send(RUNS);
    let ends = signals::ends();
    while Instant::now() < until && !signals::has_come(&ends) && file(name).exists() {
        sleep(INTERVAL.min(until.saturating_duration_since(Instant::now())));
    }
    match trial_file::decide_to_undo(name) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            services.keep();
            run_log::forget(name);
            Ok(())
        }
        _ => {
            let late = [
                format!("{name}: it was not confirmed in time"),
                format!("netns-setup try {name} tries it again"),
            ];
            Err(roll_back(work, name, services, Why::Trial(late.into())))
        }
    }
}

/// Start the services inside, once the conditions that they wait for hold.
fn move_in(work: &mut Work, want: &Want, services: &mut Services) -> Result<(), Why> {
    if !services.is_empty() && ready::is_awaited(want) {
        ready::wait_under_lock(want)?;
        let ready = ready::mark(work.store, want);
        ready.map_err(|e| Why::Broken("cannot write ready", e))?;
    }
    services.move_in().map_err(Why::Trial)
}

/// Roll back, in the order in which a service always has a namespace to run in.
fn roll_back(work: &mut Work, name: &NetnsName, mut services: Services, why: Why) -> Failure {
    let _ = trial_file::decide_to_undo(name);
    services.leave();
    let failure = work.fail(why);
    services.restore();
    // The person who typed it may be gone
    let error = Error::failure(name, &failure);
    run_log::record(name, Attempt::Trial, &error.lines);
    failure
}

/// Confirm the trial: the new settings stay.
pub fn confirm(call: &Call, name: &NetnsName) -> Result {
    let tried = trial_file::running_trial(name);
    let confirmed = match &tried {
        Some(_) => fs::remove_file(file(name)),
        None => Err(ErrorKind::NotFound.into()),
    };
    let lines = match confirmed {
        Ok(()) => return is_confirmed(name, &tried.unwrap_or_default()),
        Err(e) if e.kind() == ErrorKind::NotFound && trial_file::was_undone(name) => [
            format!("{name}: the trial was rolled back, because it was not confirmed in time"),
            format!("netns-setup try {name} tries it again"),
        ],
        Err(e) if e.kind() == ErrorKind::NotFound && is_as_it_was_left(name) => {
            let line = format!("{name}: no trial is running, and nothing was rolled back");
            call.events.notice(name, line);
            return Ok(());
        }
        Err(e) if e.kind() == ErrorKind::NotFound => [
            format!("{name}: no trial is running"),
            format!("run netns-setup status {name} to see how it is now"),
        ],
        Err(e) => [
            format!("{name}: cannot confirm it: {e}"),
            "root and a writable /run are required".into(),
        ],
    };
    Err(Error::wrong(lines))
}

/// Returns true if no trial is running, and none was interrupted.
fn is_as_it_was_left(name: &NetnsName) -> bool {
    store::is_ready(name) && !file(name).exists()
}

/// Wait for the services that are moved only after the confirmation.
fn is_confirmed(name: &NetnsName, tried: &trial_file::TrialRecord) -> Result {
    let until = Instant::now() + KEEPS;
    while tried.is_running() && !tried.services.is_empty() && Instant::now() < until {
        sleep(INTERVAL);
    }
    service::all_run_inside(name, &tried.services).map_err(Error::refused)
}
