//! What a link is given once it is where it belongs: size and hardware address while it
//! is down, its master, its admin state.

use crate::model::{Link, LinkRef, Mac};
use crate::plan::{Extras, Plan, Step};
use crate::source::Sourced;

impl Plan<'_> {
    pub(crate) fn sizes_and_macs(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            let mtu = link.mtu.clone().or_else(|| self.mtu_as_before(&now));
            if let Some(mtu) = mtu.filter(|mtu| now.mtu.as_ref() != Some(mtu)) {
                self.change(Step::SetMtu(there.clone(), mtu.value), mtu.asked);
            }
            let mac = link.mac.clone().or_else(|| self.mac_as_before(&now));
            if let Some(mac) = mac.filter(|mac| now.mac.as_ref() != Some(mac)) {
                self.change(Step::SetMac(there.clone(), mac.value), mac.asked);
            }
        }
    }

    /// What is no longer asked for is as it would be without us.
    fn mtu_as_before(&self, now: &Link) -> Option<Sourced<u32>> {
        let link = now.link_at();
        let ours = self.journal.made.link(&link.at, &link.name)?;
        let goes = self.rest == Extras::Remove && ours.mtu.is_some() && ours.mtu == now.mtu;
        let mtu_of = |link: &LinkRef| self.now(link)?.mtu.clone();
        self.journal.mtu_without_us(&link, mtu_of).filter(|_| goes)
    }

    fn mac_as_before(&self, now: &Link) -> Option<Sourced<Mac>> {
        let ours = self.journal.made.link(&now.at, &now.name.value)?;
        let goes = self.rest == Extras::Remove && ours.mac.is_some() && ours.mac == now.mac;
        let before = self.journal.before.inside(&now.name.value)?;
        before.mac.clone().filter(|_| goes && ours.kind.is_moved())
    }

    pub(crate) fn masters(&mut self) {
        let want = self.want;
        for link in &want.links {
            let (there, Some(master)) = (link.link_at(), &link.master) else {
                continue;
            };
            let Some(now) = self.now(&there) else {
                continue;
            };
            let anew = now.master.as_ref() == Some(master);
            if anew && !self.must_join_anew(link) {
                continue;
            }
            let bridge = LinkRef {
                at: link.at.clone(),
                name: master.value.clone(),
            };
            let gone = self.now(&bridge).is_none();
            if gone && self.journal.is_return(&link.at, Some(&link.name.value)) {
                // What it belonged to on the host is no more: it goes back all the same
                continue;
            }
            if gone {
                self.obstacle(
                    &master.asked,
                    format!(
                        "there is no link {bridge}, which {} is to belong to",
                        link.name
                    ),
                    "start what makes it first, or correct its name",
                );
                continue;
            }
            // A bond takes no slave that is up
            let bond = self.now(&bridge).is_some_and(|l| l.kind.word() == "bond");
            if bond && self.now(&there).is_some_and(|now| now.up == Some(true)) {
                self.change(Step::SetUp(there.clone(), false), master.asked.clone());
                self.is_down(&there);
            }
            if anew {
                self.change(Step::SetMaster(there.clone(), None), None);
            }
            let step = Step::SetMaster(there.clone(), Some(master.value.clone()));
            self.change(step, master.asked.clone());
            self.joins(&there, &bridge);
        }
    }

    pub(crate) fn admin_states(&mut self) {
        let want = self.want;
        for link in &want.links {
            let (there, Some(up)) = (link.link_at(), link.up) else {
                continue;
            };
            if self.now(&there).is_some_and(|now| now.up != Some(up)) {
                self.change(Step::SetUp(there, up), link.name.asked.clone());
            }
        }
    }
}
