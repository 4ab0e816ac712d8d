//! The VLANs of a bridge port. No I/O.

use std::fmt;
use std::str::FromStr;

/// A VLAN of a bridge port or of the bridge itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vlan {
    /// The VLAN ID, from 1 to 4094.
    pub id: u16,
    /// Untagged incoming packets belong to this VLAN. Only one VLAN of a port can have this.
    pub pvid: bool,
    /// Packets leave without a tag.
    pub untagged: bool,
}

/// Consecutive VLANs, as bridge(8) accepts them after `vid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlans {
    /// The first VLAN. The others have the same flags.
    pub first: Vlan,
    /// The ID of the last VLAN.
    pub last: u16,
}

impl Vlan {
    /// The VLAN to which the kernel adds every port and every bridge.
    pub const DEFAULT: Vlan = Vlan {
        id: 1,
        pvid: true,
        untagged: true,
    };

    /// A VLAN without flags.
    pub fn plain(id: u16) -> Self {
        let (pvid, untagged) = (false, false);
        Vlan { id, pvid, untagged }
    }
}

impl Vlans {
    /// Each of the VLANs.
    pub fn each(self) -> impl Iterator<Item = Vlan> {
        (self.first.id..=self.last).map(move |id| Vlan { id, ..self.first })
    }

    /// The fewest ranges for these VLANs, which must be sorted by ID.
    pub fn rows(vlans: impl IntoIterator<Item = Vlan>) -> Vec<Vlans> {
        let mut rows: Vec<Vlans> = Vec::new();
        for vlan in vlans {
            let like = |row: &Vlans| {
                Vlan {
                    id: vlan.id,
                    ..row.first
                } == vlan
            };
            match rows.last_mut() {
                Some(row) if row.last + 1 == vlan.id && !vlan.pvid && like(row) => {
                    row.last = vlan.id;
                }
                _ => rows.push(Vlans {
                    first: vlan,
                    last: vlan.id,
                }),
            }
        }
        rows
    }
}

impl FromStr for Vlans {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace();
        let ids = words.next().unwrap_or_default();
        let (first, last) = ids.split_once('-').unwrap_or((ids, ids));
        let number = |text: &str| {
            let number = text.parse().ok().filter(|id| (1..=4094).contains(id));
            number.ok_or(format!("has {text:?}, which is not a VLAN"))
        };
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err("ends before it begins".into());
        }
        let mut vlans = Vlans {
            first: Vlan::plain(first),
            last,
        };
        for word in words {
            match word {
                "pvid" if last > first => return Err("makes more than one VLAN pvid".into()),
                "pvid" => vlans.first.pvid = true,
                "untagged" => vlans.first.untagged = true,
                _ => return Err(format!("has {word:?}, which is neither pvid nor untagged")),
            }
        }
        Ok(vlans)
    }
}

/// Printed as in `vlans_IF` and bridge(8).
impl fmt::Display for Vlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.id)?;
        if self.last > self.first.id {
            write!(f, "-{}", self.last)?;
        }
        f.write_str(if self.first.pvid { " pvid" } else { "" })?;
        f.write_str(if self.first.untagged { " untagged" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlans_are_read_and_printed_as_bridge_has_them() {
        for text in ["10 pvid untagged", "20", "30-40", "1-4094 untagged"] {
            let vlans: Vlans = text.parse().unwrap();
            assert_eq!(vlans.to_string(), text);
            assert_eq!(Vlans::rows(vlans.each()), [vlans]);
        }
        for bad in ["", "0", "4095", "4-3", "1-2 pvid", "5 tagged", "x", "1-2-3"] {
            assert!(bad.parse::<Vlans>().is_err(), "{bad}");
        }
    }
}
