//! Moves links that are never created, in both directions: a NIC alone, a wireless link with its
//! phy, which takes all of its links along.

use super::match_device::is_meant;
use crate::model::{Kind, Link, LinkRef, Netns, Phy};
use crate::name::LinkName;
use crate::plan::{MissingDevice, Obstacle, Plan, Step};

/// The obstacle that the host does not have the device.
pub fn missing_device(link: &Link) -> Obstacle {
    let name = link.other_name();
    Obstacle {
        origin: link.name.origin.clone(),
        wrong: format!("the host has no link {name}"),
        remedy: "plug it in or load its driver, or correct the name; ip link lists the links"
            .into(),
        missing: Some(MissingDevice::Named(name.clone())),
    }
}

impl Plan<'_> {
    /// Move a link from the other namespace to its place.
    pub(crate) fn brought(&mut self, link: &Link) {
        let Some((from, moved)) = self.comes(link) else {
            return;
        };
        match moved.phy.clone().or_else(|| link.phy.clone()) {
            Some(phy) if link.kind == Kind::Wireless && from.netns != link.netns => {
                self.phy(link, &from, &phy);
            }
            _ => {
                self.leaves(&moved);
                // Before Linux 6.2, the kernel renames only a link that is down
                if from.netns == link.netns && moved.up == Some(true) {
                    self.change(Step::SetUp(from.clone(), false), link.name.origin.clone());
                }
                let step = Step::MoveLink(from.clone(), link.link_at());
                self.change(step, link.name.origin.clone());
                self.has_come(link, &from, moved);
            }
        }
    }

    /// The place that a link comes from, and its state there. `None` if there is nothing to move.
    /// Also `None`, with an obstacle reported, if the link cannot be moved.
    fn comes(&mut self, link: &Link) -> Option<(LinkRef, Link)> {
        let there = link.link_at();
        let other = if link.netns == Netns::Host {
            Netns::This
        } else {
            Netns::Host
        };
        let from = LinkRef {
            netns: other,
            name: link.other_name().clone(),
        };
        let moved_back = self.moved_back(link).filter(|_| self.now(&from).is_none());
        let from = moved_back.unwrap_or(from);
        // On the way back, another link may have its name on the host
        let is_there = self.now(&there).is_some();
        match self.now(&from).cloned() {
            _ if is_there && link.netns == Netns::This => None,
            Some(_) if is_there => {
                self.obstacle(
                    &link.name.origin,
                    format!(
                        "{} cannot go back to the host: there is another {}",
                        from.name, there.name
                    ),
                    "rename the one on the host with ip link set, and try again",
                );
                None
            }
            // Another device that has the name now is never moved
            Some(found) if link.netns == Netns::This && !is_meant(link, &found, self.journal) => {
                self.obstacle(
                    &link.name.origin,
                    format!(
                        "{} on the host is not the device that the settings mean",
                        found.name
                    ),
                    "plug that one in, or correct the settings; grep . /sys/class/net/*/address lists the MAC addresses",
                );
                None
            }
            Some(found) if link.netns == Netns::This && !self.is_of_its_type(link, &found) => None,
            Some(found) => {
                self.take_altnames(&from, link);
                let moved = self.now(&from).cloned().unwrap_or(found);
                // A link that stays on the host has them already
                let altnames = moved.altnames.iter().filter(|_| from.netns != link.netns);
                let altnames: Vec<_> = altnames.map(|a| a.value.clone()).collect();
                let stays = link.netns != Netns::This || self.keeps_routes(&moved);
                (stays && self.has_names(link, &altnames)).then_some((from, moved))
            }
            None if is_there || link.netns == Netns::Host => None,
            None => {
                self.add_obstacle(missing_device(link));
                None
            }
        }
    }

    /// Where the kernel has moved a NIC back to.
    fn moved_back(&self, link: &Link) -> Option<LinkRef> {
        let before = self.journal.before.link(&link.netns, &link.name.value)?;
        let back = self.journal.moved_back(before, &self.now);
        back.map(Link::link_at)
    }

    /// Whether a link of the host is wireless if, and only if, the settings say so. Reports an
    /// obstacle if not.
    fn is_of_its_type(&mut self, link: &Link, found: &Link) -> bool {
        let (name, suffix) = (&found.name, link.name.value.suffix());
        let (wrong, remedy) = match (&link.kind, &found.phy) {
            (Kind::Wireless, None) => (
                format!("{name} on the host is not a wireless link"),
                format!("remove type_{suffix}: it is moved like any other device"),
            ),
            (Kind::Physical, Some(phy)) => (
                format!(
                    "{name} is a wireless link, and cannot be moved without {}",
                    phy.name
                ),
                format!("write type_{suffix}=\"wireless\", which moves {}", phy.name),
            ),
            _ => return true,
        };
        self.obstacle(&link.name.origin, wrong, &remedy);
        false
    }

    /// Move a phy with all of its links. All of them must be wanted in the same namespace.
    fn phy(&mut self, link: &Link, from: &LinkRef, phy: &Phy) {
        let want = self.want;
        let mut all = Vec::new();
        for name in self.links_of(phy, from) {
            let mut wanted = want.links.iter().filter(|l| l.netns == link.netns);
            let rider = wanted.find(|l| l.kind == Kind::Wireless && *l.other_name() == name);
            let Some(rider) = rider else {
                return self.stays_behind(link, &name, phy);
            };
            match self.comes(rider) {
                Some((from, moved)) => all.push((from, rider, moved)),
                None => return,
            }
        }
        for (_, _, moved) in &all {
            self.leaves(moved);
        }
        let ways = all.iter();
        let ways = ways.map(|(from, rider, _)| (from.clone(), rider.link_at()));
        let step = Step::MovePhy(phy.name.clone(), ways.collect());
        self.change(step, link.name.origin.clone());
        for (from, rider, moved) in all {
            self.has_come(rider, &from, moved);
        }
    }

    /// All known links of a phy in the namespace that it is in.
    fn links_of(&self, phy: &Phy, from: &LinkRef) -> Vec<LinkName> {
        let of_it = |l: &&Link| l.phy.as_ref().is_some_and(|other| other.name == phy.name);
        let here = self
            .now
            .iter()
            .filter(|l| l.netns == from.netns)
            .filter(of_it);
        let mut links: Vec<_> = here.map(|l| l.name.value.clone()).collect();
        links.extend(phy.links.iter().cloned());
        links.push(from.name.clone());
        links.sort();
        links.dedup();
        links
    }

    fn stays_behind(&mut self, link: &Link, other: &LinkName, phy: &Phy) {
        let moved = link.other_name();
        let alone = format!("{moved} cannot be moved without all links of {}", phy.name);
        let (wrong, remedy) = match link.netns {
            Netns::This => (
                format!("{alone}, and its link {other} is not a wireless link of this namespace"),
                format!(
                    "add {other} to netns_links, with type_{}=\"wireless\", or delete it: iw dev \
                     {other} del",
                    other.suffix()
                ),
            ),
            _ => (
                format!("{alone}, and its link {other} stays in this namespace"),
                format!("keep {moved} in netns_links, or remove {other} from it as well"),
            ),
        };
        self.obstacle(&link.name.origin, wrong, &remedy);
    }

    /// Prepare the host for the departure of one of its links.
    fn leaves(&mut self, moved: &Link) {
        if moved.netns == Netns::Host {
            self.keep_routes(moved);
        }
    }

    /// Note that a link has been moved.
    fn has_come(&mut self, link: &Link, from: &LinkRef, moved: Link) {
        self.gone(from);
        let moved = Link {
            name: link.name.clone(),
            other: link.other.clone(),
            ..moved
        };
        self.fresh(&moved, link.netns.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;
    use crate::plan::{Extras, Journal, as_it_was, plan};
    use crate::source::Sourced;

    fn link(at: Netns, name: &str, kind: Kind) -> Link {
        Link {
            up: Some(true),
            ..Link::new(at, Sourced::without_origin(name.parse().unwrap()), kind)
        }
    }

    fn wireless(at: Netns, name: &str, all: &[&str]) -> Link {
        let links = all.iter().map(|name| name.parse().unwrap());
        let phy = Phy {
            name: "phy0".into(),
            links: links.collect(),
        };
        Link {
            phy: Some(phy),
            ..link(at, name, Kind::Wireless)
        }
    }

    fn state(links: Vec<Link>) -> State {
        State {
            exists: true,
            links,
            ..State::default()
        }
    }

    fn wanted(names: &[&str]) -> State {
        let wanted = |name: &&str| link(Netns::This, name, Kind::Wireless);
        state(names.iter().map(wanted).collect())
    }

    /// The commands of the plan, or the obstacles.
    fn told(want: &State, have: &State, journal: &Journal) -> Vec<String> {
        let netns = "mgmt".parse().unwrap();
        match plan(want, have, journal, Extras::Remove) {
            Ok(changes) => changes.iter().map(|c| c.command(&netns)).collect(),
            Err(wrong) => wrong.into_iter().map(|o| o.wrong).collect(),
        }
    }

    #[test]
    fn a_phy_is_moved_once_with_all_of_its_links_or_not_at_all() {
        let both = ["wlan0", "wlan1"];
        let host = |name| wireless(Netns::Host, name, &both);
        let have = state(vec![host("wlan0"), host("wlan1")]);
        let journal = Journal::default();
        let said = told(&wanted(&both), &have, &journal);
        assert_eq!(said[0], "iw phy phy0 set netns name mgmt");
        assert_eq!(said.iter().filter(|s| s.starts_with("iw")).count(), 1);
        // The result is the same if the state does not contain wlan1
        let alone = state(vec![host("wlan0")]);
        for have in [&have, &alone] {
            let said = told(&wanted(&["wlan0"]), have, &journal);
            let wrong = "wlan0 cannot be moved without all links of phy0, and its link wlan1 is not a wireless link of this namespace";
            assert_eq!(said, [wrong]);
        }
    }

    #[test]
    fn what_was_moved_goes_back_as_it_was_and_none_of_it_alone() {
        let both = ["wlan0", "wlan1"];
        let host = |name| wireless(Netns::Host, name, &both);
        let have = state(vec![host("wlan0"), host("wlan1")]);
        let mut journal = Journal::default();
        for change in plan(&wanted(&both), &have, &journal, Extras::Remove).unwrap() {
            journal.note(&change, &have);
        }
        let inside = |name| link(Netns::This, name, Kind::Physical);
        let mut have = state(vec![inside("wlan0"), inside("wlan1")]);
        journal.recall(&mut have);
        let back = journal.with_returns(state(Vec::new()));
        assert_eq!(
            told(&back, &have, &journal),
            [
                "ip netns exec mgmt iw phy phy0 set netns 1",
                "ip link set wlan0 up",
                "ip link set wlan1 up"
            ]
        );
        let one = journal.with_returns(wanted(&["wlan0"]));
        let wrong = "wlan1 cannot be moved without all links of phy0, and its link wlan0 stays in \
                     this namespace";
        assert_eq!(told(&one, &have, &journal), [wrong]);
    }

    /// A NIC whose permanent address ends with this byte. It is up.
    fn card(name: &str, last: &str) -> Link {
        let device = format!("mac 52:54:00:00:00:{last}").parse().unwrap();
        Link {
            device: Some(Sourced::without_origin(device)),
            ..link(Netns::Host, name, Kind::Physical)
        }
    }

    /// A journal with NICs that had the first name on the host, and the second one inside.
    fn moved(cards: &[(&str, &str, &str)]) -> Journal {
        let mut journal = Journal::default();
        let before = cards.iter().map(|(name, inside, last)| Link {
            other: Some(inside.parse().unwrap()),
            index: Some(3),
            ..card(name, last)
        });
        journal.before.links = before.collect();
        journal
    }

    fn back(have: &[Link], journal: &Journal) -> Vec<String> {
        let have = State {
            links: have.to_vec(),
            ..State::default()
        };
        told(&journal.with_returns(State::default()), &have, journal)
    }

    #[test]
    fn a_card_that_the_kernel_moved_back_waits_until_its_name_is_free() {
        let journal = moved(&[("eth1", "eth0", "0a"), ("eth2", "eth1", "0b")]);
        let have = [card("eth0", "0c"), card("dev3", "0a"), card("eth1", "0b")];
        assert_eq!(
            back(&have, &journal),
            [
                "ip link set eth1 down",
                "ip link set eth1 name eth2",
                "ip link set dev3 down",
                "ip link set dev3 name eth1",
                "ip link set eth1 up",
                "ip link set eth2 up"
            ]
        );
    }

    #[test]
    fn a_card_that_was_plugged_in_again_is_not_one_that_the_kernel_moved_back() {
        let mut journal = moved(&[("usb0", "eth1", "0a")]);
        let have = [card("eth1", "0a")];
        assert_eq!(back(&have, &journal).len(), 3);
        // As long as its namespace exists, the kernel has not moved it
        let inside = link(Netns::This, "eth1", Kind::Physical);
        journal.ours.links.push(inside);
        assert_eq!(back(&have, &journal), [""; 0]);
    }

    #[test]
    fn a_link_that_is_no_device_gets_nothing_of_one() {
        let journal = moved(&[("eth1", "lan0", "0a")]);
        let bridge = Link {
            up: Some(false),
            ..link(Netns::Host, "eth1", Kind::other("bridge"))
        };
        assert_eq!(back(&[bridge], &journal), [""; 0]);
    }

    #[test]
    fn an_undo_gives_a_card_its_own_name_and_no_other() {
        let journal = moved(&[("eth1", "lan0", "0a")]);
        let before = State {
            links: vec![card("lan0", "0a")],
            ..State::default()
        };
        let want = as_it_was(&before, &journal);
        let names: Vec<_> = want.links.iter().map(|l| l.name.value.as_str()).collect();
        assert_eq!(names, ["eth1"]);
    }

    #[test]
    fn wireless_is_what_has_a_phy_and_nothing_else() {
        let have = state(vec![
            wireless(Netns::Host, "wlan0", &["wlan0"]),
            link(Netns::Host, "eth1", Kind::Physical),
        ]);
        let journal = Journal::default();
        let physical = state(vec![link(Netns::This, "wlan0", Kind::Physical)]);
        let wrong = "wlan0 is a wireless link, and cannot be moved without phy0";
        assert_eq!(told(&physical, &have, &journal), [wrong]);
        let wrong = "eth1 on the host is not a wireless link";
        assert_eq!(told(&wanted(&["eth1"]), &have, &journal), [wrong]);
    }
}
