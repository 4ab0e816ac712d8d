//! The state folders of all namespaces: their names, and the journals of the others.

use std::fs;
use std::io::{self, ErrorKind};

use super::journal;
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::state_dir;

/// The names of all namespaces that have a state folder.
pub fn all() -> io::Result<Vec<NetnsName>> {
    let entries = match fs::read_dir(state_dir::STATE) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<NetnsName> = names.filter_map(|name| name.parse().ok()).collect();
    names.sort();
    Ok(names)
}

/// The journals of all namespaces but this one. One that cannot be read keeps no other
/// namespace from anything: it is passed over, and [`unreadable`] tells.
pub fn others(name: &NetnsName) -> io::Result<Vec<(NetnsName, Journal)>> {
    let others = all()?.into_iter().filter(|other| other != name);
    let read = others.filter_map(|other| Some((journal(&other).ok()?, other)));
    Ok(read.map(|(journal, other)| (other, journal)).collect())
}

/// Some journal but this one's cannot be read: nobody knows what else hangs on a namespace.
pub fn unreadable(but: &NetnsName) -> io::Result<bool> {
    let mut others = all()?.into_iter().filter(|other| other != but);
    Ok(others.any(|other| journal(&other).is_err()))
}
