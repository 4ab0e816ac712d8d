//! Finds the NIC of the host that each wanted link means, and sets its name on the host. A NIC that
//! was moved in and then unplugged is recognized by its entry in the journal. Another NIC that has
//! its name now is never used instead.

use crate::model::{DeviceId, Link, Netns, State};
use crate::name::LinkName;
use crate::plan::{Journal, MissingDevice, Obstacle};
use crate::source::Sourced;

/// Whether all devices must be queried to find the NICs that the settings describe.
pub fn needs_devices(want: &State, journal: &Journal) -> bool {
    cards(want).any(|link| link.device.is_some() || moved(journal, link).is_some())
}

/// Set the name on the host of each NIC that is wanted inside. Returns an obstacle for each NIC
/// that cannot be found. `there` are the links of the host and of the namespace, with the
/// properties that identify them.
pub fn name_devices(want: &mut State, there: &[Link], journal: &Journal) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    for link in want.links.iter_mut().filter(|link| is_card(link)) {
        match name(link, there, journal) {
            Ok(name) => link.other = name,
            Err((wrong, remedy)) => {
                let asked = origin_of(link);
                let missing = link
                    .device
                    .as_ref()
                    .map(|of| MissingDevice::Known(of.value.clone()));
                // Match no NIC at all: another NIC with this name must not be used
                link.device = Some(Sourced {
                    value: DeviceId::NONE,
                    origin: asked.clone(),
                });
                obstacles.push(Obstacle {
                    origin: asked,
                    wrong,
                    remedy,
                    missing,
                });
            }
        }
    }
    obstacles
}

/// Whether a NIC on the host is the one that the settings describe, as far as its properties are
/// known.
pub(crate) fn is_meant(link: &Link, found: &Link, journal: &Journal) -> bool {
    let known = found.known().unwrap_or_default();
    match (&link.device, journal.before.inside(&link.name.value)) {
        (Some(wanted), _) => wanted.value.is(&known),
        (None, Some(before)) => before
            .known()
            .is_none_or(|was| was.same(&known) == Some(true)),
        (None, None) => true,
    }
}

type Wrong = (String, String);

/// The name of a NIC on the host, if it differs from its name inside.
fn name(link: &Link, there: &[Link], journal: &Journal) -> Result<Option<LinkName>, Wrong> {
    let before = journal.before.inside(&link.name.value);
    let mut inside = there.iter().filter(|l| l.netns == Netns::This);
    if let Some(is) = inside.find(|l| l.name.value == link.name.value) {
        stays(link, is, before)?;
        return Ok(before.and_then(|before| before.differs(&link.name.value)));
    }
    let host: Vec<&Link> = there.iter().filter(|l| l.netns == Netns::Host).collect();
    let found = match (&link.device, before) {
        (Some(wanted), _) => matching(link, &wanted.value, &host, there, journal)?,
        (None, Some(before)) => again(link, before, &host)?,
        (None, None) => return Ok(None),
    };
    Ok(found.differs(&link.name.value))
}

/// Check that the NIC that already has this name inside is the wanted one.
fn stays(link: &Link, is: &Link, before: Option<&Link>) -> Result<(), Wrong> {
    let Some(wanted) = &link.device else {
        return Ok(());
    };
    let known = is.known().unwrap_or_default();
    let path = before.and_then(|before| before.known()?.path);
    let known = DeviceId { path, ..known };
    let can_tell = (wanted.value.mac.is_none() || known.mac.is_some())
        && (wanted.value.path.is_none() || known.path.is_some());
    match can_tell && !wanted.value.is(&known) {
        false => Ok(()),
        true => Err((
            format!("{} in this namespace is another device: {known}", link.name),
            "run netns-setup down, which gives it back, and then up".into(),
        )),
    }
}

