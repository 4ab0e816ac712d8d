//! Loading the wanted state of a namespace from its settings, its rule files and facts of this
//! machine. Returns a `Want`, or all problems.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::error::Error;
use super::{Call, firewall, nat, wireguard};
use crate::conf;
use crate::conf::files::{may_be_there, not_read, read_regular};
use crate::model::build::{Context, Want, build, contradictions};
use crate::model::dhcp::Program;
use crate::model::{Link, Netns};
use crate::name::NetnsName;
use crate::source::Problem;
use crate::system::{dhcp, resolv_conf};

/// The error for problems in a namespace's settings.
pub fn wrong(name: &NetnsName, problems: &[Problem]) -> Error {
    Error::wrong(conf::describe(name, problems))
}

/// Load what the settings of a namespace ask for.
pub fn settings(call: &Call, name: &NetnsName, context: &Context) -> Result<Want, Vec<Problem>> {
    let (mut want, mut problems) = asked_for(call, name, context)?;
    for (file, why) in firewall::skipped(&want, call.trust) {
        want.not_done.push(not_read(&file.path, why));
        want.rule_files.retain(|other| *other != file);
    }
    match firewall::read(&want, call.trust) {
        // The rules of the owner come first, our own table after them
        Ok(rules) => drop(want.state.firewall.splice(..0, rules)),
        Err(found) => problems.extend(found),
    }
    problems.extend(nat::published_twice(&want).unwrap_or_default());
    if !problems.is_empty() {
        return Err(problems);
    }
    choose_clients(&mut want);
    check_linked_namespaces(call, &mut want, context)?;
    if matches!(resolv_conf::look(name), Ok(resolv_conf::ResolvConf::Theirs)) {
        respect_their_resolv_conf(&mut want)?;
    }
    Ok(want)
}

/// The owner's resolv.conf is never overwritten. It has priority over DNS in the file of a
/// WireGuard link. Together with `netns_dns`, it is an error.
fn respect_their_resolv_conf(want: &mut Want) -> Result<(), Vec<Problem>> {
    let text = want.state.resolv_conf.as_ref();
    let Some(origin) = text.and_then(|text| text.origin.as_deref()) else {
        return Ok(());
    };
    if origin.setting == wireguard::DNS {
        want.state.resolv_conf = None;
        return Ok(());
    }
    Err(vec![Problem {
        place: Some(origin.place.clone()),
        wrong: format!(
            "{} would overwrite {}",
            origin.setting,
            resolv_conf::path(&want.name).display()
        ),
        remedy: format!(
            "that file is yours; remove it, or remove {}",
            origin.setting
        ),
    }])
}

/// Build the wanted state, and the problems in the files of WireGuard links.
fn asked_for(
    call: &Call,
    name: &NetnsName,
    context: &Context,
) -> Result<(Want, Vec<Problem>), Vec<Problem>> {
    let mut settings = conf::read(&call.conf_dir, name, call.trust)?;
    let mut files = wireguard::WireguardFiles::read(&mut settings, call.trust);
    let wrong = std::mem::take(&mut files.problems);
    match build(&settings, context) {
        Ok(mut want) => {
            let mut wrong = wrong;
            wrong.extend(files.add_to(&mut want));
            Ok((want, wrong))
        }
        Err(mut problems) => {
            problems.extend(wrong);
            Err(problems)
        }
    }
}

/// Set the DHCP client that is installed here. If none is, starting it fails later.
fn choose_clients(want: &mut Want) {
    if want.state.clients.is_empty() {
        return;
    }
    let found = dhcp::installed().unwrap_or(Program::Udhcpc);
    for client in &mut want.state.clients {
        client.value.run.program = found;
    }
}

/// Check the settings against those of the linked namespaces. Problems in the settings of the
/// others are reported by their own verbs.
fn check_linked_namespaces(
    call: &Call,
    want: &mut Want,
    context: &Context,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for other in want.state.neighbours() {
        if !may_be_there(&call.conf_dir.join(format!("netns.{other}"))) {
            continue;
        }
        let Ok((theirs, _)) = asked_for(call, &other, context) else {
            continue;
        };
        problems.extend(contradictions(want, &theirs));
        if theirs.attach.is_some() {
            continue;
        }
        let at = Netns::Named(other.clone());
        // A tunnel on top of a link of the other namespace does not count: an empty namespace would
        // not have that link
        let born = |link: &Link| {
            let spec = link.kind.spec();
            spec.is_some_and(|spec| spec.born == at && spec.parent.is_none())
        };
        let mut links = want.state.links.iter();
        if links.any(|link| link.netns == at || born(link)) {
            want.state.others.insert(other);
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Facts of this machine.
pub fn context() -> Context {
    let names = conf::iproute2::names(Path::new("/"));
    Context { seed, names }
}

/// The files that identify a machine, in the order of preference.
const SEEDS: [&str; 3] = [
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/etc/hostname",
];

/// The seed for `mac_IF="stable"`, which differs between machines. A file that exists and cannot be
/// read is an error, because the next file would give another address.
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
