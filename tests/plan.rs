//! Properties of the plan, tested on a model of the kernel in memory that rejects what
//! the real kernel rejects and deletes what the real kernel deletes. The rules of the
//! model are written here a second time, from rtnetlink(7) and tests/setup.rs; it uses
//! nothing of the plan's own bookkeeping.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common {
    pub mod memory;
    pub mod states;
}

use std::collections::BTreeSet;

use common::memory::Memory;
use common::states::{host, settings};
use netns_services::model::wireguard::Difference;
use netns_services::model::{Netns, State, Sysctl, Wireguard};
use netns_services::plan::{Change, Extras, Journal, Step, as_it_was, plan};
use netns_services::source::Sourced;
use proptest::prelude::*;

/// A namespace in the course of changes, as netns-setup sees it.
#[derive(Clone)]
struct Run {
    kernel: Memory,
    journal: Journal,
    /// The journal as it is on the disk.
    written: Journal,
}

impl Run {
    fn on(state: State) -> Self {
        Run {
            kernel: Memory { state },
            journal: Journal::default(),
            written: Journal::default(),
        }
    }

    /// Run netns-setup's loop; it stops after `limit` changes, as if the next one failed.
    /// Returns whether it completed.
    fn make(&mut self, want: &State, rest: Extras, limit: usize) -> bool {
        let mut left = limit;
        for _ in 0..=3 {
            let changes = self.plan(want, rest);
            changes
                .iter()
                .for_each(|change| self.journal.note(change, &self.kernel.state));
            self.written = self.journal.clone();
            for change in changes {
                if left == 0 {
                    return false;
                }
                left -= 1;
                let done = self.kernel.make(&change.step);
                done.unwrap_or_else(|no| {
                    panic!("{:?}: {no}\n{:#?}", change.step, self.kernel.state)
                });
                self.journal.done(&change);
            }
            self.written = self.journal.clone();
        }
        self.journal.forget_given_back(want);
        true
    }

    /// The state of a namespace is known only when the namespace exists.
    fn plan(&self, want: &State, rest: Extras) -> Vec<Change> {
        let mut changes = plan(want, &self.kernel.state, &self.journal, rest).unwrap();
        if changes.first().is_some_and(|c| c.step == Step::AddNetns) {
            changes.truncate(1);
        }
        changes
    }

    fn reload(&mut self, want: &State, limit: usize) -> bool {
        let want = self.journal.with_returns(want.clone());
        self.make(&want, Extras::Remove, limit)
    }

    fn undo(&mut self, before: &Run) {
        let want = as_it_was(&before.kernel.state, &self.journal);
        assert!(self.make(&want, Extras::Remove, usize::MAX));
        self.journal = before.journal.clone();
    }
}

/// A state without its order and its origins.
fn essence(state: &State) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for link in &state.links {
        let at = format!("{:?} {}", link.netns, link.name);
        lines.insert(format!(
            "{at} {:?}{} {:?} {:?}",
            link.kind,
            link.attributes,
            link.master.as_ref().map(|m| &m.value),
            link.up
        ));
        if let Some(known) = &link.wireguard {
            let known = &known.value;
            let Wireguard {
                private_key,
                listen_port,
                fwmark,
                peers,
                ..
            } = known;
            let private = private_key.map(|key| key.0);
            lines.insert(format!("{at} {private:?} {listen_port:?} {fwmark}"));
            lines.extend(peers.iter().map(|peer| {
                let preshared = peer.preshared_key.map(|key| key.0);
                format!("{at} {peer:?} {preshared:?}")
            }));
        }
        lines.extend(link.port.iter().map(|port| format!("{at}{port}")));
        let vlans = link.vlans.iter().map(|v| format!("{at} {:?}", v.value));
        lines.extend(vlans);
        lines.extend(link.addresses.iter().map(|a| format!("{at} {a}")));
        lines.extend(link.altnames.iter().map(|a| format!("{at} altname {a}")));
    }
    lines.extend(state.routes.iter().map(|r| format!("{:?}", r.value)));
    lines.extend(state.rules.iter().map(|r| r.to_string()));
    let sysctl = |s: &Sourced<Sysctl>| format!("{:?} {s}", s.value.netns);
    lines.extend(state.sysctls.iter().map(sysctl));
    lines.extend(state.table.iter().map(|t| format!("{:?}", t.value.text)));
    lines.extend(state.firewall.iter().map(|r| format!("{:?}", r.value.text)));
    lines.insert(format!(
        "{} {:?}",
        state.exists,
        state.resolv_conf.as_ref().map(|t| &t.value)
    ));
    lines
}

