//! A card told from others, whatever it is called: by the address that its maker gave it,
//! or by where it is plugged in; and of a wireless one its phy. No I/O.

use std::fmt;
use std::str::FromStr;

use super::Mac;
use crate::name::LinkName;

/// Of a card that is there, what is known of it; of one that is looked for, what it must
/// be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceId {
    /// Its permanent address, which stays whatever address it is given.
    pub mac: Option<Mac>,
    /// Its place below `/sys/devices`, such as `pci0000:00/0000:00:04.0/virtio1`; of one
    /// that is looked for, one or several parts of that in a row.
    pub path: Option<String>,
}

/// The radio of a wireless card: links lie on it, and have no way to another namespace but
/// with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phy {
    /// Its name, such as `phy0`.
    pub name: String,
    /// All of its links; of what was there before, or is inside, none is known.
    pub links: Vec<LinkName>,
}

impl DeviceId {
    /// What no card is.
    pub const NONE: DeviceId = DeviceId {
        mac: Some(Mac([0; 6])),
        path: None,
    };

    /// All that is said of this one, the other one is.
    pub fn is(&self, other: &DeviceId) -> bool {
        let mac = self.mac.is_none() || self.mac == other.mac;
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(part), Some(path)) => format!("/{path}/").contains(&format!("/{part}/")),
            (Some(_), None) => false,
        };
        mac && path
    }

    /// Whether two cards that were seen are one and the same; `None` where that cannot be
    /// told. One that has a permanent address keeps it wherever it is plugged in.
    pub fn same(&self, other: &DeviceId) -> Option<bool> {
        match (self.mac, other.mac) {
            (Some(one), Some(other)) => Some(one == other),
            (None, None) => Some(self.path.as_ref()? == other.path.as_ref()?),
            _ => Some(false),
        }
    }

    /// Nothing is known of it, as of a link that is no card.
    pub fn is_unknown(&self) -> bool {
        *self == DeviceId::default()
    }
}

impl FromStr for DeviceId {
    /// What is wrong with it, to stand after the setting's text.
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
            true => Err("tells no card from another".into()),
            false => Ok(card),
        }
    }
}

/// As `match_IF` has it.
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
