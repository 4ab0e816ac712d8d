//! Addresses: added when the links are up, and deleted when their replacements are there.
//!
//! The kernel deletes more than the address itself: with the first address of an IPv4 network the
//! other addresses of that network, unless `promote_secondaries` is on; with the last IPv4 address
//! of a link its IPv4 routes; with any address the routes that have it as their source.

use super::{Extras, Plan, Step};
use crate::model::{Address, Link, LinkRef, Netns, Sysctl, SysctlKey};
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn addresses(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            let in_the_way = self.addresses_in_the_way(link, &now);
            self.delete_addresses(&there, in_the_way);
            for address in &link.addresses {
                // An address that the host had with a lifetime gets what remains of it
                let left = address.value.at(self.have.clock);
                let now = self.now(&there);
                let stands = now.is_some_and(|now| now.addresses.contains(address));
                if let (Some(left), false) = (left, stands) {
                    let step = Step::AddAddress(there.clone(), left);
                    self.change(step, address.origin.clone());
                    self.has_address(&there, address);
                }
            }
        }
    }

    /// Delete the addresses that the settings no longer list and that have not been deleted because
    /// they were in the way.
    pub(super) fn take_addresses(&mut self) {
        let links = self.journal.ours.links.iter();
        let links: Vec<LinkRef> = links.map(Link::link_at).collect();
        for link in links {
            let goes = self.addresses_that_go(&link);
            self.delete_addresses(&link, goes);
        }
    }

    /// The addresses that must be deleted before the wanted ones can be added.
    fn addresses_in_the_way(&self, link: &Link, now: &Link) -> Vec<Sourced<Address>> {
        let ours = self.journal.ours.link(&link.netns, &link.name.value);
        let ours = ours.map_or(&[][..], |ours| &ours.addresses);
        let mut found = Vec::new();
        for address in &link.addresses {
            let said_at_creation = ours.iter().find(|a| *a == address).map(|a| &a.value);
            // A link has an IPv6 address only once, whatever its prefix length. The IPv4 addresses
            // of one network have the same scope
            let is_in_the_way = |there: &&Sourced<Address>| match there.value == address.value {
                true => address.value.differs(&there.value, said_at_creation),
                false => address.value.ip().is_ipv6() && there.value.ip() == address.value.ip(),
            };
            let there = now.addresses.iter().filter(is_in_the_way);
            found.extend(there.map(|there| Sourced {
                origin: address.origin.clone(),
                ..there.clone()
            }));
        }
        let going = self.addresses_that_go(&link.link_at());
        let stays = |a: &Sourced<Address>| a.value.ip().is_ipv4() && !going.contains(a);
        // If the last address goes, the routes go with it. That happens here, because the wanted
        // routes are added later
        let last = !link.addresses.iter().chain(&now.addresses).any(stays);
        found.extend(going.into_iter().filter(|goes| {
            let other_scope = |a: &Sourced<Address>| {
                is_of_one_network(&a.value, &goes.value) && a.value.scope() != goes.value.scope()
            };
            last && goes.value.ip().is_ipv4() || link.addresses.iter().any(other_scope)
        }));
        found
    }

    /// The addresses that are ours, still exist, and are no longer wanted.
    fn addresses_that_go(&self, link: &LinkRef) -> Vec<Sourced<Address>> {
        let dies = self.dies() && link.netns == Netns::This;
        let ours = self.journal.ours.link(&link.netns, &link.name);
        let (Some(ours), Some(now)) = (ours, self.now(link)) else {
            return Vec::new();
        };
        let want = self.want.link(&link.netns, &link.name);
        let link_goes = self.lost.contains(link) && want.is_none();
        if self.rest == Extras::Keep || dies || link_goes {
            return Vec::new();
        }
        let want = want.map_or(&[][..], |want| &want.addresses);
        let is_replaced = |a: &Sourced<Address>| {
            a.value.ip().is_ipv6() && want.iter().any(|w| w.value.ip() == a.value.ip())
        };
        let goes = |a: &&Sourced<Address>| {
            now.addresses.contains(a) && !want.contains(a) && !is_replaced(a)
        };
        ours.addresses.iter().filter(goes).cloned().collect()
    }

    /// Delete these addresses, the last one first, so that each still exists when its turn comes.
    fn delete_addresses(&mut self, link: &LinkRef, goes: Vec<Sourced<Address>>) {
        let Some(now) = self.now(link).cloned() else {
            return;
        };
        let found = now.addresses.iter();
        let found = found.filter_map(|a| goes.iter().find(|goes| goes.value == a.value));
        let goes: Vec<&Sourced<Address>> = found.rev().collect();
        let takes = |first: &Sourced<Address>| {
            let mut after = now.addresses.iter().skip_while(|a| *a != first).skip(1);
            let of_it = |a: &Sourced<Address>| is_of_one_network(&a.value, &first.value);
            after.any(|a| of_it(a) && !goes.contains(&a))
        };
        let kept = match goes.iter().any(|first| takes(first)) {
            true => self.promote_secondaries(link),
            false => None,
        };
        for address in goes {
            let step = Step::DelAddress(link.clone(), address.value);
            self.change(step, address.origin.clone());
            self.has_lost_address(link, &address.value);
        }
        if let Some(off) = kept {
            self.change(Step::SetSysctl(off), None);
        }
    }

    /// Turn on promote_secondaries, so that the kernel keeps the other addresses of a network.
    /// Returns the sysctl that restores the old value, or `None` if it is on already or not known.
    fn promote_secondaries(&mut self, link: &LinkRef) -> Option<Sysctl> {
        let [all, own] = SysctlKey::of_secondaries(&link.name);
        let value = |key: &SysctlKey| self.sysctl_by_now(&link.netns, key);
        let off = |sysctl: &Sysctl| sysctl.value == "0";
        let own = value(&own).filter(|own| off(own) && value(&all).is_none_or(|all| off(&all)))?;
        let on = Sysctl::new(link.netns.clone(), own.key.clone(), "1");
        self.change(Step::SetSysctl(on), None);
        Some(own)
    }

    /// The value of a sysctl after the changes so far.
    fn sysctl_by_now(&self, at: &Netns, key: &SysctlKey) -> Option<Sysctl> {
        let mut steps = self.changes.iter().rev().map(|change| &change.step);
        let set = steps.find_map(|step| match step {
            Step::SetSysctl(sysctl) if sysctl.netns == *at && sysctl.key == *key => Some(sysctl),
            _ => None,
        });
        set.or_else(|| self.have.sysctl(at, key)).cloned()
    }

    fn has_address(&mut self, link: &LinkRef, address: &Sourced<Address>) {
        if let Some(now) = self.now_mut(link) {
            now.addresses.push(address.clone());
        }
    }

    fn has_lost_address(&mut self, link: &LinkRef, address: &Address) {
        let mut links = self.now.iter_mut();
        if let Some(now) = links.find(|now| now.link_at() == *link) {
            now.addresses.retain(|other| other.value != *address);
            if address.ip().is_ipv4() && !now.addresses.iter().any(|a| a.value.ip().is_ipv4()) {
                self.bare.insert(link.clone());
            }
        }
        let mut there = self.now.iter().filter(|other| other.netns == link.netns);
        if !there.any(|l| l.addresses.iter().any(|a| a.value.ip() == address.ip())) {
            self.lost_sources.insert((link.netns.clone(), address.ip()));
        }
    }
}

/// Whether both are IPv4 addresses of the same network. The second one is then a secondary address.
fn is_of_one_network(one: &Address, other: &Address) -> bool {
    one.ip().is_ipv4() && one.network() == other.network()
}