/// Check that everything that is wanted exists.
fn holds(want: &State, have: &State) {
    for link in &want.links {
        let found = have
            .link(&link.netns, &link.name.value)
            .expect("a link that is wanted");
        let mut others = link.attributes.differing(&found.attributes);
        assert!(others.next().is_none(), "{link:?}\n{found:?}");
        assert!(
            link.master.is_none() || link.master == found.master,
            "{link:?}\n{found:?}"
        );
        assert_eq!(link.up, found.up, "{}", link.name);
        if let Some(wireguard) = &link.wireguard {
            let have = &found.wireguard.as_ref().expect("what it is told").value;
            let difference = Difference::between(&wireguard.value, have, None, true);
            let mut others = wireguard.value.clone();
            others
                .peers
                .retain(|peer| have.peer(&peer.public_key).is_none());
            assert!(
                difference.is_nothing() && others.peers.is_empty(),
                "{difference:?}"
            );
        }
        if let (Some(port), Some(found)) = (&link.port, &found.port) {
            assert_eq!(port.differing(found).count(), 0, "{port}, {found}");
        }
        assert!(link.port.is_none() || found.port.is_some());
        assert!(
            link.vlans.is_empty() || link.vlans == found.vlans,
            "{}",
            link.name
        );
        for altname in &link.altnames {
            assert!(found.altnames.contains(altname), "{altname}");
        }
        for address in &link.addresses {
            assert!(
                found.addresses.contains(address),
                "{address} on {}",
                link.name
            );
        }
    }
    for rule in &want.rules {
        assert!(have.rules.contains(rule), "{rule}");
    }
    assert!(want.table.is_none() || want.table == have.table);
    for sysctl in want.sysctls.iter().filter(|s| !s.value.optional) {
        assert!(have.sysctls.contains(sysctl), "{sysctl}");
    }
    for route in &want.routes {
        assert!(have.routes.contains(route), "{route:?}");
    }
}

