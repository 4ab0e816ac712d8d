//! Configures the links in their namespaces: the attributes while they are down, the master, the
//! administrative state.

use crate::definitions::option::Opt;
use crate::model::link::options::Options;
use crate::plan::{Plan, Step};

impl Plan<'_> {
    pub(crate) fn attributes(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            let ours = self.ours_that_goes(&there).map(|ours| &ours.attributes);
            let without = |option: &Opt| {
                let all = self
                    .journal
                    .attributes_without_us(&there, &|at| self.now(at));
                all.get(option.word)
            };
            let change = Options::change(&link.attributes, ours, &now.attributes, without);
            for one in change.each() {
                let asked = one.origin();
                self.change(Step::SetAttribute(there.clone(), Box::new(one)), asked);
            }
        }
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
            let bridge = link.netns.link(&master.value);
            let gone = self.now(&bridge).is_none();
            if gone && self.journal.is_return(&link.netns, Some(&link.name.value)) {
                // Its former master on the host no longer exists. The link goes back without it
                continue;
            }
            if gone {
                self.obstacle(
                    &master.origin,
                    format!(
                        "there is no link {bridge}, which {} would belong to",
                        link.name
                    ),
                    "start first what makes it, or correct its name",
                );
                continue;
            }
            // A bond accepts only a link that is down
            let bond = self.now(&bridge).is_some_and(|l| l.kind.word() == "bond");
            if bond && self.now(&there).is_some_and(|now| now.up == Some(true)) {
                self.change(Step::SetUp(there.clone(), false), master.origin.clone());
                self.is_down(&there);
            }
            if anew {
                self.change(Step::SetMaster(there.clone(), None), None);
            }
            let step = Step::SetMaster(there.clone(), Some(master.value.clone()));
            self.change(step, master.origin.clone());
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
                self.change(Step::SetUp(there, up), link.name.origin.clone());
            }
        }
    }
}
