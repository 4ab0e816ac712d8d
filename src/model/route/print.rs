//! Prints a route.

use std::fmt;

use super::words::{PROTOS, SCOPES};
use super::{Hop, Preference, Route, RouteKind, is_v4};

/// The arguments of `ip route add`. Properties that have the default of ip(8) and the kernel are
/// omitted.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsaid = Route::to(self.dst, self.kind);
        let v4 = is_v4(&self.dst);
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.word())?;
        }
        match (self.dst.prefix_len(), self.via) {
            // To ip(8), `default` has the family of the gateway, or is IPv4 without one.
            (0, None) if v4 => f.write_str("default")?,
            (0, Some(via)) if via.is_ipv4() == v4 => f.write_str("default")?,
            _ => write!(f, "{}", self.dst)?,
        }
        let ways = self.ways();
        if let [only] = &ways[..] {
            only.write(f, v4)?;
        }
        if let Some(src) = self.src {
            write!(f, " src {src}")?;
        }
        if self.metric != unsaid.metric {
            write!(f, " metric {}", self.metric)?;
        }
        if self.table != unsaid.table {
            write!(f, " table {}", self.table)?;
        }
        let unsaid_scope = if self.via.is_some() { 0 } else { unsaid.scope };
        if self.scope != unsaid_scope {
            write!(f, " scope {}", name_of(&SCOPES, self.scope))?;
        }
        if self.proto != unsaid.proto {
            write!(f, " proto {}", name_of(&PROTOS[..4], self.proto))?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        for (word, number) in [
            ("advmss", self.advmss),
            ("initcwnd", self.initcwnd),
            ("initrwnd", self.initrwnd),
        ] {
            if let Some(number) = number {
                write!(f, " {word} {number}")?;
            }
        }
        match self.pref {
            Preference::Medium => {}
            Preference::Low => f.write_str(" pref low")?,
            Preference::High => f.write_str(" pref high")?,
        }
        match &ways[..] {
            [only] if only.onlink => f.write_str(" onlink"),
            [_] => Ok(()),
            ways => ways.iter().try_for_each(|way| {
                f.write_str(" nexthop")?;
                way.write(f, v4)?;
                write!(f, " weight {}", way.weight)?;
                f.write_str(if way.onlink { " onlink" } else { "" })
            }),
        }
    }
}

impl Route {
    /// The protocol as ip(8) calls it, or its number.
    pub fn protocol(&self) -> String {
        name_of(&PROTOS[..4], self.proto)
    }

    /// The scope as ip(8) calls it, or its number.
    pub fn scope_word(&self) -> String {
        name_of(&SCOPES, self.scope)
    }
}

impl Hop {
    fn write(&self, f: &mut fmt::Formatter<'_>, v4: bool) -> fmt::Result {
        match self.via {
            Some(via) if via.is_ipv6() && v4 => write!(f, " via inet6 {via}")?,
            Some(via) => write!(f, " via {via}")?,
            None => {}
        }
        match &self.dev {
            Some(dev) => write!(f, " dev {dev}"),
            None => Ok(()),
        }
    }
}

/// The name, if ip(8) knows it without any file, otherwise the number.
fn name_of(names: &[(&str, u32)], number: u8) -> String {
    let found = names.iter().find(|(_, n)| *n == u32::from(number));
    found.map_or(number.to_string(), |(name, _)| (*name).into())
}
