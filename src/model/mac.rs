//! A hardware address of a link, in the syntax of ip-link(8). No I/O.

use std::fmt;
use std::str::FromStr;

/// A hardware address of six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| (1..=2).contains(&p.len()));
            let part = part.filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = part
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or("is not six hexadecimal bytes with : between them")?;
        }
        if parts.next().is_some() {
            return Err("has more than six bytes".into());
        }
        if bytes[0] & 1 == 1 {
            return Err("is a multicast address: the lowest bit of its first byte is set".into());
        }
        if bytes == [0; 6] {
            return Err("is the zero address".into());
        }
        Ok(Mac(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_six_bytes_of_one_station() {
        assert_eq!(
            "52:54:0:a:b:c".parse::<Mac>().unwrap().to_string(),
            "52:54:00:0a:0b:0c"
        );
        for bad in [
            "",
            "52:54:00",
            "52:54:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "52:54:00:00:00:+1",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }
}
