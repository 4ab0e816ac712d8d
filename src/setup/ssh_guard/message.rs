//! The message for a caller who would be disconnected: two lines.

use super::{Carries, Cut, LinkFate};
use crate::name::NetnsName;
use crate::setup::args::verb::Verb;
use crate::setup::{Call, report};

pub(super) fn lines(call: &Call, name: &NetnsName, cut: &Cut) -> Vec<String> {
    let Cut {
        link,
        carries,
        origin,
        fate,
        is_others,
    } = cut;
    let verb = match fate {
        LinkFate::Leads => "leads the host's packets over",
        _ => "moves",
    };
    let subject = match origin {
        _ if matches!(fate, LinkFate::Loses(_)) => format!("{name}: it would"),
        Some(origin) => format!("{}: {} {verb}", origin.place, origin.setting),
        None => format!("{name}: it would take away"),
    };
    let link = &link.name;
    let whose = whose(*is_others);
    let comma = if *is_others { "," } else { "" };
    let wrong = match (carries, fate) {
        (Carries::Connection(connection), LinkFate::Loses(what)) => {
            format!("{what}, which {whose}{comma} {connection} needs")
        }
        (Carries::Connection(connection), LinkFate::Leads) => {
            format!("{link}, and so your own connection {connection}")
        }
        (Carries::DefaultRoute, LinkFate::Leads) => {
            format!("{link}, and you are logged in through a connection that was not found")
        }
        (Carries::Connection(connection), _) => {
            format!("{link}, which carries {whose}{comma} {connection}")
        }
        (Carries::DefaultRoute, _) => format!(
            "{link}, which all default routes of the host use, and you are logged in through a \
             connection that was not found"
        ),
    };
    let allow = allow(call, name, *is_others);
    let remedy = match fate {
        LinkFate::Comes | LinkFate::Leads => format!(
            "type netns-setup try {name} --within 60 (--with sshd, if that belongs inside), which \
             undoes it unless you confirm it; or {allow}"
        ),
        LinkFate::Loses(_) => format!(
            "type netns-setup try {name} --within 60, which undoes it unless you confirm it; or {allow}"
        ),
        LinkFate::Goes => format!("log in another way, or {allow}"),
    };
    vec![report::printable(&format!("{subject} {wrong}")), remedy]
}

pub(super) fn whose(is_others: bool) -> &'static str {
    match is_others {
        true => "the connection of somebody who is logged in",
        false => "your own connection",
    }
}

/// What turns the guard off.
pub(super) fn allow(call: &Call, name: &NetnsName, is_others: bool) -> String {
    if is_others || matches!(call.verb, Verb::MayGo(_) | Verb::MayCome(_)) {
        let file = call.conf_dir.join(format!("netns.{name}"));
        return format!(
            "write netns_move_my_connection=\"yes\" in {}",
            file.display()
        );
    }
    "add --yes-move-my-connection".into()
}
