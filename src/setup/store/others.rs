//! The state directories of all namespaces: their names, and the journals of the others.

use std::fs;
use std::io::{self, ErrorKind};

use super::journal;
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::state_dir;

/// The names of all namespaces that have a state directory.
pub fn all() -> io::Result<Vec<NetnsName>> {
    let entries = match fs::read_dir(state_dir::STATE) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names: Vec<NetnsName> = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_string_lossy().parse());
    }
    names.sort();
    Ok(names)
}

/// The journals of all other namespaces. One that cannot be read is skipped, so that it does not
/// block other namespaces; [`unreadable`] reports it.
pub fn others(name: &NetnsName) -> io::Result<Vec<(NetnsName, Journal)>> {
    let read = each_other(name)?.filter_map(|(other, journal)| Some((other, journal.ok()?)));
    Ok(read.collect())
}

/// All other namespaces, each with the result of reading its journal.
pub fn each_other(
    name: &NetnsName,
) -> io::Result<impl Iterator<Item = (NetnsName, io::Result<Journal>)>> {
    let others = all()?.into_iter().filter(move |other| other != name);
    Ok(others.map(|other| (other.clone(), journal(&other))))
}

/// Returns true if the journal of a namespace other than `but` cannot be read, so links between
/// namespaces may be unknown.
pub fn unreadable(but: &NetnsName) -> io::Result<bool> {
    Ok(each_other(but)?.any(|(_, journal)| journal.is_err()))
}
