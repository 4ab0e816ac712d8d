//! The attributes of a host's address that no setting describes. They are stored while its link is
//! in the namespace, and restored with it.

use std::fmt;

use super::Address;

/// The label of an address, at most 15 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    bytes: [u8; 15],
    length: u8,
}

/// The lifetime of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// When the lifetime was read, in seconds since boot.
    pub seen: u64,
    /// The remaining valid lifetime at that time in seconds, or [`Lifetime::FOREVER`].
    pub valid: u32,
    /// The remaining preferred lifetime, in the same form.
    pub preferred: u32,
}

impl Lifetime {
    /// INFINITY_LIFE_TIME, linux/if_addr.h.
    pub const FOREVER: u32 = u32::MAX;

    /// The lifetime that is left at `now`, in seconds since boot. `None` if it has expired.
    fn at(self, now: u64) -> Option<Lifetime> {
        let passed = u32::try_from(now.saturating_sub(self.seen)).unwrap_or(u32::MAX);
        let left = |seconds: u32| match seconds {
            Lifetime::FOREVER => seconds,
            seconds => seconds.saturating_sub(passed),
        };
        let (valid, preferred) = (left(self.valid), left(self.preferred));
        (valid > 0).then_some(Lifetime {
            seen: now,
            valid,
            preferred,
        })
    }
}

impl Label {
    /// The label with this text. `None` if it is not valid.
    pub fn new(text: &str) -> Option<Label> {
        let mut bytes = [0; 15];
        let strange = |c: char| c.is_whitespace() || c.is_control();
        if text.is_empty() || text.contains(strange) {
            return None;
        }
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let length = text.len() as u8;
        Some(Label { bytes, length })
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Address {
    /// The address with the lifetime that is left at `now`, in seconds since boot. `None` if it has
    /// expired.
    pub fn at(self, now: u64) -> Option<Address> {
        let lifetime = match self.lifetime {
            Some(lifetime) => Some(lifetime.at(now)?),
            None => None,
        };
        Some(Address { lifetime, ..self })
    }

    /// The address as people read it: without the origins that only the kernel gives
    /// (IFAPROT_KERNEL_LO, _RA and _LL, Linux 5.18).
    pub fn without_kernels_proto(self) -> Address {
        let proto = self.proto.filter(|proto| !matches!(proto, 1..=3));
        Address { proto, ..self }
    }

    /// Parse an address of the host with its stored attributes. `seen` is the time of the
    /// lifetimes, in seconds since boot.
    pub fn parse_with_attributes(text: &str, seen: u64) -> Result<Address, String> {
        let (mut plain, mut kept) = (Vec::new(), Address::from(ipnet::IpNet::default()));
        let mut lifetime = Lifetime {
            seen,
            valid: Lifetime::FOREVER,
            preferred: Lifetime::FOREVER,
        };
        let mut words = text.split(' ');
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("has nothing after {word}"));
            match word {
                "label" => kept.label = Label::new(value()?),
                "metric" => kept.metric = Some(number(value()?)?),
                "proto" => kept.proto = Some(number(value()?)?),
                "valid_lft" => lifetime.valid = seconds(value()?)?,
                "preferred_lft" => lifetime.preferred = seconds(value()?)?,
                "home" => kept.home = true,
                "mngtmpaddr" => kept.mngtmpaddr = true,
                word => plain.push(word),
            }
        }
        let address: Address = plain.join(" ").parse()?;
        let both = [lifetime.valid, lifetime.preferred];
        Ok(Address {
            label: kept.label,
            metric: kept.metric,
            proto: kept.proto,
            home: kept.home,
            mngtmpaddr: kept.mngtmpaddr,
            lifetime: (both != [Lifetime::FOREVER; 2]).then_some(lifetime),
            ..address
        })
    }

    pub(super) fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.home {
            f.write_str(" home")?;
        }
        if self.mngtmpaddr {
            f.write_str(" mngtmpaddr")?;
        }
        if let Some(label) = &self.label {
            write!(f, " label {}", label.as_str())?;
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        if let Some(proto) = self.proto {
            write!(f, " proto {proto}")?;
        }
        if let Some(Lifetime {
            valid, preferred, ..
        }) = self.lifetime
        {
            for (word, seconds) in [("valid_lft", valid), ("preferred_lft", preferred)] {
                match seconds {
                    Lifetime::FOREVER => write!(f, " {word} forever")?,
                    seconds => write!(f, " {word} {seconds}")?,
                }
            }
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("has {text} in it"))
}

fn seconds(text: &str) -> Result<u32, String> {
    match text {
        "forever" => Ok(Lifetime::FOREVER),
        text => number(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_kept_comes_back_with_what_is_left_of_it() {
        let text = "192.0.2.7/24 brd 192.0.2.255 noprefixroute label eth1:0 metric 100 \
                    proto 7 valid_lft 600 preferred_lft 300";
        let address = Address::parse_with_attributes(text, 1000).unwrap();
        assert_eq!(address.to_string(), text);
        let left = address.at(1310).unwrap().to_string();
        assert!(left.ends_with("valid_lft 290 preferred_lft 0"), "{left}");
        assert!(address.at(1600).is_none());
        let forever =
            Address::parse_with_attributes("2001:db8::1/64 valid_lft forever preferred_lft 0", 9)
                .unwrap();
        assert_eq!(
            forever.at(u64::MAX).unwrap().to_string(),
            forever.to_string()
        );
        assert!(
            Address::parse_with_attributes("192.0.2.7/24", 9)
                .unwrap()
                .lifetime
                .is_none()
        );
        // No setting has these attributes
        assert!("192.0.2.7/24 metric 5".parse::<Address>().is_err());
    }
}
