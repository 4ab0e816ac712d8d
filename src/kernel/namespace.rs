//! Creates the namespace and other namespaces that a link leads into, and gives the name to an
//! existing namespace.

use std::fs::File;
use std::io;

use nix::errno::Errno;

use super::netlink::socket::Requests;
use super::{Kernel, Opened, sysctl};
use crate::model::{Netns, Sysctl, SysctlKey};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::state_dir::NetnsId;
use crate::system::{netns, resolv_conf};

impl Kernel {
    /// Create the namespace. `note` is called with the identity of the namespace, before the
    /// namespace gets its name. The thread that creates it also opens the socket and reads the
    /// initial sysctls.
    pub fn add_netns(
        &mut self,
        note: impl FnOnce(NetnsId) -> io::Result<()> + Send,
    ) -> Result<(), OsError> {
        resolv_conf::forget_clients(&self.netns)?;
        let (requests, new_ones) = netns::add(self.netns.as_str(), |birth| {
            note(birth)?;
            let mut requests = Requests::open()?;
            let new_ones = sysctl::of_a_new_one(&mut requests)?;
            Ok((requests, new_ones))
        })?;
        self.new_ones = Some(new_ones);
        let netns = self.open(&Netns::This)?;
        let requests = Some(requests);
        self.opened.insert(Netns::This, Opened { netns, requests });
        Ok(())
    }

    /// Create another namespace, so that a link can lead into it.
    ///
    /// Sets the sysctls of `Sysctl::closed` to 0 before there is a link, because links copy their
    /// initial values when they are created. `note` gets the identity of the namespace before it
    /// has its name.
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

    /// Use `source` as the namespace that has, or is to get, the name.
    pub fn attach(&mut self, source: File) {
        self.source = Some(source);
    }

    /// Give the name to the namespace that `attach` has set. `note` gets its identity first.
    pub fn give_name(
        &mut self,
        note: impl FnOnce(NetnsId) -> io::Result<()>,
    ) -> Result<(), OsError> {
        let source = self.source.as_ref().ok_or(Errno::ENOENT);
        let source = source.map_err(std::io::Error::from)?;
        Ok(netns::attach(self.netns.as_str(), source, note)?)
    }

    /// Delete the name of another namespace, as `ip netns delete` does.
    pub(super) fn del_other(&mut self, other: &NetnsName) -> Result<(), OsError> {
        self.opened.remove(&Netns::Named(other.clone()));
        Ok(netns::delete(other.as_str())?)
    }
}
