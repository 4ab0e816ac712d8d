//! Namespaces that are not simply made and set up: another one, made so that a link can
//! lead into it, and one that is there already and is given the name.

use std::fs::File;

use nix::errno::Errno;

use std::io;

use super::{Kernel, Refusal, netns};
use crate::model::{Sysctl, Where};
use crate::name::NetnsName;
use crate::place::At;
use crate::state::Birth;

impl Kernel {
    /// Closed from the start, for what its links begin with is settled when they are made.
    /// `note` is told which namespace it is before it has its name.
    pub fn add_other(
        &mut self,
        other: &NetnsName,
        note: impl FnOnce(Birth) -> io::Result<()> + Send,
    ) -> Result<(), Refusal> {
        self.add_closed(other, note)
    }

    fn add_closed(
        &mut self,
        other: &NetnsName,
        note: impl FnOnce(Birth) -> io::Result<()> + Send,
    ) -> Result<(), Refusal> {
        netns::add(other.as_str(), note)?;
        let at = Where::Netns(other.clone());
        let closed = Sysctl::closed().map(|closed| Sysctl {
            at: at.clone(),
            ..closed
        });
        let closed: Vec<Sysctl> = closed.collect();
        let keys = closed.iter().map(|s| (at.clone(), s.key.clone())).collect();
        let found = self.sysctls(&keys)?;
        for sysctl in closed {
            let differs = |f: &At<Sysctl>| f.value.key == sysctl.key && f.value != sysctl;
            if found.iter().any(differs) {
                self.set_sysctl(&sysctl)?;
            }
        }
        Ok(())
    }

    /// This namespace is what the name is to stand for.
    pub fn attach(&mut self, source: File) {
        self.source = Some(source);
    }

    /// Give it the name. `note` is told which namespace it is before.
    pub fn give_name(&mut self, note: impl FnOnce(Birth) -> io::Result<()>) -> Result<(), Refusal> {
        let source = self.source.as_ref().ok_or(Errno::ENOENT);
        let source = source.map_err(std::io::Error::from)?;
        Ok(netns::attach(self.netns.as_str(), source, note)?)
    }

    /// Its name goes, as by `ip netns delete`.
    pub(super) fn del_other(&mut self, other: &NetnsName) -> Result<(), Refusal> {
        self.sockets.remove(&Where::Netns(other.clone()));
        Ok(netns::delete(other.as_str())?)
    }
}
