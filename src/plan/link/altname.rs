//! The other names of links. A link takes them along where it is moved, so that those that
//! we gave it go before it does; and no two links of a namespace share one.

use crate::model::{Link, LinkRef, Netns};
use crate::name::Altname;
use crate::plan::{Extras, Plan, Step};

impl Plan<'_> {
    /// Those that are no longer asked for first: another link may be to have them.
    pub(crate) fn altnames(&mut self) {
        let want = self.want;
        let goes = self.rest == Extras::Remove;
        for link in want.links.iter().filter(|_| goes) {
            self.take_altnames(&link.link_at(), link);
        }
        for link in &want.links {
            let there = link.link_at();
            for altname in &link.altnames {
                let Some(now) = self.now(&there) else {
                    continue;
                };
                if now.altnames.contains(altname) {
                    continue;
                }
                if let Some(other) = self.called(&there, altname.value.as_str()) {
                    let wrong = format!("{altname} is already a name of {other}");
                    let remedy = "choose another name, or remove it from that link with ip link property del";
                    self.obstacle(&altname.origin, wrong, remedy);
                    continue;
                }
                let step = Step::AddAltname(there.clone(), altname.value.clone());
                self.change(step, altname.origin.clone());
                if let Some(now) = self.now_mut(&there) {
                    now.altnames.push(altname.clone());
                }
            }
        }
    }

    /// What we called a link, and is not to be called any more.
    pub(crate) fn take_altnames(&mut self, at: &LinkRef, want: &Link) {
        let made = self.journal.ours.link(&at.netns, &at.name);
        let ours = made.map(|made| made.altnames.clone()).unwrap_or_default();
        for altname in ours {
            let Some(now) = self.now_mut(at) else {
                return;
            };
            if now.altnames.contains(&altname) && !want.altnames.contains(&altname) {
                now.altnames.retain(|other| *other != altname);
                self.change(Step::DelAltname(at.clone(), altname.value), None);
            }
        }
    }

    /// Whether a link can come to its place under its names; what is in the way is said.
    pub(crate) fn has_names(&mut self, link: &Link, altnames: &[Altname]) -> bool {
        let there = link.link_at();
        let names = altnames.iter().map(Altname::as_str);
        let mut names = std::iter::once(there.name.as_str()).chain(names);
        let taken = names.find_map(|name| Some((name.to_string(), self.called(&there, name)?)));
        let Some((name, other)) = taken else {
            return true;
        };
        let way = match link.netns {
            Netns::This => "come in",
            _ => "go there",
        };
        let wrong = format!(
            "{} cannot {way}: {name} is already a name of {other}",
            link.name
        );
        let remedy =
            "choose another name, or remove it from one of the two with ip link property del";
        self.obstacle(&link.name.origin, wrong, remedy);
        false
    }

    /// Another link of the namespace than this one that has this name.
    fn called(&self, there: &LinkRef, name: &str) -> Option<LinkRef> {
        let mut others = self
            .now
            .iter()
            .filter(|l| l.link_at() != *there && l.netns == there.netns);
        others.find(|l| l.is_called(name)).map(Link::link_at)
    }
}
