//! What is wanted of a namespace: its settings, its rule files and this machine in, a
//! `Want` or all that is wrong with them out.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::{Call, nat, rules, told, wireguard};
use crate::conf::{self, files::read_regular};
use crate::kernel::{clients, files};
use crate::model::Where;
use crate::model::build::{Context, Want, build, contradictions};
use crate::model::client::Program;
use crate::name::NetnsName;
use crate::place::Problem;

/// All that is wrong with a namespace's settings, on standard error.
pub fn tell(name: &NetnsName, problems: &[Problem]) {
    let text = conf::render(name, problems);
    let bare = |line: &str| line.trim_start_matches("netns-setup: ").into();
    told::complained(&text.lines().map(bare).collect::<Vec<_>>());
    let _ = write!(io::stderr(), "{text}");
}

/// What the settings of a namespace ask for.
pub fn settings(call: &Call, name: &NetnsName, context: &Context) -> Result<Want, Vec<Problem>> {
    let settings = conf::read(&call.conf_dir, name)?;
    let mut want = build(&settings, context)?;
    let mut problems = Vec::new();
    match rules::read(&want) {
        Ok(rules) => want.state.rules = rules,
        Err(found) => problems = found,
    }
    if let Err(found) = wireguard::read(&want.wireguard_files, &mut want.state) {
        problems.extend(found);
    }
    problems.extend(nat::published_twice(&want).unwrap_or_default());
    if !problems.is_empty() {
        return Err(problems);
    }
    choose_clients(&mut want);
    fits_its_neighbours(call, &mut want, context)?;
    let theirs = matches!(files::look(name), Ok(files::ResolvConf::Theirs));
    match want
        .state
        .resolv_conf
        .as_ref()
        .and_then(|text| text.asked.as_deref())
    {
        Some(asked) if theirs => Err(vec![Problem {
            place: Some(asked.place.clone()),
            wrong: format!(
                "{} would overwrite {}",
                asked.setting,
                files::path(name).display()
            ),
            remedy: format!("that file is yours; remove it, or remove {}", asked.setting),
        }]),
        _ => Ok(want),
    }
}

/// The DHCP client that this machine has; where it has none, starting it is refused.
fn choose_clients(want: &mut Want) {
    if want.state.clients.is_empty() {
        return;
    }
    let found = clients::installed().unwrap_or(Program::Udhcpc);
    for client in &mut want.state.clients {
        client.value.run.program = found;
    }
}

/// Where the other namespaces that links lead into have settings, the two must agree. What
/// is wrong in the others' own is theirs to say.
fn fits_its_neighbours(
    call: &Call,
    want: &mut Want,
    context: &Context,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for other in want.state.neighbours() {
        if !call.conf_dir.join(format!("netns.{other}")).exists() {
            continue;
        }
        let theirs = conf::read(&call.conf_dir, &other);
        let Ok(theirs) = theirs.and_then(|settings| build(&settings, context)) else {
            continue;
        };
        problems.extend(contradictions(want, &theirs));
        if theirs.attach.is_some() {
            continue;
        }
        if want
            .state
            .links
            .iter()
            .any(|link| link.at == Where::Netns(other.clone()))
        {
            want.state.others.insert(other);
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems),
    }
}

/// What the settings do not say, of this machine.
pub fn context() -> Context {
    let names = conf::iproute2::names(Path::new("/"));
    Context { seed, names }
}

/// What tells a machine from others: the first that there is.
const SEEDS: [&str; 3] = [
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/etc/hostname",
];

/// What makes this machine's `mac_IF="stable"` another one than its neighbour's. One that
/// is there and cannot be read is not passed over: it would be another one then.
fn seed() -> io::Result<String> {
    for file in SEEDS {
        match read_regular(Path::new(file)) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(io::Error::new(e.kind(), format!("{file}: {e}"))),
            Ok(text) => return Ok(String::from_utf8_lossy(&text).trim().into()),
        }
    }
    Ok(String::new())
}
