//! Making the namespace; another one, so that a link can lead into it; and giving the name
//! to one that is there already.

use std::fs::File;
use std::io;

use nix::errno::Errno;

use super::netlink::socket::Requests;
use super::{Kernel, Socket, sysctl};
use crate::model::{Netns, Sysctl, SysctlKey};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::state_dir::NetnsId;
use crate::system::{netns, resolv_conf};

impl Kernel {
    /// Make the namespace. `note` is told which it is before it has its name. The thread
    /// that is in it anyhow opens the socket, and looks what the namespace begins with.
    pub fn add_netns(
        &mut self,
        note: impl FnOnce(NetnsId) -> io::Result<()> + Send,
    ) -> Result<(), OsError> {
        resolv_conf::forget_clients(&self.netns)?;
        let (requests, new_ones) = netns::add(self.netns.as_str(), |birth| {
            note(birth)?;
            let mut requests = Requests::open()?;
            let new_ones = sysctl::of_a_new_one(&mut requests);
            Ok((requests, new_ones))
        })?;
        self.new_ones = Some(new_ones);
        let netns = self.open(&Netns::This)?;
        self.sockets.insert(Netns::This, Socket { netns, requests });
        Ok(())
    }

    /// Another one, so that a link can lead into it.
    ///
    /// Closed from the start, for what its links begin with is settled when they are made.
    /// `note` is told which namespace it is before it has its name.
    pub fn add_other(
        &mut self,
        other: &NetnsName,
        note: impl FnOnce(NetnsId) -> io::Result<()> + Send,
    ) -> Result<(), OsError> {
        self.add_closed(other, note)
    }

    fn add_closed(
        &mut self,
        other: &NetnsName,
        note: impl FnOnce(NetnsId) -> io::Result<()> + Send,
    ) -> Result<(), OsError> {
        netns::add(other.as_str(), note)?;
        let at = Netns::Named(other.clone());
        let closed = Sysctl::closed().map(|closed| Sysctl {
            netns: at.clone(),
            ..closed
        });
        let keys = Sysctl::of_a_new_one().map(|key| (at.clone(), key));
        let found = self.sysctls(&keys.collect())?;
        let found = |key: &SysctlKey| found.iter().find(|found| found.value.key == *key);
        let kept = found(&Sysctl::accept_redirects());
        let mut opens = false;
        for sysctl in closed {
            if found(&sysctl.key).is_some_and(|found| found.value != sysctl) {
                self.set_sysctl(&sysctl)?;
                opens |= kept.is_some_and(|kept| sysctl.key.sets(&kept.value.key));
            }
        }
        match kept.filter(|_| opens) {
            Some(kept) => self.set_sysctl(&kept.value).map(drop),
            None => Ok(()),
        }
    }

    /// This namespace is what the name is to stand for.
    pub fn attach(&mut self, source: File) {
        self.source = Some(source);
    }

    /// Give it the name. `note` is told which namespace it is before.
    pub fn give_name(
        &mut self,
        note: impl FnOnce(NetnsId) -> io::Result<()>,
    ) -> Result<(), OsError> {
        let source = self.source.as_ref().ok_or(Errno::ENOENT);
        let source = source.map_err(std::io::Error::from)?;
        Ok(netns::attach(self.netns.as_str(), source, note)?)
    }

    /// Its name goes, as by `ip netns delete`.
    pub(super) fn del_other(&mut self, other: &NetnsName) -> Result<(), OsError> {
        self.sockets.remove(&Netns::Named(other.clone()));
        Ok(netns::delete(other.as_str())?)
    }
}
