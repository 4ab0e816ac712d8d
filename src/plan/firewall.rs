//! Firewall rules: loaded when all links exist, and before any of them is up.

use super::{Plan, Step};
use crate::model::{LinkRef, Netns, Ruleset, Tool};
use crate::name::LinkName;
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn rules(&mut self) {
        let (want, have) = (self.want, self.have);
        for rules in &want.firewall {
            let old = same_tool(&have.firewall, &rules.value);
            let holds = |old: &Ruleset| {
                let mut held = old.links_by_index.iter();
                let flushed = old.tool == Tool::Replies && self.loads_nftables();
                old.outlived || flushed || held.any(|(link, _)| self.makes_anew(link))
            };
            if old != Some(&rules.value) || old.is_some_and(holds) {
                let (new, old) = (Box::new(rules.value.clone()), old.cloned().map(Box::new));
                self.change(Step::LoadFirewall { new, old }, rules.origin.clone());
            }
        }
    }

    /// Whether the changes so far create this link or move it in. Its index is new then, and rules
    /// that refer to the old index no longer apply.
    fn makes_anew(&self, name: &LinkName) -> bool {
        let is_it = |link: &LinkRef| link.netns == Netns::This && link.name == *name;
        self.changes.iter().any(|change| match &change.step {
            Step::AddLink { link, peer } => {
                let mut ends = std::iter::once(link).chain(peer);
                ends.any(|end| is_it(&end.link_at()))
            }
            step => step.ways().iter().any(|(_, to)| is_it(to)),
        })
    }

    /// Whether the changes so far load the settings' nftables file, which may begin with `flush
    /// ruleset`.
    fn loads_nftables(&self) -> bool {
        let mut steps = self.changes.iter().map(|change| &change.step);
        steps.any(
            |step| matches!(step, Step::LoadFirewall { new, .. } if new.tool == Tool::Nftables),
        )
    }

    /// Unload the firewall rules. Rules are unloaded before the sets that they may refer to.
    pub(super) fn take_rules(&mut self) {
        let (want, have) = (self.want, self.have);
        for old in have.firewall.iter().rev() {
            if same_tool(&want.firewall, &old.value).is_none() {
                self.change(Step::UnloadFirewall(Box::new(old.value.clone())), None);
            }
        }
    }
}

fn same_tool<'a>(all: &'a [Sourced<Ruleset>], rules: &Ruleset) -> Option<&'a Ruleset> {
    let mut all = all.iter().map(|rules| &rules.value);
    all.find(|other| other.tool == rules.tool)
}
