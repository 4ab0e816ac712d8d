//! What an option of a link is: how it is said, what its value looks like, and how the kernel
//! takes it. The options themselves are `links`'s.

use std::fmt;

/// Something that can be said of a link.
#[derive(PartialEq, Eq)]
pub struct Opt {
    /// The key of the setting.
    pub key: &'static str,
    /// ip-link(8)'s word.
    pub word: &'static str,
    /// What its value looks like.
    pub form: ValueKind,
    /// What it is where nothing is said, as a setting would say it; empty: nothing.
    pub default: &'static str,
    /// A link of the type cannot be made without it.
    pub needed: bool,
    /// What the kernel takes of a link that is there. Else the link is made anew.
    pub keeps: Mutability,
    /// The kernel's attribute, and how that has the value.
    pub attribute: (u16, Encoding),
    /// What it says, in one line.
    pub doc: &'static str,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A number from the first to the last.
    Number(u32, u32),
    /// `on` or `off`.
    Switch,
    /// One of these words; the kernel's numbers for them.
    Words(&'static [(&'static str, u32)]),
    /// An address of a station.
    Station,
    /// A multicast address.
    Group,
    /// An IPv4 address of a station.
    Station4,
    /// A hardware address of six bytes, of a station.
    Mac,
    /// The number of a routing table, or its name.
    Table,
    /// A user's number, or a name of this host's.
    User,
    /// A group of users: its number, or a name of this host's.
    UserGroup,
}

/// Whether the kernel takes another value for a link that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// It does.
    InPlace,
    /// It does not.
    Recreated,
    /// Another address of the same family only.
    SameFamily,
    /// Any but to and from this word.
    ExceptWord(&'static str),
}

/// How an attribute has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A number of one byte.
    U8,
    /// Of two bytes.
    U16,
    /// Of four bytes.
    U32,
    /// Of two bytes, the most significant one first.
    Be16,
    /// An IPv4 address under the attribute itself, an IPv6 one under this.
    Ip(u16),
    /// A hardware address.
    Mac,
    /// A GRE key of both directions: flags and key of each, four attributes in a row.
    GreKey,
}

/// An option, the last words of which say what it is.
pub(super) const fn opt(
    key: &'static str,
    word: &'static str,
    form: ValueKind,
    attribute: (u16, Encoding),
    doc: &'static str,
) -> Opt {
    Opt {
        key,
        word,
        form,
        default: "",
        needed: false,
        keeps: Mutability::InPlace,
        attribute,
        doc,
    }
}

/// By its word alone: an option is in many states, and these are logged.
impl fmt::Debug for Opt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)
    }
}

#[rustfmt::skip]
impl Opt {
    pub(super) const fn default(self, default: &'static str) -> Self { Opt { default, ..self } }
    pub(super) const fn needed(self) -> Self { Opt { needed: true, ..self } }
    pub(super) const fn keeps(self, keeps: Mutability) -> Self { Opt { keeps, ..self } }
}