/// The only NIC of the host that matches.
fn matching<'a>(
    link: &Link,
    wanted: &DeviceId,
    host: &[&'a Link],
    there: &[Link],
    journal: &Journal,
) -> Result<&'a Link, Wrong> {
    let is = |l: &Link| l.known().is_some_and(|card| wanted.is(&card));
    let found: Vec<&&Link> = host.iter().filter(|l| is(l)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let mut moved = journal.before.links.iter().filter(|l| is(l));
            let inside = moved.find(|before| {
                let name = before.other_name();
                there
                    .iter()
                    .any(|l| l.netns == Netns::This && l.name.value == *name)
            });
            Err(match inside {
                Some(before) => (
                    format!(
                        "that device is already in this namespace, as {}",
                        before.other_name()
                    ),
                    "reload does not rename a device: run netns-setup down and then up".into(),
                ),
                None => (
                    format!("no device on the host matches {}", link.name),
                    "plug it in or load its driver, or correct the setting; grep . /sys/class/net/*/address lists the MAC addresses, and ls -l /sys/class/net the bus paths"
                        .into(),
                ),
            })
        }
        several => {
            let names: Vec<&str> = several.iter().map(|l| l.name.value.as_str()).collect();
            Err((
                format!(
                    "{} devices on the host match: {}",
                    names.len(),
                    names.join(", ")
                ),
                "be more specific: give both mac and bus".into(),
            ))
        }
    }
}

/// The NIC that was moved in before and is on the host again.
fn again<'a>(link: &Link, before: &'a Link, host: &[&'a Link]) -> Result<&'a Link, Wrong> {
    let Some(was) = before.known() else {
        return Ok(before);
    };
    let same = |l: &&&Link| l.known().and_then(|card| was.same(&card)) == Some(true);
    let mut found = host.iter().filter(same);
    match (found.next(), found.next()) {
        (Some(one), None) => return Ok(one),
        // Several have the same address. The name decides, as before
        (Some(_), Some(_)) => return Ok(before),
        (None, _) => {}
    }
    let mut named = host.iter().filter(|l| l.name.value == before.name.value);
    match named.next() {
        None => Ok(before),
        Some(other) => {
            let other = match other.known() {
                Some(card) => card.to_string(),
                None => "one without permanent address".into(),
            };
            Err((
                format!(
                    "{} on the host is not the device that was in this namespace: {other}, not {was}",
                    before.name
                ),
                format!(
                    "plug that one in again; to use this one instead, run netns-setup down and then up, or select one with match_{}",
                    link.name.value.suffix()
                ),
            ))
        }
    }
}

fn cards(want: &State) -> impl Iterator<Item = &Link> {
    want.links.iter().filter(|link| is_card(link))
}

fn is_card(link: &Link) -> bool {
    link.kind.is_moved() && link.netns == Netns::This
}

fn moved<'a>(journal: &'a Journal, link: &Link) -> Option<&'a Link> {
    journal.before.inside(&link.name.value)
}

