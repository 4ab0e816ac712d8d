//! Keys of 32 bytes, in base64 for people. A secret is never printed.

use std::fmt;
use std::str::FromStr;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The public key of a peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// A private or preshared key. It can be compared and sent to the kernel, but has no text form.
/// Therefore no output of a type that contains it can reveal it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl Secret {
    /// The private key as the kernel stores it, with five bits fixed (RFC 7748, 5).
    #[must_use]
    pub fn clamped(self) -> Self {
        let mut bytes = self.0;
        bytes[0] &= 0b1111_1000;
        bytes[31] = bytes[31] & 0b0111_1111 | 0b0100_0000;
        Secret(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Printed in base64, as by wg(8).
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for three in self.0.chunks(3) {
            let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for n in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
                let letter = if n > three.len() { b'=' } else { letter };
                write!(f, "{}", char::from(letter))?;
            }
        }
        Ok(())
    }
}

impl FromStr for PublicKey {
    /// Has no text, because the input may be a secret in the wrong place.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        bytes(text).map(PublicKey).ok_or(())
    }
}

impl FromStr for Secret {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        bytes(text).map(Secret).ok_or(())
    }
}

/// The bytes of a key: 43 characters of base64 and a `=`. 32 zero bytes are not a valid key.
fn bytes(text: &str) -> Option<[u8; 32]> {
    let letters = text.strip_suffix('=').filter(|text| text.len() == 43)?;
    let (mut bits, mut count, mut found) = (0u32, 0, Vec::with_capacity(32));
    for letter in letters.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            found.push((bits >> count & 0xff) as u8);
        }
    }
    let rest = bits & ((1 << count) - 1);
    let bytes: [u8; 32] = found.try_into().ok()?;
    (rest == 0 && bytes != [0; 32]).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64_of_32_bytes_and_comes_back() {
        // The expected text is from base64(1), with the bytes 0, 9, 18, …
        let text = "AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc=";
        let key: PublicKey = text.parse().unwrap();
        let expected: Vec<u8> = (0..32u8).map(|n| n.wrapping_mul(9)).collect();
        assert_eq!(key.0, expected[..]);
        assert_eq!(key.to_string(), text);
        for bad in [
            "",
            "AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc",
            "AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhd=",
            "AAkSGyQtNj9IUVpjbHV-h5CZoqu0vcbP2OHq8/wFDhc=",
            "AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc==",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "é",
        ] {
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_prints_as_nothing() {
        let secret: Secret = "AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc="
            .parse()
            .unwrap();
        assert_eq!(
            format!("{secret:?} {:#?}", Some(secret)),
            "(hidden) Some(\n    (hidden),\n)"
        );
        assert_eq!(secret.clamped().0[31] & 0b1100_0000, 0b0100_0000);
        assert_eq!(secret.clamped(), secret.clamped().clamped());
    }
}
