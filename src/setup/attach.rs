//! Attaching to a namespace that exists already (`netns_attach`): finding the namespace, and
//! checking whether the name refers to it, to an earlier one, or to something else.

use std::fs::File;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use super::apply::{Alone, Work};
use super::failure::{Failure, Why};
use super::hooks::PATH;
use super::report::run_log::Changes;
use super::store::Store;
use super::{Call, report};
use crate::kernel::Kernel;
use crate::model::State;
use crate::model::build::{Attach, Want};
use crate::name::NetnsName;
use crate::plan::{Journal, Obstacle};
use crate::setup::query::build_query;
use crate::source::Sourced;
use crate::system::netns::{self, owner};

/// What the name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameState {
    /// The wanted namespace, or nothing yet.
    Right,
    /// An earlier namespace that netns-setup gave this name. The settings now mean another one.
    Earlier,
}

/// Find the namespace to attach, if the settings ask for one. Sets its path in `state`, and its open
/// file in `kernel` if the name refers to it.
pub fn prepare(
    want: &Want,
    state: &mut State,
    journal: &Journal,
    kernel: &mut Kernel,
) -> Result<NameState, Failure> {
    let Some(attach) = &want.attach else {
        is_apart(&want.name)?;
        return Ok(match journal.ours.attached {
            Some(_) => NameState::Earlier,
            None => NameState::Right,
        });
    };
    let (path, file) = source(attach)?;
    state.attached = Some(attach.with(path));
    let name = name_state(attach, &want.name, journal, &file)?;
    if name == NameState::Right {
        kernel.attach(file);
    }
    Ok(name)
}

/// As [`prepare`], but ignores what the name refers to now.
pub fn prepare_ignoring_name(
    want: &Want,
    state: &mut State,
    kernel: &mut Kernel,
) -> Result<(), Failure> {
    if let Some(attach) = &want.attach {
        let (path, file) = source(attach)?;
        state.attached = Some(attach.with(path));
        kernel.attach(file);
    }
    Ok(())
}

/// As [`prepare`]. If the name refers to an earlier namespace, that namespace is taken down first
/// with `may_replace`, and is an error without it.
pub fn take_over(
    call: &Call,
    want: &Want,
    state: &mut State,
    locked: (&Store, &mut Journal, &mut Kernel),
    may_replace: bool,
) -> Result<(), Failure> {
    let (store, journal, kernel) = locked;
    if prepare(want, state, journal, kernel)? == NameState::Right {
        return Ok(());
    }
    if !may_replace {
        return Err(Why::Obstacles(vec![has_earlier(want, journal)]).into());
    }
    let nothing = journal.with_returns(State::default());
    let changes = Changes::of(call, &want.name);
    let query = build_query(&nothing, journal);
    let refused = {
        let mut work = Work::begin(store, kernel, journal.clone(), query, changes)?;
        let removing = work.plan_removal(&nothing)?;
        let removal = work.remove(&nothing, removing, Alone::No)?;
        *journal = work.journal;
        removal.refused
    };
    if let Some((change, error)) = refused.into_iter().next() {
        return Err(Why::Refused(Box::new(change), error).into());
    }
    *kernel = Kernel::new(want.name.clone());
    *state = journal.with_returns(want.state.clone());
    prepare(want, state, journal, kernel).map(drop)
}

/// What `status` reports if the name refers to an earlier namespace.
pub fn earlier(want: &Want, journal: &Journal) -> Vec<String> {
    report::lines(&has_earlier(want, journal))
}

fn has_earlier(want: &Want, journal: &Journal) -> Obstacle {
    let name = &want.name;
    let was = journal.ours.attached.as_ref();
    let was = was.map_or("", |was| &was.value);
    let now = match &want.attach {
        Some(attach) => format!("{attach} is another namespace now"),
        None => "the settings ask for a namespace of its own now".into(),
    };
    let origin = want
        .attach
        .as_ref()
        .and_then(|attach| attach.origin.clone());
    Obstacle {
        origin,
        wrong: format!("{name} still refers to the earlier namespace of {was}; {now}"),
        remedy: format!(
            "run netns-setup reload {name}: what was set up there is removed, and the name \
             is given to the new one"
        ),
        missing: None,
    }
}

/// Check that the name does not refer to the host's own namespace.
fn is_apart(name: &NetnsName) -> Result<(), Failure> {
    match netns::open(name.as_str()) {
        Ok(there) if netns::is_hosts(&there) => Err(obstacle(
            &None,
            "the name refers to the host's own namespace".into(),
            &format!("remove the name: umount /run/netns/{name}; rm /run/netns/{name}"),
        )),
        _ => Ok(()),
    }
}