fn origin_of(link: &Link) -> Option<std::sync::Arc<crate::source::Origin>> {
    let said = link.device.as_ref().and_then(|card| card.origin.clone());
    said.or_else(|| link.name.origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::plan::{Change, Extras, Step, plan};

    fn card(at: Netns, name: &str, card: &str) -> Link {
        let link = Link::new(
            at,
            Sourced::without_origin(name.parse().unwrap()),
            Kind::Physical,
        );
        Link {
            device: card.parse().ok().map(Sourced::without_origin),
            up: Some(false),
            ..link
        }
    }

    fn state(links: &[Link]) -> State {
        State {
            exists: true,
            links: links.to_vec(),
            ..State::default()
        }
    }

    const A: &str = "mac 52:54:00:00:00:0a bus pci0/0000:00:04.0/virtio1";
    const B: &str = "mac 52:54:00:00:00:0b bus pci0/0000:00:05.0/virtio2";

    /// The result for these links, if the settings want a NIC called lan0 that matches `wanted`.
    fn meant(wanted: &str, there: &[Link], journal: &Journal) -> Result<Option<String>, String> {
        let mut want = state(&[card(Netns::This, "lan0", wanted)]);
        let missing = name_devices(&mut want, there, journal);
        let changes = plan(&want, &state(there), journal, Extras::Keep);
        match missing.first() {
            // If no NIC matches, the NIC with that name is not moved in instead
            Some(missing) => {
                let inside = there.iter().any(|link| link.netns == Netns::This);
                assert!(inside || changes.is_err(), "{changes:?}");
                Err(missing.wrong.clone())
            }
            None => Ok(changes.unwrap().first().map(|change| {
                let netns = "mgmt".parse().unwrap();
                change.command(&netns)
            })),
        }
    }

    /// A journal in which the host's `link` has become lan0.
    fn moved(link: &Link) -> Journal {
        let mut journal = Journal::default();
        let to = Netns::This.link(&"lan0".parse().unwrap());
        let change = Change {
            step: Step::MoveLink(link.link_at(), to),
            origin: None,
        };
        journal.note(&change, &state(std::slice::from_ref(link)));
        journal
    }

    #[test]
    fn a_card_is_found_whatever_it_is_called_and_never_one_of_two() {
        let host = |name, what| card(Netns::Host, name, what);
        let there = [host("enp4", A), host("lan0", B), host("v0", "")];
        let none = Journal::default();
        let taken = Some("ip link set enp4 netns mgmt name lan0".to_string());
        for wanted in ["mac 52:54:00:00:00:0a", "bus 0000:00:04.0", A] {
            assert_eq!(meant(wanted, &there, &none), Ok(taken.clone()));
        }
        let plain = Some("ip link set lan0 netns mgmt".to_string());
        assert_eq!(meant("", &there, &none), Ok(plain.clone()));
        assert_eq!(meant("mac 52:54:00:00:00:0b", &there, &none), Ok(plain));
        let two = meant("bus pci0", &there, &none).unwrap_err();
        assert_eq!(two, "2 devices on the host match: enp4, lan0");
        let nothing = meant("mac 52:54:00:00:00:0c", &there, &none).unwrap_err();
        assert_eq!(nothing, "no device on the host matches lan0");
    }

    #[test]
    fn a_card_that_was_moved_is_known_again_and_another_one_is_not_taken_for_it() {
        let host = |name, what| card(Netns::Host, name, what);
        let journal = moved(&host("enp4", A));
        assert_eq!(journal.before.links[0].other_name().as_str(), "lan0");
        // Unplugged, and plugged in elsewhere
        let elsewhere = A.replace("virtio1", "virtio7");
        let again = [host("enp4", B), host("eth9", &elsewhere)];
        let taken = Some("ip link set eth9 netns mgmt name lan0".to_string());
        assert_eq!(meant("", &again, &journal), Ok(taken.clone()));
        let other = meant("", &[host("enp4", B)], &journal).unwrap_err();
        assert!(
            other.contains("enp4 on the host is not the device"),
            "{other}"
        );
        let software = meant("", &[host("enp4", "")], &journal).unwrap_err();
        assert!(
            software.contains("one without permanent address"),
            "{software}"
        );
        // The old name is forgotten once the NIC has a new one
        let mut later = journal.clone();
        let mut wanted = state(&[card(Netns::This, "lan0", "")]);
        name_devices(&mut wanted, &again, &journal);
        for change in plan(&wanted, &state(&again), &journal, Extras::Keep).unwrap() {
            later.note(&change, &state(&again));
        }
        let names: Vec<&str> = later
            .before
            .links
            .iter()
            .map(|l| l.name.value.as_str())
            .collect();
        assert_eq!(names, ["eth9"]);
    }

    #[test]
    fn another_card_under_the_name_inside_is_a_swap_and_said() {
        let journal = moved(&card(Netns::Host, "enp4", A));
        let inside = card(Netns::This, "lan0", "mac 52:54:00:00:00:0a");
        assert!(meant(A, std::slice::from_ref(&inside), &journal).is_ok());
        let swap = meant(B, &[inside], &journal).unwrap_err();
        assert!(
            swap.contains("is another device: mac 52:54:00:00:00:0a"),
            "{swap}"
        );
    }
}
