//! What came of it, in words: lines out, nothing done. The first line says what is
//! wrong, the second what was expected and what to type, a third only in what state
//! things are now.

use super::error::{Failure, Why};
use crate::model::Route;
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::plan::{Change, Obstacle, Step};
pub use crate::printable::printable;
use crate::state_dir;
use crate::system::holders::Holder;
use crate::system::occupants::Process;

/// The lines that tell of a failure, without the program's name before them.
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
            "{netns}: it is not ready any more; netns-setup down {netns} takes all of it away"
        )),
        None => lines.push(format!(
            "{made} of {of} changes were made, and could not all be undone; netns-setup down \
             {netns} takes all of it away"
        )),
        Some(left) => {
            lines.push(format!(
                "{made} of {of} changes were made, and could not all be undone; type"
            ));
            lines.extend(left.iter().map(|change| change.command(netns)));
        }
    }
    lines
}

/// The lines that tell why it came to nothing.
pub fn why(netns: &NetnsName, why: &Why) -> Vec<String> {
    match why {
        Why::Obstacles(all) => obstacles(netns, all),
        Why::Refused(change, refusal) => refused(netns, change, refusal),
        Why::Taken(taken) => {
            let (link, address) = &**taken;
            vec![
                format!(
                    "{netns}: {address} on {} is in use by another host",
                    link.name
                ),
                asked_for_by(
                    address.origin.as_deref(),
                    "choose another address, or find who has it",
                ),
            ]
        }
        Why::Unread(error) => vec![
            format!(
                "{netns}: cannot read its journal, {}/{netns}/{}: {error}",
                state_dir::STATE,
                state_dir::JOURNAL
            ),
            format!(
                "mend it, or run netns-setup down --force {netns}: it is set aside, and what it \
                 tells of stays as it is"
            ),
        ],
        Why::Broken(what, error) => vec![
            format!("{netns}: {what}: {error}"),
            "it takes root, /proc, and a /run that can be written to".into(),
        ],
        Why::Trial(lines) => lines.clone(),
    }
}

/// What is wanted and cannot be.
pub fn obstacles(netns: &NetnsName, obstacles: &[Obstacle]) -> Vec<String> {
    let text = |obstacle: &Obstacle| match obstacle.origin {
        Some(_) => obstacle.to_string(),
        None => format!("{netns}: {obstacle}"),
    };
    let text: Vec<_> = obstacles.iter().map(text).collect();
    text.join("\n").lines().map(String::from).collect()
}

/// A change that the kernel refused.
pub fn refused(netns: &NetnsName, change: &Change, refusal: &OsError) -> Vec<String> {
    let command = change.command(netns);
    let hint = hint(&change.step, refusal);
    vec![
        format!("{netns}: cannot run \"{command}\": {refusal}"),
        asked_for_by(change.origin.as_deref(), hint),
    ]
}

/// Something that the host had before a link was moved in, and cannot have back.
pub fn not_put_back(netns: &NetnsName, change: &Change, refusal: &OsError) -> Vec<String> {
    let command = change.command(netns);
    let hint = match &change.step {
        Step::AddRoute(route) | Step::ReplaceRoute(route) if route.via.is_some() => {
            "all else is given back; run that command when the host can reach its gateway"
        }
        _ => "all else is given back; run that command when the host has what it needs",
    };
    vec![
        format!(
            "{netns}: the host does not have back what it had: cannot run \"{command}\": {refusal}"
        ),
        hint.into(),
    ]
}

/// A default route that others have made is gone by this change.
pub fn replaced(netns: &NetnsName, change: &Change, route: &Route) -> [String; 2] {
    let hint = "if a VPN client made it, its tunnel is passed by now; let it add routes beside this \
                one, as OpenVPN does by redirect-gateway def1";
    [
        format!("{netns}: the route \"{route}\" was not made by us, and has been replaced"),
        asked_for_by(change.origin.as_deref(), hint),
    ]
}

/// Who asked for it, and what can be done.
pub fn asked_for_by(origin: Option<&crate::source::Origin>, hint: &str) -> String {
    match origin {
        Some(origin) => format!("asked for by {origin}; {hint}"),
        None => hint.into(),
    }
}

