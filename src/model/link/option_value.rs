//! The value of an option of a link: parsed as in settings, and printed as ip-link(8) accepts it.

use std::fmt;
use std::net::IpAddr;

use crate::definitions::option::{Mutability, Opt, ValueKind};
use crate::model::Mac;
use crate::model::names::Names;

/// The value of an option. It is printed as ip-link(8) accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A number. For a switch, 1 or 0.
    Number(u32),
    /// One of the option's words.
    Word(&'static str),
    /// An address.
    Ip(IpAddr),
    /// A hardware address.
    Mac(Mac),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionValue::Number(number) => number.fmt(f),
            OptionValue::Word(word) => f.write_str(word),
            OptionValue::Ip(ip) => ip.fmt(f),
            OptionValue::Mac(mac) => mac.fmt(f),
        }
    }
}

impl ValueKind {
    /// Parse a value, as in settings and as [`OptionValue`] prints it.
    ///
    /// # Errors What was expected.
    pub fn read(self, text: &str, names: &Names) -> Result<OptionValue, String> {
        let number = || text.parse::<u32>().ok();
        let named = |known: &[(String, u32)]| {
            let known = known.iter().find(|(name, _)| name == text);
            number().or(known.map(|(_, number)| *number))
        };
        let ip = |fits: &dyn Fn(&IpAddr) -> bool| {
            let ip = text.parse::<IpAddr>().ok();
            ip.filter(|ip| !ip.is_unspecified() && fits(ip))
                .map(OptionValue::Ip)
        };
        let found = match self {
            ValueKind::Number(first, last) => number()
                .filter(|n| (first..=last).contains(n))
                .map(OptionValue::Number),
            ValueKind::Switch => match text {
                "on" | "yes" | "1" => Some(OptionValue::Number(1)),
                "off" | "no" | "0" => Some(OptionValue::Number(0)),
                _ => None,
            },
            ValueKind::Words(words) => {
                let mut words = words.iter();
                words
                    .find(|(word, _)| *word == text)
                    .map(|(word, _)| OptionValue::Word(word))
            }
            ValueKind::Station => ip(&|ip| !ip.is_multicast()),
            ValueKind::Group => ip(&IpAddr::is_multicast),
            ValueKind::Station4 => ip(&|ip| ip.is_ipv4() && !ip.is_multicast()),
            ValueKind::Mac => text.parse().ok().map(OptionValue::Mac),
            ValueKind::Table => named(&names.tables)
                .filter(|n| *n != 0)
                .map(OptionValue::Number),
            // The highest number means no user, chown(2)
            ValueKind::User => named(&names.users)
                .filter(|n| *n != u32::MAX)
                .map(OptionValue::Number),
            ValueKind::UserGroup => named(&names.groups)
                .filter(|n| *n != u32::MAX)
                .map(OptionValue::Number),
        };
        found.ok_or_else(|| self.expected())
    }

    /// Whether a setting could have this value: whether [`Self::read`] accepts its text.
    pub fn holds(self, value: OptionValue) -> bool {
        self.read(&value.to_string(), &Names::default()) == Ok(value)
    }

    fn expected(self) -> String {
        match self {
            ValueKind::Number(first, last) => format!("expected a number from {first} to {last}"),
            ValueKind::Switch => "expected on or off".into(),
            ValueKind::Words(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        format!("expected {} or {last}", rest.join(", "))
                    }
                    _ => format!("expected {}", words.concat()),
                }
            }
            ValueKind::Station => "expected an address, such as 192.0.2.1".into(),
            ValueKind::Station4 => "expected an IPv4 address, such as 192.0.2.1".into(),
            ValueKind::Group => "expected a multicast address, such as 239.1.1.1".into(),
            ValueKind::Mac => "expected stable, or an address such as 52:54:00:12:34:56".into(),
            ValueKind::Table => {
                "expected the number of a routing table, such as 10, or its name".into()
            }
            ValueKind::User => "expected a name of /etc/passwd, or a user's number".into(),
            ValueKind::UserGroup => "expected a name of /etc/group, or a group's number".into(),
        }
    }
}

impl Opt {
    /// Parse the value of a setting for a link of the type `of`.
    ///
    /// # Errors The problem, to be printed after the setting's text, and what was expected.
    pub fn read(
        &self,
        text: &str,
        names: &Names,
        of: &str,
    ) -> Result<OptionValue, (String, String)> {
        let wrong = || match self.form {
            ValueKind::Mac => text.parse::<Mac>().err().unwrap_or_default(),
            _ => format!("is not a valid {} of a {of}", self.key),
        };
        let problem = |expected| (wrong(), format!("{expected}: {}", self.doc));
        self.form.read(text, names).map_err(problem)
    }

    /// The kernel's default, if the option has one.
    pub fn kernels_own(&self) -> Option<OptionValue> {
        self.form.read(self.default, &Names::default()).ok()
    }

    /// Whether an existing link can be changed from the value `now` to the value `then`.
    pub fn can_become(&self, now: OptionValue, then: OptionValue) -> bool {
        match self.keeps {
            Mutability::InPlace => true,
            Mutability::Recreated => false,
            Mutability::SameFamily => match (now, then) {
                (OptionValue::Ip(now), OptionValue::Ip(then)) => now.is_ipv4() == then.is_ipv4(),
                _ => true,
            },
            Mutability::ExceptWord(word) => ![now, then].contains(&OptionValue::Word(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::links::{ATTRIBUTES, PORT, TYPES};

    #[test]
    fn each_default_is_a_value_and_no_key_or_word_is_there_twice() {
        let of_types = TYPES.iter().map(|of| of.options);
        for table in of_types.chain([ATTRIBUTES, PORT]) {
            for (n, option) in table.iter().enumerate() {
                let (key, default) = (option.key, option.default);
                assert!(
                    default.is_empty() || option.kernels_own().is_some(),
                    "{option:?}"
                );
                let other = |o: &Opt| o.key == key || o.word == option.word;
                assert!(!table[..n].iter().any(other), "{option:?}");
            }
        }
    }
}
