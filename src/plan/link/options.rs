//! Changes the options of links that exist already, if the kernel can change them. If it cannot,
//! `link` recreates the link.

use crate::definitions::option::Opt;
use crate::model::link::options::Options;
use crate::model::{Link, LinkRef, LinkSpec};
use crate::plan::{Extras, Plan, Step};

impl Plan<'_> {
    pub(crate) fn options(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let now = self.now(&there).and_then(|now| now.kind.spec()).cloned();
            let (Some(want), Some(now)) = (link.kind.spec(), now) else {
                continue;
            };
            let ours = self.spec_that_goes(&there);
            let change = Options::change(&want.options, ours, &now.options, Opt::kernels_own);
            let mut whole = now.options.clone();
            for option in Options::that_go(&want.options, ours, &now.options) {
                whole.retain(|other, _| other.word != option.word);
            }
            whole.extend(&change);
            let asked = change.origin();
            let options = if now.of.is_said_whole { whole } else { change };
            if !options.is_empty() && options != now.options {
                let spec = LinkSpec { options, ..now };
                self.change(Step::SetOptions(there, Box::new(spec)), asked);
            }
        }
    }

    /// Whether an option that we set would stay although the settings no longer list it, because
    /// the kernel has no default value to reset it to.
    pub(crate) fn keeps_an_option(&self, at: &LinkRef, want: &LinkSpec, now: &LinkSpec) -> bool {
        let ours = self.spec_that_goes(at);
        let mut gone = Options::that_go(&want.options, ours, &now.options);
        !want.of.is_said_whole && gone.any(|option| option.kernels_own().is_none())
    }

    fn spec_that_goes(&self, at: &LinkRef) -> Option<&Options> {
        Some(&self.ours_that_goes(at)?.kind.spec()?.options)
    }

    /// What we have set on a link, if things that the settings no longer list are to be removed.
    pub(crate) fn ours_that_goes(&self, at: &LinkRef) -> Option<&Link> {
        let ours = self.journal.ours.link(&at.netns, &at.name);
        ours.filter(|_| self.rest == Extras::Remove)
    }
}
