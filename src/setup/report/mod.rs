//! Messages as text: lines out, nothing done. The first line says what is wrong, the second what
//! was expected and what to type. A third line only says what state things are in.

pub mod event;
pub mod run_log;

use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::{Failure, Why};
use super::whereabouts;
use crate::kernel::{has_ipv6, seconds_since_boot};
use crate::model::{Link, LinkRef, Route};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::plan::{Change, Obstacle, Step};
pub use crate::printable::printable;
use crate::state_dir;
use crate::system::holders::Holder;
use crate::system::occupants::Process;

/// The lines for a failure, without the program's name.
pub fn failure(netns: &NetnsName, failure: &Failure) -> Vec<String> {
    let mut lines = why(netns, &failure.why);
    let Failure {
        done: made,
        of,
        left,
        ..
    } = failure;
    match left.as_deref() {
        Some([]) if *made == 0 => lines.push(format!("{netns}: nothing was changed")),
        Some([]) => lines.push(format!(
            "{made} of {of} changes were made and have been undone"
        )),
        None if *of == 0 => lines.push(format!(
            "{netns}: it is no longer ready; run netns-setup down {netns} to remove all of it"
        )),
        None => lines.push(format!(
            "{made} of {of} changes were made and not all could be undone; run netns-setup down {netns} to remove all of it"
        )),
        Some(left) => {
            lines.push(format!(
                "{made} of {of} changes were made and not all could be undone; type"
            ));
            lines.extend(left.iter().map(|change| change.command(netns)));
        }
    }
    lines
}

/// The lines for the cause of a failure.
pub fn why(netns: &NetnsName, why: &Why) -> Vec<String> {
    match why {
        Why::Obstacles(all) => obstacles(netns, all),
        Why::Refused(change, error) => refused(netns, change, error),
        Why::Taken(taken) => {
            let (link, address) = &**taken;
            vec![
                format!(
                    "{netns}: {address} on {} is in use by another host",
                    link.name
                ),
                asked_for_by(
                    address.origin.as_deref(),
                    "choose another address, or find the host that has it",
                ),
            ]
        }
        Why::Unread(error) => vec![
            format!(
                "{netns}: cannot read its journal, {}/{netns}/{}: {error}",
                state_dir::STATE,
                state_dir::JOURNAL
            ),
            match error.kind() {
                ErrorKind::PermissionDenied => "root is required".into(),
                _ => format!(
                    "repair it, or run netns-setup down --force {netns}: the journal is renamed, and what it lists stays as it is"
                ),
            },
        ],
        Why::Broken(what, error) => vec![
            format!("{netns}: {what}: {error}"),
            "root, /proc and a writable /run are required".into(),
        ],
        Why::Trial(lines) | Why::Cut(lines) => lines.clone(),
    }
}

/// The lines for obstacles to the wanted state.
pub fn obstacles(netns: &NetnsName, obstacles: &[Obstacle]) -> Vec<String> {
    let all = obstacles.iter().flat_map(|obstacle| {
        let mut lines = obstacle_lines(obstacle);
        if obstacle.origin.is_none() {
            lines[0].insert_str(0, &format!("{netns}: "));
        }
        // The plan does not know the name
        if let Some(hint) = lines.last_mut() {
            *hint = hint.replace("/run/netns/NAME ", &format!("/run/netns/{netns} "));
        }
        lines
    });
    all.collect()
}

/// The two lines for an obstacle. If a device is missing that is in another namespace, they name
/// that namespace.
pub fn obstacle_lines(obstacle: &Obstacle) -> Vec<String> {
    match obstacle.missing.as_ref().and_then(whereabouts::find) {
        None => lines(obstacle),
        Some((wrong, remedy)) => lines(&Obstacle {
            wrong,
            remedy,
            ..obstacle.clone()
        }),
    }
}

