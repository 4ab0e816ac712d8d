//! WireGuard in the verbs: reading the files that settings name, reporting host names that could
//! not be resolved, and resolving those of silent peers again. `model::wireguard` has the content
//! of a file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::report;
use super::store::Store;
use crate::conf::files::{not_read, others_may_read, read_trusted};
use crate::conf::{Setting, Settings, Trust};
use crate::kernel::Kernel;
use crate::model::build::{Want, WireguardFile, wireguard_files};
use crate::model::wireguard::{Derived, Endpoint, NamedEndpoint, Quick, parse};
use crate::model::{State, Wireguard};
use crate::name::{LinkName, NetnsName};
use crate::os_error::OsError;
use crate::plan::{Change, Journal, Step};
use crate::source::{Position, Problem, Sourced};

/// After this time without a handshake, a peer with traffic has probably moved: handshakes are
/// repeated every two minutes (WireGuard's whitepaper, 6.1).
const SILENT: Duration = Duration::from_secs(135);

/// The key for name servers in wg-quick(8).
pub const DNS: &str = "DNS";

/// The content of the WireGuard links' files.
#[derive(Default)]
pub struct WireguardFiles {
    links: Vec<(LinkName, Sourced<Wireguard>)>,
    /// The positions at which they set a port.
    ports: Vec<(LinkName, Position)>,
    /// The problems in the files.
    pub problems: Vec<Problem>,
    /// The entries that netns-setup does not implement.
    pub not_done: Vec<Problem>,
}

impl WireguardFiles {
    /// Read the files that the settings name. Adds the settings that keys of wg-quick(8) stand for,
    /// unless the settings have them already.
    pub fn read(settings: &mut Settings, trust: Trust) -> WireguardFiles {
        let mut files = WireguardFiles::default();
        let mut dns: Option<Arc<str>> = settings.get("netns_dns").map(|dns| dns.file.clone());
        let of_the_settings = dns.is_some();
        for file in wireguard_files(settings) {
            if let Some(why) = trust.skips(Path::new(&file.path.value)) {
                files.not_done.push(not_read(&file.path, why));
                continue;
            }
            let (read, problems) = read_one(&file, trust);
            files.problems.extend(problems);
            let Some((wireguard, quick)) = read else {
                continue;
            };
            for Derived {
                setting,
                key,
                lines,
            } in quick.settings()
            {
                // DNS of a tunnel on the host is not for the namespace
                let is_taken = key != DNS || (dns.is_none() && !file.at_host);
                if is_taken {
                    let derived = Setting::of_another_file(&quick.file, key, &lines);
                    settings.add(&file.link, setting, derived);
                }
            }
            if let Some(line) = quick.listen_port {
                let place = Position {
                    file: quick.file.clone(),
                    line,
                    column: 1,
                };
                files.ports.push((file.link.clone(), place));
            }
            files.not_done.extend(quick.not_done(&file.link));
            match &dns {
                Some(_) if of_the_settings => {}
                Some(other) => files.not_done.extend(quick.dns_of_another(other)),
                None if quick.servers.is_empty() || file.at_host => {}
                None => dns = Some(quick.file.clone()),
            }
            let origin = file.path.origin.clone();
            let value = wireguard;
            files.links.push((file.link, Sourced { value, origin }));
        }
        files
    }

    /// Add the content of the files to the wanted state. Returns conflicts between files.
    pub fn add_to(self, want: &mut Want) -> Vec<Problem> {
        for (name, wireguard) in self.links {
            let mut links = want.state.links.iter_mut();
            if let Some(link) = links.find(|l| l.name.value == name && l.kind.word() == "wireguard")
            {
                link.wireguard = Some(wireguard);
            }
        }
        want.not_done.extend(self.not_done);
        same_ports(want, &self.ports)
    }
}

/// The ports that two tunnels use in the same namespace, which is that of their UDP sockets.
fn same_ports(want: &Want, ports: &[(LinkName, Position)]) -> Vec<Problem> {
    let wanted = |(name, place): &'_ (LinkName, Position)| {
        let mut links = want.state.links.iter();
        let link = links.find(|link| link.name.value == *name && link.wireguard.is_some())?;
        let port = link.wireguard.as_ref()?.value.listen_port?;
        Some((name.clone(), place.clone(), port, &link.kind.spec()?.born))
    };
    let wanted: Vec<_> = ports.iter().filter_map(wanted).collect();
    let mut problems = Vec::new();
    for (after, (name, place, port, born)) in wanted.iter().enumerate() {
        let before = wanted[..after].iter();
        let mut same = before.filter(|(.., other, at)| (other, at) == (port, born));
        if let Some((other, there, ..)) = same.next() {
            problems.push(Problem {
                place: Some(place.clone()),
                wrong: format!(
                    "the ListenPort {port} of {name} is that of {other} too, at {there}"
                ),
                remedy: "both have their UDP socket in one namespace, where each needs a port of its own; \
                         write another, or remove one of the two lines: the kernel then chooses a port"
                    .into(),
            });
        }
    }
    problems
}

