//! The options of the settings for one DHCP client. No I/O.

use std::fmt;
use std::str::FromStr;

/// dhcpcd takes no longer identifier, with its type byte (CLIENTID_MAX_LEN).
const LONGEST_ID: usize = 48;

/// dhcpcd takes no longer name (HOSTNAME_MAX_LEN).
const LONGEST_NAME: usize = 250;

/// What udhcpc sends of both: it leaves out an option that does not fit into its message, and does
/// not fail. busybox 1.37 has room for 260 bytes, and its other options may get longer.
const LONGEST_TOGETHER: usize = 255;

/// The options for a DHCP client. The client's default applies to those that are not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `metric_IF`
    pub metric: Option<u32>,
    /// The default route of the lease is ignored.
    pub no_gateway: bool,
    /// The name servers and domains of the lease are ignored.
    pub no_dns: bool,
    /// `dhcp_hostname_IF`
    pub hostname: Option<Hostname>,
    /// `dhcp_client_id_IF`
    pub client_id: Option<ClientId>,
}

/// A host name that is sent to a DHCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname(String);

/// A DHCP client identifier of RFC 2132: a type byte, then the identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientId(Vec<u8>);

impl Wishes {
    /// Whether the host name and the client identifier fit into one message of every client.
    pub fn fit(&self) -> bool {
        let name = self.hostname.as_ref().map_or(0, |name| name.0.len());
        let id = self.client_id.as_ref().map_or(0, |id| id.0.len());
        name + id <= LONGEST_TOGETHER
    }

    /// Parse the text form, split into words.
    pub(super) fn of<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut wishes = Wishes::default();
        while let Some(word) = words.next() {
            let mut next = || words.next().unwrap_or_default();
            match word {
                "metric" => {
                    let metric = next().parse();
                    wishes.metric = Some(metric.map_err(|_| "a DHCP client's metric")?);
                }
                "nogateway" => wishes.no_gateway = true,
                "nodns" => wishes.no_dns = true,
                "hostname" => wishes.hostname = Some(next().parse()?),
                "client_id" => wishes.client_id = Some(next().parse()?),
                _ => return Err(format!("a DHCP client with {word:?}")),
            }
        }
        Ok(wishes)
    }
}

/// The text form. Each word has a blank before it.
impl fmt::Display for Wishes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        f.write_str(if self.no_gateway { " nogateway" } else { "" })?;
        f.write_str(if self.no_dns { " nodns" } else { "" })?;
        if let Some(Hostname(name)) = &self.hostname {
            write!(f, " hostname {name}")?;
        }
        match &self.client_id {
            Some(id) => write!(f, " client_id {}", id.separated(":")),
            None => Ok(()),
        }
    }
}

impl Hostname {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hostname {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            let mut bytes = label.bytes();
            let known = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-');
            known && (1..=63).contains(&label.len()) && !label.starts_with('-')
        };
        match text.len() <= LONGEST_NAME && text.split('.').all(is_label) {
            true => Ok(Hostname(text.into())),
            false => Err("is not a host name".into()),
        }
    }
}

impl ClientId {
    /// The bytes in hexadecimal, with `by` between them.
    pub fn separated(&self, by: &str) -> String {
        let bytes: Vec<String> = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(by)
    }
}

/// Bytes with `:` between them, or a text, which becomes an identifier of type 0.
impl FromStr for ClientId {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let byte = |hex: &str| {
            let two = hex.len() == 2 && hex.bytes().all(|b| b.is_ascii_hexdigit());
            u8::from_str_radix(hex, 16).ok().filter(|_| two)
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let bytes = match bytes {
            Some(bytes) if text.contains(':') => bytes,
            _ => [0].into_iter().chain(text.bytes()).collect(),
        };
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        match printable && (2..=LONGEST_ID).contains(&bytes.len()) {
            true => Ok(ClientId(bytes)),
            false => Err("is not a DHCP client identifier".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_bytes_or_a_text() {
        let id = |text: &str| text.parse::<ClientId>().map(|id| id.separated(""));
        assert_eq!(id("01:52:AB"), Ok("0152ab".into()));
        assert_eq!(id("web"), Ok("00776562".into()));
        assert_eq!(id("12"), Ok("003132".into()));
        assert!(id(&"x".repeat(47)).is_ok());
        for bad in ["", "a b", "\u{e9}", &"x".repeat(48)] {
            assert!(id(bad).is_err(), "{bad}");
        }
        let longest = [&"a".repeat(63)[..]; 4].join(".")[..250].to_string();
        assert!(longest.parse::<Hostname>().is_ok());
        assert!((longest + "a").parse::<Hostname>().is_err());
        for bad in ["", "-a", "a..b", "a_b", "a b", &"a".repeat(64)] {
            assert!(bad.parse::<Hostname>().is_err(), "{bad}");
        }
    }
}
