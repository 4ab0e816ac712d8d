//! The message for a caller who would be disconnected: two lines.

use super::{Carries, Cut, LinkFate};
use crate::name::NetnsName;
use crate::setup::args::verb::Verb;
use crate::setup::{Call, report};
use crate::system::sockets::Connection;

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
        _ if matches!(fate, LinkFate::Loses(_)) => format!("{name}: it would remove"),
        Some(origin) => format!("{}: {} {verb}", origin.place, origin.setting),
        None => format!("{name}: it would take away"),
    };
    let link = &link.name;
    let whose = if *is_others {
        "the connection of somebody who is logged in,"
    } else {
        "your own connection"
    };
    let wrong = match (carries, fate) {
        (Carries::Connection(Connection { local, peer, port }), LinkFate::Loses(what)) => {
            format!("{what}, which {whose} from {peer} port {port} to {local} needs")
        }
        (Carries::Connection(Connection { local, peer, port }), LinkFate::Leads) => {
            format!("{link}, and so your own connection from {peer} port {port} to {local}")
        }
        (Carries::DefaultRoute, LinkFate::Leads) => {
            format!("{link}, and you are logged in through a connection that was not found")
        }
        (Carries::Connection(Connection { local, peer, port }), _) => {
            format!("{link}, which carries {whose} from {peer} port {port} to {local}")
        }
        (Carries::DefaultRoute, _) => format!(
            "{link}, which all default routes of the host use, and you are logged in through a \
             connection that was not found"
        ),
    };
    let allow = if *is_others || matches!(call.verb, Verb::MayGo(_) | Verb::MayCome(_)) {
        let file = call.conf_dir.join(format!("netns.{name}"));
        format!(
            "write netns_move_my_connection=\"yes\" in {}",
            file.display()
        )
    } else {
        "add --yes-move-my-connection".into()
    };
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