proptest! {
    #[test]
    fn up_makes_what_is_wanted_and_a_second_up_changes_nothing(host in host(), want in settings()) {
        let mut run = Run::on(host);
        prop_assert!(run.make(&want, Extras::Keep, usize::MAX));
        holds(&want, &run.kernel.state);
        prop_assert_eq!(plan(&want, &run.kernel.state, &run.journal, Extras::Remove).unwrap(), vec![]);
    }

    #[test]
    fn reload_gives_the_same_as_up_from_nothing(host in host(), first in settings(), second in settings()) {
        let (mut run, mut other) = (Run::on(host.clone()), Run::on(host));
        run.reload(&first, usize::MAX);
        run.reload(&second, usize::MAX);
        other.reload(&second, usize::MAX);
        holds(&second, &run.kernel.state);
        // Sysctls may differ: a link keeps its initial values, and a key that sets other keys does
        // not record their earlier values
        run.kernel.state.sysctls.clear();
        other.kernel.state.sysctls.clear();
        prop_assert_eq!(essence(&run.kernel.state), essence(&other.kernel.state));
    }

    #[test]
    fn down_leaves_the_host_as_it_was(host in host(), first in settings(), second in settings()) {
        let mut run = Run::on(host.clone());
        run.reload(&first, usize::MAX);
        run.reload(&second, usize::MAX);
        run.reload(&State::default(), usize::MAX);
        prop_assert_eq!(essence(&run.kernel.state), essence(&host));
        prop_assert!(run.journal.before.links.is_empty());
        prop_assert!(run.journal.ours.links.is_empty() && run.journal.ours.routes.is_empty());
        prop_assert!(run.journal.ours.sysctls.is_empty() && run.journal.before.sysctls.is_empty());
    }

    /// `down` does not query what ends with the namespace (`Query::ends`).
    #[test]
    fn how_a_namespace_ends_depends_only_on_its_links(host in host(), first in settings()) {
        let mut run = Run::on(host);
        run.reload(&first, usize::MAX);
        let want = run.journal.with_returns(State::default());
        let whole = run.plan(&want, Extras::Remove);
        let state = &mut run.kernel.state;
        state.routes.retain(|route| route.value.netns != Netns::This);
        state.sysctls.retain(|sysctl| sysctl.value.netns != Netns::This);
        state.rules.clear();
        for link in state.links.iter_mut().filter(|link| link.netns == Netns::This) {
            (link.wireguard, link.addresses, link.vlans) = Default::default();
        }
        prop_assert_eq!(run.plan(&want, Extras::Remove), whole);
    }

    #[test]
    fn whatever_has_been_made_is_undone(host in host(), first in settings(), second in settings(), cut in 0usize..40) {
        let mut run = Run::on(host);
        run.reload(&first, usize::MAX);
        let before = run.clone();
        if !run.reload(&second, cut) {
            run.undo(&before);
            prop_assert_eq!(essence(&run.kernel.state), essence(&before.kernel.state));
            // The work can be continued: nothing of ours was forgotten
            run.reload(&State::default(), usize::MAX);
            prop_assert!(!run.kernel.state.exists);
        }
    }

    #[test]
    fn killed_anywhere_the_next_reload_makes_the_same(host in host(), first in settings(), second in settings(), cut in 0usize..40) {
        let (mut run, mut other) = (Run::on(host.clone()), Run::on(host.clone()));
        run.reload(&first, usize::MAX);
        if !run.reload(&second, cut) {
            run.journal = run.written.clone();
            run.reload(&second, usize::MAX);
            other.reload(&second, usize::MAX);
            let mut after = run.clone();
            run.kernel.state.sysctls.clear();
            other.kernel.state.sysctls.clear();
            prop_assert_eq!(essence(&run.kernel.state), essence(&other.kernel.state));
            after.reload(&State::default(), usize::MAX);
            prop_assert_eq!(essence(&after.kernel.state), essence(&host));
        }
    }

    #[test]
    fn the_order_of_the_routes_does_not_matter(host in host(), want in settings()) {
        let (mut run, mut other) = (Run::on(host.clone()), Run::on(host));
        let mut turned = want.clone();
        turned.routes.reverse();
        run.reload(&want, usize::MAX);
        other.reload(&turned, usize::MAX);
        prop_assert_eq!(essence(&run.kernel.state), essence(&other.kernel.state));
    }

    #[test]
    fn no_link_comes_up_before_the_firewall(host in host(), want in settings()) {
        let changes = plan(&want, &host, &Journal::default(), Extras::Keep).unwrap();
        let up = |c: &Change| matches!(&c.step, Step::SetUp(link, true) if link.name.as_str() != "lo");
        let first = changes.iter().position(up).unwrap_or(changes.len());
        let load = |c: &Change| matches!(c.step, Step::LoadFirewall { .. });
        prop_assert_eq!(changes[..first].iter().any(load), !want.firewall.is_empty());
        prop_assert!(!changes[first..].iter().any(load));
    }

    /// The changes that let packets through on the host come after the table that restricts
    /// this to our packets, and are undone before it.
    #[test]
    fn the_host_forwards_only_under_the_table(host in host(), want in settings()) {
        let mut run = Run::on(host);
        for want in [want, State::default()] {
            let want = run.journal.with_returns(want);
            let first = run.plan(&want, Extras::Remove);
            let bare = first.first().is_some_and(|c| c.step == Step::AddNetns);
            if bare {
                run.make(&State { exists: true, ..State::default() }, Extras::Keep, 1);
            }
            let changes = if bare { run.plan(&want, Extras::Remove) } else { first };
            for change in changes {
                run.journal.note(&change, &run.kernel.state);
                run.kernel.make(&change.step).unwrap();
                run.journal.done(&change);
                let opened = |s: &Sourced<Sysctl>| s.value.netns == Netns::Host && s.value.value == "1";
                let open = run.kernel.state.sysctls.iter().any(opened);
                prop_assert!(!open || run.kernel.state.table.is_some());
            }
        }
    }

    #[test]
    fn what_others_made_inside_stays(host in host(), first in settings(), second in settings()) {
        let mut run = Run::on(host);
        run.reload(&first, usize::MAX);
        let theirs = run.kernel.add_theirs();
        run.reload(&second, usize::MAX);
        let lines = essence(&run.kernel.state);
        for line in theirs {
            prop_assert!(lines.contains(&line), "{}", line);
        }
    }
}