/// The lines for a change that failed.
pub fn refused(netns: &NetnsName, change: &Change, error: &OsError) -> Vec<String> {
    let command = change.command(netns);
    let hint = hint(&change.step, error);
    vec![
        format!("{netns}: cannot run \"{command}\": {error}"),
        asked_for_by(change.origin.as_deref(), hint),
    ]
}

/// The lines for something on the host that could not be restored after a link went back.
pub fn not_put_back(netns: &NetnsName, change: &Change, error: &OsError) -> Vec<String> {
    let command = change.command(netns);
    let hint = match &change.step {
        Step::AddRoute(route) | Step::ReplaceRoute(route) if route.via.is_some() => {
            "everything else is given back; run that command when the host can reach the gateway"
        }
        _ => {
            "everything else is given back; run that command when the host has what the command needs"
        }
    };
    vec![
        format!(
            "{netns}: the host did not get back all that it had: cannot run \"{command}\": {error}"
        ),
        hint.into(),
    ]
}

/// The lines for a NIC that is gone, and what the host does not get back with it. None if the host
/// had nothing on it.
pub fn gone(netns: &NetnsName, link: &Link, lost: Vec<Step>) -> Vec<String> {
    if lost.is_empty() {
        return Vec::new();
    }
    let commands = lost.into_iter().map(|step| Change::new(step, None));
    let commands: Vec<_> = commands.map(|change| change.command(netns)).collect();
    vec![
        format!(
            "{netns}: {} is gone, and the host does not get back what it had on it",
            link.name
        ),
        format!("when it is there again, type {}", commands.join("; ")),
    ]
}

/// The lines for links of others that are deleted together with ours. None if there are none.
pub fn given_up(netns: &NetnsName, links: &[LinkRef]) -> Vec<String> {
    let (is, below, them) = match links {
        [] => return Vec::new(),
        [_] => ("is", "link", "it"),
        _ => ("are", "links", "them"),
    };
    let names: Vec<_> = links.iter().map(|link| link.name.to_string()).collect();
    vec![
        format!(
            "{netns}: {}, which netns-setup did not make, {is} deleted with the {below} below",
            names.join(", ")
        ),
        format!("make {them} again after netns-setup up {netns}"),
    ]
}

/// The warning that a change has replaced a default route of another program.
pub fn replaced(netns: &NetnsName, change: &Change, route: &Route) -> [String; 2] {
    let hint = "if a VPN client made it, traffic now bypasses its tunnel; let it add routes beside this one, as OpenVPN does with redirect-gateway def1";
    [
        format!("{netns}: the route \"{route}\" was made by another program and has been replaced"),
        asked_for_by(change.origin.as_deref(), hint),
    ]
}

/// The setting that asked for something, and a hint.
pub fn asked_for_by(origin: Option<&crate::source::Origin>, hint: &str) -> String {
    match origin {
        Some(origin) => format!("asked for by {origin}; {hint}"),
        None => hint.into(),
    }
}

