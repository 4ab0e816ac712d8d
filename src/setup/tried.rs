//! What is tried now, for others to see: the file `trial` of the state folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{complain, report, store};
use crate::exit;
use crate::kernel::processes;
use crate::name::NetnsName;
use crate::state;

/// While something is tried, nobody else changes the namespace.
pub fn refused(name: &NetnsName) -> Option<u8> {
    let lines = [
        told(name)?,
        format!("wait for that, or type netns-setup confirm {name}, and then this again"),
    ];
    Some(complain(&lines, exit::REFUSED))
}

/// That something is tried, in a line.
pub fn told(name: &NetnsName) -> Option<String> {
    let seconds = report::counted(running(name)?.try_into().ok()?, "second", "seconds");
    Some(format!(
        "{name}: its settings are tried, and are undone in {seconds} unless confirmed"
    ))
}

/// It is there while something is tried.
pub fn file(name: &NetnsName) -> PathBuf {
    store::folder(name).join(state::TRIAL)
}

/// Who tries it, and until when.
pub fn begin(name: &NetnsName, by: u32, within: Duration) -> io::Result<()> {
    let started = processes::started(by).ok_or(ErrorKind::NotFound)?;
    let until = now() + within.as_secs();
    store::replace(name, state::TRIAL, format!("{by} {started} {until}\n"))
}

/// How many seconds are left.
pub fn running(name: &NetnsName) -> Option<u64> {
    let text = fs::read_to_string(file(name)).ok()?;
    let mut words = text.split_whitespace();
    let mut number = || words.next()?.parse::<u64>().ok();
    let (pid, started, until) = (number()?, number()?, number()?);
    let lives = processes::started(pid.try_into().ok()?) == Some(started);
    lives.then(|| until.saturating_sub(now()))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
