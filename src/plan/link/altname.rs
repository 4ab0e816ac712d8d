//! Alternative names of links. A link keeps them when it is moved, so those that we added are
//! removed before that. Two links of a namespace cannot share a name.

use crate::model::{Link, LinkRef, Netns};
use crate::name::Altname;
use crate::plan::{Extras, Plan, Step};

impl Plan<'_> {
    /// Add the alternative names. Those that the settings no longer list are removed first, because
    /// another link may get them.
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

    /// Remove the names that we gave to a link and that are no longer wanted.
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

    /// Whether the names of a link are free in its namespace. Reports an obstacle if not.
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

    /// Another link of the namespace that has this name.
    fn called(&self, there: &LinkRef, name: &str) -> Option<LinkRef> {
        let mut others = self
            .now
            .iter()
            .filter(|l| l.link_at() != *there && l.netns == there.netns);
        others.find(|l| l.is_called(name)).map(Link::link_at)
    }
}
