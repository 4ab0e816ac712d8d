//! The attributes that a link of ours would have without us. They are restored when the settings no
//! longer list them.

use super::Journal;
use crate::definitions::links::{ATTRIBUTES, Lower};
use crate::model::link::options::Options;
use crate::model::{Kind, Link, LinkRef};

impl Journal {
    /// The attributes that a link of ours has if the settings list none. `now` returns the current
    /// state of other links.
    pub(in crate::plan) fn attributes_without_us<'a>(
        &self,
        link: &LinkRef,
        now: &dyn Fn(&LinkRef) -> Option<&'a Link>,
    ) -> Options {
        let ours = self.ours.link(&link.netns, &link.name);
        match (ours.map(|ours| &ours.kind), self.before.inside(&link.name)) {
            (Some(kind), Some(before)) if kind.is_moved() => before.attributes.clone(),
            (Some(Kind::Veth { .. }), _) => Options::kernels_own(ATTRIBUTES),
            (Some(Kind::Virtual(spec)), _) => {
                let mut all = Options::kernels_own_of(spec.of);
                let below = spec.below().filter(|_| spec.of.below == Lower::Link);
                if let Some(below) = below {
                    all.retain(|option, _| option.word != "mtu");
                    let is_ours = (self.ours.link(&below.netns, &below.name))
                        .is_some_and(|ours| ours.attributes.get("mtu").is_some());
                    let parent = match is_ours {
                        true => self.attributes_without_us(&below, now),
                        false => now(&below)
                            .map_or(Options::of(ATTRIBUTES), |below| below.attributes.clone()),
                    };
                    all.extend(parent.iter().filter(|(option, _)| option.word == "mtu"));
                }
                all
            }
            _ => Options::of(ATTRIBUTES),
        }
    }
}
