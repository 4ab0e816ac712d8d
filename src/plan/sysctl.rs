//! Sysctls: those for all links, and the defaults for new links, are set before a link is created
//! or moved in. Those of a link are set when it exists, and before it is up.

use super::{Plan, Step};
use crate::model::{LinkRef, Netns, Sysctl};
use crate::source::Sourced;

impl Plan<'_> {
    /// Set the sysctls that belong to no single link. A namespace that we create also gets the
    /// values that keep it from inheriting those of the host.
    pub(super) fn sysctls(&mut self) {
        let (want, have) = (self.want, self.have);
        let ours = (!have.exists || self.journal.ours.exists) && !self.is_attached();
        let open = || have.sysctls.iter().any(|found| found.value.value != "0");
        let closed = (want.exists && ours && have.is_bare() && open()).then(Sysctl::closed);
        // A sysctl is closed only if the kernel reports another value
        let differs = |closed: &Sysctl| {
            let found = have.sysctl(&closed.netns, &closed.key);
            want.sysctl(&closed.netns, &closed.key).is_none() && found.is_some_and(|f| f != closed)
        };
        let closed = closed
            .into_iter()
            .flatten()
            .filter(differs)
            .map(Sourced::without_origin);
        let mut wanted: Vec<Sourced<Sysctl>> = want.sysctls.clone();
        wanted.retain(|sysctl| sysctl.value.key.link().is_none());
        wanted.extend(closed);
        // Turning off forwarding would turn accept_redirects on
        let kept = have.sysctl(&Netns::This, &Sysctl::accept_redirects());
        let kept = kept.filter(|kept| want.sysctl(&kept.netns, &kept.key).is_none());
        let sets = |sysctl: &Sourced<Sysctl>| {
            let asked = sysctl.origin.is_some();
            kept.is_some_and(|kept| !asked && sysctl.value.key.sets(&kept.key))
        };
        if wanted.iter().any(sets) {
            wanted.extend(kept.cloned().map(Sourced::without_origin));
        }
        self.set(wanted);
    }

    pub(super) fn sysctls_of_links(&mut self) {
        let mut wanted: Vec<Sourced<Sysctl>> = self.want.sysctls.clone();
        wanted.retain(|sysctl| sysctl.value.key.link().is_some());
        self.set(wanted);
    }

    /// Restore the sysctls that we set and that the settings no longer list.
    pub(super) fn take_sysctls(&mut self) {
        let (want, have, journal) = (self.want, self.have, self.journal);
        let mut back = Vec::new();
        for ours in journal.ours.sysctls.iter().map(|ours| &ours.value) {
            let (at, key) = (&ours.netns, &ours.key);
            let asked = want.sysctl(at, key).is_some();
            if have.turned_on_since(ours, &journal.before) {
                continue;
            }
            // A value that others have written since then stays
            if asked || self.dies() && *at == Netns::This || have.sysctl(at, key) != Some(ours) {
                continue;
            }
            back.extend(
                journal
                    .before
                    .sysctl(at, key)
                    .cloned()
                    .map(Sourced::without_origin),
            );
        }
        self.set(back);
    }

    fn set(&mut self, mut sysctls: Vec<Sourced<Sysctl>>) {
        sysctls.sort_by_key(|sysctl| sysctl.value.key.rank());
        for Sourced {
            value,
            origin: asked,
        } in sysctls
        {
            let of = |name: &str| self.link_of(&value.netns, name);
            let link = value.key.link().map_or(KeyChange::AsFound, of);
            let set = self.changes.iter().any(|change| sets(&change.step, &value));
            let found = self.have.sysctl(&value.netns, &value.key);
            let goes = match (link, found) {
                (KeyChange::Gone, _) => false,
                (KeyChange::AsFound, Some(found)) => set || *found != value,
                // The kernel does not have this key. The step is planned and will fail, unless the
                // key is optional
                (KeyChange::AsFound, None) if self.knows(&value.netns) => !value.optional,
                _ => true,
            };
            if goes {
                self.change(Step::SetSysctl(value), asked);
            }
        }
    }

    /// Whether the sysctls of this namespace have been read.
    fn knows(&self, at: &Netns) -> bool {
        *at != Netns::This || self.have.exists
    }

    /// What the changes so far do to the link of a sysctl.
    fn link_of(&self, at: &Netns, name: &str) -> KeyChange {
        let is = |link: &LinkRef| link.netns == *at && link.name.as_str() == name;
        let lost = self.lost.iter().any(is);
        let now = self.now.iter().any(|link| is(&link.link_at()));
        let found = self.have.links.iter().any(|link| is(&link.link_at()));
        match (lost, now, found) {
            (false, _, true) => KeyChange::AsFound,
            (_, true, _) => KeyChange::New,
            // Not all links of the host have been queried
            (false, false, false) if *at != Netns::This => KeyChange::AsFound,
            _ => KeyChange::Gone,
        }
    }
}

/// What the changes so far do to a key.
enum KeyChange {
    AsFound,
    /// The link is created or moved in.
    New,
    Gone,
}

/// Whether the step changes the value of this key, directly or through another key.
fn sets(step: &Step, sysctl: &Sysctl) -> bool {
    matches!(step, Step::SetSysctl(s) if s.netns == sysctl.netns && s.key.sets(&sysctl.key))
}
