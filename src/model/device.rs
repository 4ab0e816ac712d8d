//! Identifies a network device independently of its name: by its permanent address or its bus path.
//! A wireless device also has a phy. No I/O.

use std::fmt;
use std::str::FromStr;

use super::Mac;
use crate::name::LinkName;

/// The identity of a device. For an existing device this is what is known of it, for a wanted
/// device what it must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceId {
    /// The permanent hardware address. It stays the same if another address is set.
    pub mac: Option<Mac>,
    /// The path below `/sys/devices`, such as `pci0000:00/0000:00:04.0/virtio1`. For a wanted
    /// device, one or several consecutive components of it.
    pub path: Option<String>,
}

/// The phy of a wireless device. Its links can only move to another namespace together with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phy {
    /// The name, such as `phy0`.
    pub name: String,
    /// All links of the phy. Empty if they are not known: for a previous state, and for a device
    /// inside.
    pub links: Vec<LinkName>,
}

impl DeviceId {
    /// An identity that no device has.
    pub const NONE: DeviceId = DeviceId {
        mac: Some(Mac([0; 6])),
        path: None,
    };

    /// Whether `other` has everything that is set here.
    pub fn is(&self, other: &DeviceId) -> bool {
        let mac = self.mac.is_none() || self.mac == other.mac;
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(part), Some(path)) => format!("/{path}/").contains(&format!("/{part}/")),
            (Some(_), None) => false,
        };
        mac && path
    }

    /// Whether two existing devices are the same. `None` if that cannot be decided. A permanent
    /// address stays with its device, wherever that is plugged in.
    pub fn same(&self, other: &DeviceId) -> Option<bool> {
        match (self.mac, other.mac) {
            (Some(one), Some(other)) => Some(one == other),
            (None, None) => Some(self.path.as_ref()? == other.path.as_ref()?),
            _ => Some(false),
        }
    }

    /// Whether nothing is known, as for a link that is not a device.
    pub fn is_unknown(&self) -> bool {
        *self == DeviceId::default()
    }
}

impl FromStr for DeviceId {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut card = DeviceId::default();
        let mut words = text.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let value = words.next().ok_or(format!("ends after {word}"))?;
            let again = match word {
                "mac" => card.mac.replace(value.parse()?).is_some(),
                "bus" => card.path.replace(value.trim_matches('/').into()).is_some(),
                _ => return Err(format!("has {word:?}, which is neither mac nor bus")),
            };
            if again {
                return Err(format!("has {word} twice"));
            }
        }
        match card.is_unknown() || card.path.as_deref() == Some("") {
            true => Err("selects no device".into()),
            false => Ok(card),
        }
    }
}

/// Printed as in `match_IF`.
impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = self.mac.map(|mac| format!("mac {mac}"));
        let path = self.path.as_ref().map(|path| format!("bus {path}"));
        let said: Vec<String> = mac.into_iter().chain(path).collect();
        f.write_str(&said.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(text: &str) -> DeviceId {
        text.parse().unwrap()
    }

    #[test]
    fn a_card_is_found_by_its_address_or_by_a_part_of_its_place() {
        let there = card("mac 52:54:00:00:00:01 bus pci0000:00/0000:00:04.0/virtio1");
        for found in ["mac 52:54:0:0:0:1", "bus 0000:00:04.0", "bus virtio1"] {
            assert!(card(found).is(&there), "{found}");
        }
        assert!(card("bus 0000:00:04.0/virtio1 mac 52:54:00:00:00:01").is(&there));
        for other in ["mac 52:54:00:00:00:02", "bus 00:04.0", "bus virtio"] {
            assert!(!card(other).is(&there), "{other}");
        }
        assert!(!card("mac 52:54:00:00:00:01").is(&DeviceId::default()));
        for wrong in ["", "mac", "eth0", "bus /", "mac 1", "bus a bus b"] {
            assert!(wrong.parse::<DeviceId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_card_is_the_same_by_its_address_wherever_it_is_plugged_in() {
        let at = |mac: &str, path: &str| card(&format!("mac {mac} bus {path}"));
        let one = at("52:54:00:00:00:01", "usb1/1-1");
        assert_eq!(one.same(&at("52:54:00:00:00:01", "usb1/1-2")), Some(true));
        assert_eq!(one.same(&at("52:54:00:00:00:02", "usb1/1-1")), Some(false));
        assert_eq!(one.same(&card("bus usb1/1-1")), Some(false));
        assert_eq!(card("bus a").same(&card("bus a")), Some(true));
        assert_eq!(DeviceId::default().same(&DeviceId::default()), None);
    }
}
