//! What is said of a link that is there already: changed where the kernel takes it of a
//! link that is there. Where it does not, `link` makes the link anew.

use crate::definitions::option::Opt;
use crate::model::link::options::{Options, Said};
use crate::model::{LinkRef, LinkSpec};
use crate::plan::{Extras, Plan, Step};
use crate::source::Sourced;

impl Plan<'_> {
    pub(crate) fn options(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let now = self.now(&there).and_then(|now| now.kind.spec()).cloned();
            let (Some(wanted), Some(now)) = (link.kind.spec(), now) else {
                continue;
            };
            let gone = self.options_that_go(&there, wanted, &now);
            let differing: Vec<_> = wanted.options.differing(&now.options).cloned().collect();
            if gone.is_empty() && differing.is_empty() {
                continue;
            }
            let asked = differing
                .first()
                .and_then(|(_, value)| value.origin.clone());
            let options = match now.of.is_said_whole {
                true => now.options.clone(),
                false => Options::of(now.of.options),
            };
            let mut change = LinkSpec { options, ..now };
            for option in gone {
                match option.kernels_own() {
                    Some(value) => change.options.set(option, Sourced::without_origin(value)),
                    None => change.options.retain(|other, _| other.word != option.word),
                }
            }
            for (option, value) in differing {
                change.options.set(option, value);
            }
            self.change(Step::SetOptions(there, Box::new(change)), asked);
        }
    }

    /// The kernel has no way to take an option back that we set and that is no longer
    /// asked for.
    pub(crate) fn keeps_an_option(&self, at: &LinkRef, want: &LinkSpec, now: &LinkSpec) -> bool {
        let gone = self.options_that_go(at, want, now);
        !want.of.is_said_whole
            && gone
                .into_iter()
                .any(|option| option.kernels_own().is_none())
    }

    /// What we set, and is no longer asked for.
    fn options_that_go(&self, at: &LinkRef, want: &LinkSpec, now: &LinkSpec) -> Vec<&'static Opt> {
        let ours = self.journal.ours.link(&at.netns, &at.name);
        let ours = ours.and_then(|ours| Some(&ours.kind.spec()?.options));
        options_that_go(
            ours.filter(|_| self.rest == Extras::Remove),
            Some(&want.options),
            &now.options,
        )
    }
}

/// What is as we set it, and is no longer asked for.
pub(crate) fn options_that_go(
    ours: Option<&Options>,
    want: Option<&Options>,
    now: &Options,
) -> Vec<&'static Opt> {
    let goes = |(option, value): &&Said| {
        want.is_none_or(|want| want.get(option.word).is_none())
            && now.get(option.word) == Some(value.value)
            && option.kernels_own() != Some(value.value)
    };
    let gone = ours.into_iter().flatten().filter(goes);
    gone.map(|(option, _)| *option).collect()
}