/// The hint for the most likely cause of an error.
fn hint(step: &Step, error: &OsError) -> &'static str {
    use nix::errno::Errno;
    let errno = error.errno.raw_os_error().map(Errno::from_raw);
    match (step, errno) {
        _ if is_ipv6(step) && !has_ipv6() => {
            "this kernel has no IPv6; boot it without ipv6.disable=1, or remove IPv6 from the settings"
        }
        (Step::AddAddress(_, address), Some(Errno::EACCES)) if address.ip().is_ipv6() => {
            "IPv6 is disabled on this link (disable_ipv6)"
        }
        (_, Some(Errno::EPERM | Errno::EACCES)) => {
            "CAP_NET_ADMIN and CAP_SYS_ADMIN are required; a container may lack them"
        }
        (Step::WriteResolvConf(_), Some(Errno::EROFS)) => {
            "/etc is read-only; make a directory /etc/netns in its image and type mount -t tmpfs -o mode=755 \
             tmpfs /etc/netns"
        }
        (Step::AddNetns, Some(Errno::EEXIST)) => {
            "a file of this name in /run/netns is not a namespace; ls -l /run/netns shows it; remove it"
        }
        (Step::AddNetns, Some(Errno::ENOSPC)) => {
            "df /run shows whether it is full; otherwise the sysctl user.max_net_namespaces is reached"
        }
        (_, Some(Errno::ENOSPC)) => "df shows which file system is full; free some space",
        (Step::LoadFirewall { .. }, None) => {
            "correct the file, if it is wrong; netns-setup check tries its rules and changes nothing"
        }
        (Step::AddNetns | Step::Attach(_), None) => {
            "log in on the host, or type netns-exec --host -- before the command"
        }
        (Step::AddLink { .. }, Some(Errno::EOPNOTSUPP)) => {
            "this kernel has no links of this type; load its module, if there is one"
        }
        (Step::AddLink { .. }, None) if error.errno.kind() == ErrorKind::NotFound => {
            "install the kernel's modules; after an upgrade of the kernel, reboot"
        }
        (Step::AddRoute(_) | Step::ReplaceRoute(_), Some(Errno::EEXIST)) => {
            "a route to that destination with this metric already exists; use a different metric"
        }
        (Step::AddRoute(route) | Step::ReplaceRoute(route), _) if route.via.is_some() => {
            "the gateway must be in a network of the link, and the link up; otherwise add onlink"
        }
        (Step::AddRoute(route) | Step::ReplaceRoute(route), _) if route.src.is_some() => {
            "the address of src must be an address of the namespace"
        }
        (Step::SetSysctl(sysctl), Some(Errno::ENOENT)) if sysctl.key.is_of_conntrack() => {
            "the key belongs to a module: run modprobe nf_conntrack, and add it to /etc/modules"
        }
        (Step::SetSysctl(_), Some(Errno::ENOENT)) => {
            "the namespace has no such key; netns-exec NAME -- sysctl -a lists its keys"
        }
        (Step::SetSysctl(_), Some(_)) => "the kernel does not accept that value for this key",
        (Step::SetSysctl(_), None) => {
            "the kernel has a different value; write it as sysctl KEY prints it"
        }
        (Step::MoveLink(..), Some(Errno::EINVAL | Errno::EOPNOTSUPP)) => {
            "links of this type cannot be moved; create one inside with type_IF"
        }
        (Step::MovePhy(..), Some(Errno::EOPNOTSUPP)) => {
            "the driver of this device keeps it on the host; no setting can change that"
        }
        (Step::MoveLink(..) | Step::MovePhy(..), Some(Errno::EEXIST)) => {
            "a link of this name already exists; rename one of them with ip link set"
        }
        (Step::SetAttribute(_, said), _) if said.get("address").is_some() => {
            "not every driver can change the address, and some only while the link is down"
        }
        (Step::SetAttribute(..) | Step::AddLink { .. }, Some(Errno::EINVAL | Errno::ERANGE)) => {
            "ip -d link of iproute2 shows what its driver accepts (minmtu, maxmtu)"
        }
        (Step::SetUp(..) | Step::SetWireguard(..), Some(Errno::EADDRINUSE)) => {
            "each tunnel needs a port of its own in the namespace of its UDP socket; without a ListenPort the kernel chooses one"
        }
        (Step::AddAddress(_, address), _) if address.ip().is_ipv6() => {
            "the link does not accept IPv6: its MTU is below 1280, or IPv6 is disabled"
        }
        _ => "type it by hand to see whether the kernel always rejects it",
    }
}

/// Whether the step can only succeed with IPv6.
fn is_ipv6(step: &Step) -> bool {
    match step {
        Step::AddAddress(_, address) => address.ip().is_ipv6(),
        Step::AddRoute(route) | Step::ReplaceRoute(route) => route.dst.addr().is_ipv6(),
        Step::AddRule(rule) => rule.v6,
        Step::SetSysctl(sysctl) => sysctl.key.is_ipv6(),
        _ => false,
    }
}

