//! The definition of an option of a link: its names, the form of its value, and its encoding in
//! netlink. The options themselves are in `links`.

use std::fmt;

/// An option of a link.
#[derive(PartialEq, Eq)]
pub struct Opt {
    /// The key of the setting.
    pub key: &'static str,
    /// The word in ip-link(8).
    pub word: &'static str,
    /// The form of the value.
    pub form: ValueKind,
    /// The value if it is not set, as a setting would write it. Empty: none.
    pub default: &'static str,
    /// A link of the type cannot be created without it.
    pub needed: bool,
    /// The changes that the kernel accepts on an existing link. For other changes the link is
    /// recreated.
    pub keeps: Mutability,
    /// The kernel's attribute, and the encoding of the value in it.
    pub attribute: (u16, Encoding),
    /// A description in one line.
    pub doc: &'static str,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A number in this range, both ends included.
    Number(u32, u32),
    /// `on` or `off`.
    Switch,
    /// One of these words, each with the kernel's number for it.
    Words(&'static [(&'static str, u32)]),
    /// A unicast address.
    Station,
    /// A multicast address.
    Group,
    /// A unicast IPv4 address.
    Station4,
    /// A unicast hardware address of six bytes.
    Mac,
    /// The number or name of a routing table.
    Table,
    /// The number or name of a user of the host.
    User,
    /// The number or name of a group of the host.
    UserGroup,
}

/// Whether the kernel accepts another value for an existing link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// It accepts any value.
    InPlace,
    /// It accepts no change: the link is recreated.
    Recreated,
    /// It accepts only another address of the same family.
    SameFamily,
    /// It accepts any change except to or from this word.
    ExceptWord(&'static str),
}

/// The encoding of a value in an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A number of one byte.
    U8,
    /// A number of two bytes in native byte order.
    U16,
    /// A number of four bytes in native byte order.
    U32,
    /// A number of two bytes in big-endian order.
    Be16,
    /// An IPv4 address in the option's own attribute, an IPv6 address in this one.
    Ip(u16),
    /// A hardware address.
    Mac,
    /// A GRE key for both directions: flags and key of each, in four consecutive attributes.
    GreKey,
}

/// An option. `doc` describes it in one line.
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

/// Prints only the word, because many states contain options, and they are logged.
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
