//! WireGuard's part of the verbs: reading the files that settings name, saying which
//! names could not be looked up, and looking up again those of peers that are not heard
//! of. What a file says is `model::wireguard`'s.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::store::Store;
use super::{complain, report};
use crate::conf::files::read_secret;
use crate::exit;
use crate::kernel::{Kernel, Refusal};
use crate::model::build::WireguardFile;
use crate::model::wireguard::{Endpoint, NamedEndpoint, text};
use crate::model::{Kind, State, Where};
use crate::name::NetnsName;
use crate::place::{At, Problem};
use crate::plan::{Change, Journal, Step};

/// After this long without a handshake, a peer that has traffic is not where it was: they
/// are made anew every two minutes (WireGuard's whitepaper, 6.1).
const SILENT: Duration = Duration::from_secs(135);

/// What the files say, into what is wanted.
pub fn read(files: &[WireguardFile], want: &mut State) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for file in files {
        let links = want.links.iter_mut();
        let mut links = links.filter(|l| l.at == Where::Inside && l.name.value == file.link);
        match (read_one(file), links.next()) {
            (Ok(wireguard), Some(link)) => {
                link.wireguard = Some(At {
                    value: wireguard,
                    asked: file.path.asked.clone(),
                });
            }
            (Ok(_), None) => {}
            (Err(found), _) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn read_one(file: &WireguardFile) -> Result<crate::model::Wireguard, Vec<Problem>> {
    let path = file.path.value.as_str();
    let problem = |wrong: &str, remedy: &str| {
        vec![Problem {
            place: file.path.asked.as_ref().map(|asked| asked.place.clone()),
            wrong: format!("wireguard_{}=\"{path}\": {wrong}", file.link.suffix()),
            remedy: remedy.into(),
        }]
    };
    let Some(bytes) = read_secret(Path::new(path)).map_err(|problem| vec![problem])? else {
        let remedy = "write [Interface] and [Peer] there, as wg(8) has them, or correct the path";
        return Err(problem("there is no such file", remedy));
    };
    let words = String::from_utf8(bytes);
    let words = words.map_err(|_| problem("is not text in UTF-8", "expected wg(8)'s own file"))?;
    text::read(path, &file.link.suffix(), &words)
}

/// What the kernel does not tell of a WireGuard link, from what we noted when we made it:
/// where it was born, and by which file it was told what it knows.
pub fn complete(have: &mut State, journal: &Journal) {
    for link in &mut have.links {
        let ours = journal.made.link(&link.at, &link.name.value);
        let Some(ours) = ours.filter(|_| journal.has_made(link)) else {
            continue;
        };
        match (&mut link.kind, ours.kind.made()) {
            (Kind::Made(made), Some(ours)) if made.of.word == "wireguard" => {
                made.born = ours.born.clone();
            }
            _ => continue,
        }
        if let (Some(has), Some(ours)) = (&mut link.wireguard, &ours.wireguard) {
            has.value.file.clone_from(&ours.value.file);
        }
    }
}

/// Say which names could not be looked up. Their peers are there all the same: at boot,
/// the way to a name server may come later than the tunnel.
pub fn say_unresolved(name: &NetnsName, unresolved: &[(Change, Refusal)]) {
    for (change, no) in unresolved {
        let Step::SetEndpoint(link, named) = &change.step else {
            continue;
        };
        let lines = [
            format!(
                "{name}: {} has no endpoint for the peer {} yet: {no}",
                link.name, named.peer
            ),
            report::asked(
                change.asked.as_deref(),
                &format!(
                    "netns-setup watch looks again by itself; else type netns-setup up {name}"
                ),
            ),
        ];
        complain(&lines, exit::DONE);
    }
}

/// There is a peer whose name can lead somewhere else one day: [`reresolve`] is to be
/// asked once a minute.
pub fn has_names(want: &State) -> bool {
    let mut told = want.links.iter().filter_map(|link| link.wireguard.as_ref());
    told.any(|wireguard| wireguard.value.named().next().is_some())
}

/// Look up again the names of the peers that have not been heard of for more than two
/// minutes, where the link was born, and tell the link where they lead if that is
/// elsewhere now. What was told is returned; what a name server would not say is tried
/// again the next time.
pub fn reresolve(_held: &Store, kernel: &mut Kernel, want: &State) -> io::Result<Vec<Change>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_err(io::Error::other)?.as_secs();
    let mut told = Vec::new();
    for link in &want.links {
        let (Some(wireguard), Some(made)) = (&link.wireguard, link.kind.made()) else {
            continue;
        };
        if wireguard.value.named().next().is_none() {
            continue;
        }
        let at = link.link_at();
        let seen = kernel
            .wireguard(&at)
            .map_err(|no| io::Error::other(no.to_string()))?;
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
                born: made.born.clone(),
            };
            let found = kernel.lookup(&named);
            let Some(found) = found
                .ok()
                .filter(|f| there.endpoint != Some(Endpoint::Address(*f)))
            else {
                continue;
            };
            if kernel.tell_endpoint(&at, &key, found).is_ok() {
                told.push(Change {
                    step: Step::SetEndpoint(at.clone(), Box::new(named)),
                    asked: wireguard.asked.clone(),
                });
            }
        }
    }
    Ok(told)
}