/// The lines for what keeps a namespace from being deleted: processes inside, and processes that
/// hold it from outside.
pub fn still_used(netns: &NetnsName, inside: &[Process], holders: &[Holder]) -> Vec<String> {
    let mut lines = Vec::new();
    if !inside.is_empty() {
        lines.push(format!("{netns}: still used by {}", list(inside)));
    }
    if !holders.is_empty() {
        lines.push(format!(
            "{netns}: held from outside by {}",
            list_holders(holders)
        ));
    }
    lines.push(if inside.is_empty() {
        "stop or unmount what holds it, or run netns-setup down --force: it loses its name and its links, and exists until nothing holds it"
            .into()
    } else {
        "stop them first, or run netns-setup down --kill to kill them, or down --force to leave them behind without links"
            .into()
    });
    lines
}

/// The warning for processes that are left when the namespace is taken down nevertheless.
pub fn left_behind(netns: &NetnsName, inside: &[Process], holders: &[Holder]) -> Vec<String> {
    let mut lines = Vec::new();
    if !inside.is_empty() {
        let list = list(inside);
        lines.push(format!("{netns}: left behind in it, without links: {list}"));
    }
    if !holders.is_empty() {
        let list = list_holders(holders);
        lines.push(format!("{netns}: exists without a name, held by {list}"));
    }
    lines
}

/// `2 processes: 812 (dnsmasq, service dns), 815 (unbound)`
pub fn list(processes: &[Process]) -> String {
    let each: Vec<_> = processes.iter().map(process).collect();
    let count = counted(each.len(), "process", "processes");
    format!("{count}: {}", each.join(", "))
}

/// `1 process: 900 (bird) open as descriptor 7`
fn list_holders(holders: &[Holder]) -> String {
    let each: Vec<_> = holders.iter().map(holder).collect();
    let count = counted(each.len(), "process", "processes");
    format!("{count}: {}", each.join(", "))
}

/// `900 (bird) open as descriptor 7`
pub fn holder(holder: &Holder) -> String {
    let by = printable(&holder.by.to_string());
    format!("{} {by}", process(&holder.process))
}

/// `812 (dnsmasq, service dns)`
pub fn process(process: &Process) -> String {
    let Process { pid, name, service } = process;
    let service = service
        .as_ref()
        .map(|service| format!(", service {service}"));
    let label = format!("{name}{}", service.unwrap_or_default());
    format!("{pid} ({})", printable(&label))
}

/// The rows as lines, with the cells in columns.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter()
            .map(|row: &[String; N]| row[column].chars().count())
            .max()
    };
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// How long ago something was, or how long it takes: `5 minutes`, `3 days`.
pub fn duration(time: Duration) -> String {
    let minutes = usize::try_from(time.as_secs() / 60).unwrap_or(usize::MAX);
    match minutes {
        0 => "less than a minute".into(),
        1..=119 => counted(minutes, "minute", "minutes"),
        120..=2879 => counted(minutes / 60, "hour", "hours"),
        _ => counted(minutes / 60 / 24, "day", "days"),
    }
}

/// The time since a moment, which is in seconds since 1970.
pub fn since(moment: u64) -> Duration {
    Duration::from_secs(now().saturating_sub(moment))
}

/// A moment in seconds since 1970, or the boot, by the present clock, if the moment seems to be
/// before it: a machine whose clock has no battery boots in 1970, and sets the clock later.
pub fn not_before_boot(moment: u64) -> u64 {
    moment.max(now().saturating_sub(seconds_since_boot()))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// The lines of a text.
pub fn lines(text: &impl ToString) -> Vec<String> {
    text.to_string().lines().map(String::from).collect()
}

/// `1 process`, `2 processes`
pub fn counted(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
