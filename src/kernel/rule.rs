//! The policy rules of the namespace: queries, adds and deletes them (rtnetlink(7), fib_rules in
//! the kernel's net/core).

use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::packet_core::{DefaultNla, Nla};
use rtnetlink::packet_route::rule::{
    RuleAction, RuleAttribute, RuleFlags, RuleHeader, RuleMessage, RulePortRange, RuleUidRange,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Kernel;
use super::netlink::socket::RequestKind;
use crate::model::rule::{Action, Packets};
use crate::model::{Netns, Rule};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::source::Sourced;

impl Kernel {
    /// The policy rules of the namespace. Rules that no setting can express are left out.
    pub(super) fn policy(&mut self) -> Result<Vec<Sourced<Rule>>, OsError> {
        // A request without a family dumps the rules of all families
        let all = RouteNetlinkMessage::GetRule(RuleMessage::default());
        let found = self.requests(&Netns::This)?.dump(all)?;
        let of_ip = |message: RouteNetlinkMessage| match message {
            RouteNetlinkMessage::NewRule(rule)
                if [AddressFamily::Inet, AddressFamily::Inet6].contains(&rule.header.family) =>
            {
                Some(rule)
            }
            _ => None,
        };
        let found = found.into_iter().filter_map(of_ip);
        Ok(found
            .filter_map(|rule| read(&rule))
            .map(Sourced::without_origin)
            .collect())
    }

    pub(super) fn add_policy(&mut self, rule: &Rule) -> Result<(), OsError> {
        let message = RouteNetlinkMessage::NewRule(message(rule));
        self.requests(&Netns::This)?.tell(message, RequestKind::Add)
    }

    /// Delete a policy rule. One that is gone already is no error.
    pub(super) fn del_policy(&mut self, rule: &Rule) -> Result<(), OsError> {
        let message = RouteNetlinkMessage::DelRule(message(rule));
        match self
            .requests(&Netns::This)?
            .tell(message, RequestKind::Change)
        {
            Err(no) if no.is(Errno::ENOENT) => Ok(()),
            answer => answer,
        }
    }
}

fn message(rule: &Rule) -> RuleMessage {
    use RuleAttribute as A;
    let mut message = RuleMessage::default();
    let packets = &rule.packets;
    let length = |net: Option<IpNet>| net.map_or(0, |net| net.prefix_len());
    let attributes = &mut message.attributes;
    attributes.extend(rule.priority.map(A::Priority));
    attributes.extend(packets.from.map(|net| A::Source(net.addr())));
    attributes.extend(packets.to.map(|net| A::Destination(net.addr())));
    if let Some((mark, mask)) = packets.mark {
        attributes.extend([A::FwMark(mark), A::FwMask(mask)]);
    }
    attributes.extend(
        packets
            .iif
            .as_ref()
            .map(|link| A::Iifname(link.to_string())),
    );
    attributes.extend(
        packets
            .oif
            .as_ref()
            .map(|link| A::Oifname(link.to_string())),
    );
    let users = |(start, end)| A::UidRange(RuleUidRange { start, end });
    attributes.extend(packets.users.map(users));
    if packets.protocol != 0 {
        attributes.push(A::IpProtocol(i32::from(packets.protocol).into()));
    }
    let ports = |(start, end)| RulePortRange { start, end };
    attributes.extend(packets.sport.map(ports).map(A::SourcePortRange));
    attributes.extend(packets.dport.map(ports).map(A::DestinationPortRange));
    attributes.extend(rule.suppress_prefixlength.map(A::SuppressPrefixLen));
    let action = match rule.action {
        Action::Table(table) => {
            attributes.push(A::Table(table));
            RuleAction::ToTable
        }
        Action::Vrf => {
            attributes.push(A::L3MDev(true));
            RuleAction::ToTable
        }
        Action::Goto(priority) => {
            attributes.push(A::Goto(priority));
            RuleAction::Goto
        }
        Action::Blackhole => RuleAction::Blackhole,
        Action::Unreachable => RuleAction::Unreachable,
        Action::Prohibit => RuleAction::Prohibit,
    };
    let mut flags = RuleFlags::empty();
    flags.set(RuleFlags::Invert, rule.not);
    message.header = RuleHeader {
        family: if rule.v6 {
            AddressFamily::Inet6
        } else {
            AddressFamily::Inet
        },
        src_len: length(packets.from),
        dst_len: length(packets.to),
        tos: packets.tos,
        action,
        flags,
        ..RuleHeader::default()
    };
    message
}

/// Whether the attribute is a port mask with all bits set, which means a single port
/// (FRA_SPORT_MASK, FRA_DPORT_MASK, Linux 6.15).
fn says_one_port(attribute: &DefaultNla) -> bool {
    let mut value = [0; 2];
    if attribute.value_len() == value.len() {
        attribute.emit_value(&mut value);
    }
    [28, 29].contains(&attribute.kind()) && value == [0xff; 2]
}

fn read(message: &RuleMessage) -> Option<Rule> {
    use RuleAttribute as A;
    let header = &message.header;
    let mut packets = Packets {
        tos: header.tos,
        ..Packets::default()
    };
    let (mut priority, mut table, mut to, mut vrf, mut suppress) = (0, 0, 0, false, None);
    let (mut mark, mut mask) = (0, 0);
    for attribute in &message.attributes {
        match attribute {
            A::Priority(number) => priority = *number,
            A::Source(ip) => packets.from = Some(IpNet::new(*ip, header.src_len).ok()?),
            A::Destination(ip) => packets.to = Some(IpNet::new(*ip, header.dst_len).ok()?),
            A::FwMark(number) => mark = *number,
            A::FwMask(number) => mask = *number,
            A::Iifname(name) => packets.iif = Some(name.parse::<LinkName>().ok()?),
            A::Oifname(name) => packets.oif = Some(name.parse::<LinkName>().ok()?),
            A::UidRange(users) => packets.users = Some((users.start, users.end)),
            A::IpProtocol(number) => packets.protocol = i32::from(*number).try_into().ok()?,
            A::SourcePortRange(ports) => packets.sport = Some((ports.start, ports.end)),
            A::DestinationPortRange(ports) => packets.dport = Some((ports.start, ports.end)),
            A::Table(number) => table = *number,
            A::Goto(number) => to = *number,
            A::L3MDev(yes) => vrf = *yes,
            A::SuppressPrefixLen(length) => suppress = Some(*length),
            A::Protocol(_) | A::SuppressIfGroup(u32::MAX) => {}
            A::Other(other) if says_one_port(other) => {}
            _ => return None,
        }
    }
    packets.mark = Some((mark, mask)).filter(|mark| *mark != (0, 0));
    Some(Rule {
        priority: Some(priority),
        v6: header.family == AddressFamily::Inet6,
        packets,
        not: header.flags.contains(RuleFlags::Invert),
        action: match header.action {
            RuleAction::ToTable if vrf => Action::Vrf,
            RuleAction::ToTable => Action::Table(table),
            RuleAction::Goto => Action::Goto(to),
            RuleAction::Blackhole => Action::Blackhole,
            RuleAction::Unreachable => Action::Unreachable,
            RuleAction::Prohibit => Action::Prohibit,
            _ => return None,
        },
        // -1 means none
        suppress_prefixlength: suppress.filter(|length| *length != u32::MAX),
    })
}