/// Read one file. Returns its content, if it can be trusted and parsed, and all problems.
fn read_one(file: &WireguardFile, trust: Trust) -> (Option<(Wireguard, Quick)>, Vec<Problem>) {
    let path = file.path.value.as_str();
    let problem = |wrong: &str, remedy: &str| Problem {
        place: file.path.origin.as_ref().map(|origin| origin.place.clone()),
        wrong: format!("wireguard_{}=\"{path}\": {wrong}", file.link.suffix()),
        remedy: remedy.into(),
    };
    let bytes = match read_trusted(Path::new(path), trust) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let remedy =
                "write [Interface] and [Peer] there, as wg(8) has them, or correct the path";
            return (None, vec![problem("there is no such file", remedy)]);
        }
        Err(problem) => return (None, vec![problem]),
    };
    let mut problems: Vec<_> = others_may_read(Path::new(path)).into_iter().collect();
    let Ok(words) = String::from_utf8(bytes) else {
        problems.push(problem(
            "is not text in UTF-8",
            "expected a file as wg(8) writes it",
        ));
        return (None, problems);
    };
    match parse::read(path, &words) {
        Ok(read) => (Some(read), problems),
        Err(found) => {
            problems.extend(found);
            (None, problems)
        }
    }
}

/// Complete the observed state with the file that each WireGuard link was configured from, which
/// only the journal has.
pub fn complete(have: &mut State, journal: &Journal) {
    for link in &mut have.links {
        let ours = journal.ours.link(&link.netns, &link.name.value);
        let ours = ours.filter(|_| journal.is_ours(link));
        let ours = ours.and_then(|ours| ours.wireguard.as_ref());
        if let (Some(has), Some(ours)) = (&mut link.wireguard, ours) {
            has.value.file.clone_from(&ours.value.file);
        }
    }
}

/// The lines for host names that could not be resolved. The peers exist nevertheless: at boot, a
/// name server may be reachable only after the tunnel.
pub fn unresolved(name: &NetnsName, unresolved: &[(Change, OsError)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (change, e) in unresolved {
        let Step::SetEndpoint(link, named) = &change.step else {
            continue;
        };
        lines.extend([
            format!(
                "{name}: {} has no endpoint for the peer {} yet: {e}",
                link.name, named.peer
            ),
            report::asked_for_by(
                change.origin.as_deref(),
                &format!(
                    "netns-setup watch tries again by itself; otherwise type netns-setup up {name}"
                ),
            ),
        ]);
    }
    lines
}

/// Returns true if a peer has a host name, whose address may change: [`reresolve`] should be called
/// once a minute.
pub fn has_names(want: &State) -> bool {
    let mut links = want.links.iter().filter_map(|link| link.wireguard.as_ref());
    links.any(|wireguard| wireguard.value.named().next().is_some())
}

/// Resolve the names of peers without a handshake for more than two minutes, in the namespace of
/// the UDP socket. Sets the new endpoint if it has changed. Returns these changes. After an error,
/// the next call tries again.
pub fn reresolve(_held: &Store, kernel: &mut Kernel, want: &State) -> io::Result<Vec<Change>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_err(io::Error::other)?.as_secs();
    let mut changes = Vec::new();
    for link in &want.links {
        let (Some(wireguard), Some(spec)) = (&link.wireguard, link.kind.spec()) else {
            continue;
        };
        if wireguard.value.named().next().is_none() {
            continue;
        }
        let at = link.link_at();
        let seen = kernel
            .wireguard(&at)
            .map_err(|e| io::Error::other(e.to_string()))?;
        for (peer, endpoint) in wireguard.value.named() {
            let key = peer.public_key;
            let heard = seen.handshakes.get(&key).copied().unwrap_or(0);
            let Some(there) = seen.wireguard.peer(&key) else {
                continue;
            };
            if now.saturating_sub(heard) <= SILENT.as_secs() {
                continue;
            }
            let named = NamedEndpoint {
                peer: key,
                endpoint: endpoint.clone(),
                born: spec.born.clone(),
            };
            let found = kernel.lookup(&named);
            let Some(found) = found
                .ok()
                .filter(|f| there.endpoint != Some(Endpoint::Address(*f)))
            else {
                continue;
            };
            if kernel.tell_endpoint(&at, &key, found).is_ok() {
                changes.push(Change {
                    step: Step::SetEndpoint(at.clone(), Box::new(named)),
                    origin: wireguard.origin.clone(),
                });
            }
        }
    }
    Ok(changes)
}