/// What most likely has to be so for the kernel to agree.
fn hint(step: &Step, refusal: &OsError) -> &'static str {
    use nix::errno::Errno;
    let errno = refusal.errno.raw_os_error().map(Errno::from_raw);
    match (step, errno) {
        (Step::AddAddress(_, address), Some(Errno::EACCES)) if address.ip().is_ipv6() => {
            "IPv6 is switched off for this link (disable_ipv6)"
        }
        (_, Some(Errno::EPERM | Errno::EACCES)) => {
            "it takes root with all capabilities, which a container may not have"
        }
        (Step::WriteResolvConf(_), Some(Errno::EROFS)) => {
            "/etc can only be read; with a folder /etc/netns in it, type mount -t tmpfs -o mode=755 \
             tmpfs /etc/netns"
        }
        (Step::AddNetns | Step::Attach(_), None) => {
            "log in on the host, or put netns-exec --host -- before the command"
        }
        (Step::AddLink { .. }, Some(Errno::EOPNOTSUPP)) => {
            "this kernel has no such links; load the module for them, if it has one"
        }
        (Step::AddRoute(_) | Step::ReplaceRoute(_), Some(Errno::EEXIST)) => {
            "there is another route to there with this metric; give this one another"
        }
        (Step::AddRoute(route) | Step::ReplaceRoute(route), _) if route.via.is_some() => {
            "the gateway must lie in a network of its link, which must be up; else say onlink"
        }
        (Step::AddRoute(route) | Step::ReplaceRoute(route), _) if route.src.is_some() => {
            "the address of src must be one of the namespace's own"
        }
        (Step::SetSysctl(sysctl), Some(Errno::ENOENT)) if sysctl.key.is_of_conntrack() => {
            "the key comes with a module: run modprobe nf_conntrack, and add it to /etc/modules"
        }
        (Step::SetSysctl(_), Some(Errno::ENOENT)) => {
            "this namespace has no such key; netns-exec NAME -- sysctl -a lists those it has"
        }
        (Step::SetSysctl(_), Some(_)) => "the kernel does not take that value for this key",
        (Step::SetSysctl(_), None) => {
            "the kernel holds another value; write it as sysctl KEY shows it"
        }
        (Step::MoveLink(..), Some(Errno::EINVAL | Errno::EOPNOTSUPP)) => {
            "links of this kind cannot be moved; have one made inside with type_IF"
        }
        (Step::MovePhy(..), Some(Errno::EOPNOTSUPP)) => {
            "the driver of this card keeps it on the host; no setting can change that"
        }
        (Step::MoveLink(..) | Step::MovePhy(..), Some(Errno::EEXIST)) => {
            "there is a link of this name already; rename one of them with ip link set"
        }
        (Step::SetMtu(..) | Step::AddLink { .. }, Some(Errno::EINVAL | Errno::ERANGE)) => {
            "ip -d link shows what its driver takes (minmtu, maxmtu)"
        }
        (Step::SetUp(..) | Step::SetWireguard(..), Some(Errno::EADDRINUSE)) => {
            "in the namespace where a tunnel was born, each needs a port of its own; without a \
             ListenPort the kernel chooses one"
        }
        (Step::SetMac(..), _) => "not every driver can change its address, or only while down",
        (Step::AddAddress(_, address), _) if address.ip().is_ipv6() => {
            "the link takes no IPv6: its mtu is below 1280, or IPv6 is switched off"
        }
        _ => "run it by hand to see whether the kernel always refuses it",
    }
}

/// Who keeps a namespace from going: the processes inside, and who holds it from outside.
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
    lines.push(match inside.is_empty() {
        false => "stop them first, or run netns-setup down --kill to end them, or down --force to \
                  leave them behind without links"
            .into(),
        true => {
            "stop or unmount what holds it, or run netns-setup down --force: it loses its name \
                 and its links, and lives on until they let go"
                .into()
        }
    });
    lines
}

/// Who is left, where the namespace goes in spite of them.
pub fn left_behind(netns: &NetnsName, inside: &[Process], holders: &[Holder]) -> Vec<String> {
    let mut lines = Vec::new();
    if !inside.is_empty() {
        let list = list(inside);
        lines.push(format!("{netns}: left behind in it, without links: {list}"));
    }
    if !holders.is_empty() {
        let held = list_holders(holders);
        lines.push(format!("{netns}: lives on without a name, held by {held}"));
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
    let told = format!("{name}{}", service.unwrap_or_default());
    format!("{pid} ({})", printable(&told))
}

/// `1 process`, `2 processes`
pub fn counted(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