/// The path of the namespace to attach, and the open file.
fn source(attach: &Sourced<Attach>) -> Result<(String, File), Failure> {
    let of = |pid: u32| format!("/proc/{pid}/ns/net");
    let path = match &attach.value {
        Attach::Pid(pid) => of(*pid),
        Attach::Path(path) => path.clone(),
        Attach::Container { program, name } => of(inspect(attach, program, name)?),
    };
    let wrong = |wrong, remedy| Err(obstacle(&Some(attach.clone()), wrong, remedy));
    match netns::open_path(&path) {
        Ok(file) if netns::is_hosts(&file) => wrong(
            format!("{attach} is in the host's own namespace"),
            "expected one that has a network namespace of its own",
        ),
        Ok(file) => match owner::user_of(&file) {
            Ok(None) => Ok((path, file)),
            Ok(Some(user)) => wrong(
                format!("{attach} is in a network namespace that belongs to user {user}"),
                "expected one that belongs to root: a user can change everything in a namespace of their own",
            ),
            Err(e) => wrong(
                format!("cannot tell whose network namespace {path} is: {e}"),
                "expected one that belongs to root",
            ),
        },
        Err(e) if e.kind() == ErrorKind::InvalidData => wrong(
            format!("{path} is not a network namespace"),
            "expected the file of one, such as /proc/812/ns/net",
        ),
        Err(e) if e.kind() == ErrorKind::NotFound => wrong(
            match &attach.value {
                Attach::Path(path) => format!("{path} does not exist (any more)"),
                _ => format!("the process of {attach} is gone"),
            },
            "start it, and correct the setting if its number has changed",
        ),
        Err(e) => wrong(format!("cannot open {path}: {e}"), "run it as root"),
    }
}

/// The pid of the container's first process, as the container's program prints it.
fn inspect(attach: &Sourced<Attach>, program: &str, name: &str) -> Result<u32, Failure> {
    let wrong = |wrong: String, remedy| Err(obstacle(&Some(attach.clone()), wrong, remedy));
    let output = Command::new(program)
        .args(["inspect", "--type", "container"])
        .args(["--format", "{{.State.Pid}}", name])
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return wrong(
                format!("there is no program {program}"),
                "install it, or use pid: or path:",
            );
        }
        Err(e) => return wrong(format!("cannot run {program}: {e}"), "run it as root"),
        Ok(output) => output,
    };
    if !output.status.success() {
        let stderr = report::printable(String::from_utf8_lossy(&output.stderr).trim());
        return wrong(
            format!("{program} inspect {name} failed: {stderr}"),
            "start the container, or correct its name",
        );
    }
    match pid_in(&output.stdout) {
        Ok(0) => wrong(
            format!("{attach} is not running"),
            "start the container first",
        ),
        Ok(pid) => Ok(pid),
        Err(text) => wrong(
            format!("{program} inspect {name} printed {text:?} and no number"),
            "expected its {{.State.Pid}}; use pid: instead",
        ),
    }
}

/// Parse the pid that the container's program printed. The error is the text, made printable.
pub(super) fn pid_in(printed: &[u8]) -> Result<u32, String> {
    let text = String::from_utf8_lossy(printed);
    let text = text.trim();
    let number = text.parse().ok();
    // Reject a sign and leading zeros
    let number = number.filter(|number: &u32| number.to_string() == text);
    number.ok_or_else(|| report::printable(text))
}

/// Compare the name with the wanted namespace. A namespace that is not ours is an error.
fn name_state(
    attach: &Sourced<Attach>,
    name: &NetnsName,
    journal: &Journal,
    wanted: &File,
) -> Result<NameState, Failure> {
    let there = netns::open(name.as_str());
    match there {
        Err(_) => Ok(NameState::Right),
        Ok(there) if netns::is_same(&there, wanted) => Ok(NameState::Right),
        Ok(_) if journal.ours.attached.is_some() => Ok(NameState::Earlier),
        Ok(_) => Err(obstacle(
            &Some(attach.clone()),
            if journal.ours.exists {
                format!("there is a namespace {name}, which netns-setup has made")
            } else {
                format!("there is another namespace {name}, which is not ours")
            },
            "take that one down first, or choose another name",
        )),
    }
}

fn obstacle(attach: &Option<Sourced<Attach>>, wrong: String, remedy: &str) -> Failure {
    let origin = attach.as_ref().and_then(|attach| attach.origin.clone());
    Why::Obstacles(vec![Obstacle {
        origin,
        wrong,
        remedy: remedy.into(),
        missing: None,
    }])
    .into()
}
