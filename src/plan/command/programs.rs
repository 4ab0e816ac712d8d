//! The equivalent commands of changes that need a program other than ip(8), several commands, or a
//! subcommand of ip(8) for something other than links, addresses and routes.

use super::netns::{ip, name_of, set};
use crate::definitions::option::ValueKind;
use crate::model::firewall::removal::{accept_all, delete_tables};
use crate::model::link::bridge_port::Vlans;
use crate::model::link::option_value::OptionValue;
use crate::model::nat::{one_line, replies};
use crate::model::{Link, LinkRef, LinkSpec, Netns, Rule, Ruleset, Sysctl, Tool};
use crate::name::{Altname, LinkName, NetnsName};

/// `ip netns attach` takes only a PID.
pub(super) fn attach(netns: &NetnsName, path: &str) -> String {
    let pid = path.strip_prefix("/proc/");
    let pid = pid.and_then(|rest| rest.strip_suffix("/ns/net"));
    match pid.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit())) {
        Some(pid) => format!("ip netns attach {netns} {pid}"),
        None => format!(
            "mkdir -p /run/netns && touch /run/netns/{netns} && mount --bind {path} /run/netns/{netns}"
        ),
    }
}

/// A link that others created can have any name.
pub(super) fn quoted(name: &LinkName) -> String {
    word(name.as_str(), "_-.@+,=")
}

pub(super) fn move_link(netns: &NetnsName, link: &LinkRef, to: &LinkRef) -> String {
    let name = match to.name == link.name {
        true => String::new(),
        false => format!(" name {}", &to.name),
    };
    let at = match to.netns == link.netns {
        true => String::new(),
        false => format!(" netns {}", name_of(netns, &to.netns)),
    };
    format!("{}{at}{name}", set(netns, link))
}

/// `ip tuntap` has keywords of its own. An option that is on is written as its name alone.
pub(super) fn add_tap(netns: &NetnsName, link: &Link, spec: &LinkSpec) -> String {
    let (name, mode) = (&link.name.value, spec.of.word);
    let mut text = format!(
        "{} tuntap add dev {name} mode {mode}",
        ip(netns, &link.netns)
    );
    for (option, value) in &spec.options {
        text += &match (option.form, value.value) {
            (ValueKind::Switch, OptionValue::Number(0)) => String::new(),
            (ValueKind::Switch, _) => format!(" {}", option.word),
            (_, value) => format!(" {} {value}", option.word),
        };
    }
    text
}

/// iw(8) does not rename the links, and takes a namespace without a name as a PID.
pub(super) fn move_phy(netns: &NetnsName, phy: &str, ways: &[(LinkRef, LinkRef)]) -> String {
    let (mut inside, mut to) = (String::new(), "1".to_string());
    let mut renamed = String::new();
    for (link, new) in ways {
        if link.netns != Netns::Host {
            inside = format!("ip netns exec {} ", name_of(netns, &link.netns));
        }
        if new.netns != Netns::Host {
            to = format!("name {}", name_of(netns, &new.netns));
        }
        if new.name != link.name {
            let ip = ip(netns, &new.netns);
            renamed += &format!(" && {ip} link set {} name {}", link.name, new.name);
        }
    }
    format!("{inside}iw phy {phy} set netns {to}{renamed}")
}

pub(super) fn altname(netns: &NetnsName, link: &LinkRef, verb: &str, name: &Altname) -> String {
    let (ip, link) = (ip(netns, &link.netns), &link.name);
    format!("{ip} link property {verb} dev {link} altname {name}")
}

pub(super) fn vlans(
    netns: &NetnsName,
    link: &LinkRef,
    verb: &str,
    row: &Vlans,
    own: bool,
) -> String {
    let at = name_of(netns, &link.netns);
    let own = if own { " self" } else { "" };
    format!(
        "bridge -n {at} vlan {verb} dev {} vid {row}{own}",
        link.name
    )
}

pub(super) fn policy(netns: &NetnsName, verb: &str, rule: &Rule) -> String {
    let family = if rule.v6 { " -6" } else { "" };
    format!("ip -n {netns}{family} rule {verb} {}", rule.words())
}

/// The rules replace `old`, in one transaction, except those of ipset.
pub(super) fn load(netns: &NetnsName, new: &Ruleset, old: Option<&Ruleset>) -> String {
    let inside = format!("ip netns exec {netns}");
    let file = word(&new.file, PLAIN);
    match new.tool {
        Tool::Ipset => {
            let restore = format!("{inside} ipset -exist restore -file {file}");
            let old = old.map(Ruleset::sets).unwrap_or_default();
            let kept = |set: &&str| new.sets().contains(set);
            let (kept, gone): (Vec<_>, Vec<_>) = old.into_iter().partition(kept);
            let flush = kept.iter().map(|set| format!("{inside} ipset flush {set}"));
            // Rules may still refer to a set
            let destroy = gone
                .iter()
                .map(|set| format!("{{ {inside} ipset destroy {set} || :; }}"));
            let all: Vec<_> = flush.chain([restore]).chain(destroy).collect();
            all.join(" && ")
        }
        Tool::Nftables => match old.map(delete_tables).unwrap_or_default() {
            none if none.is_empty() => format!("{inside} nft -f {file}"),
            delete => {
                let text = format!("{delete}include \"{}\"", new.file);
                format!("{inside} nft {}", in_quotes(&text))
            }
        },
        Tool::Replies => format!("{inside} nft {}", in_quotes(&one_line(&new.text))),
        tool => match old
            .map(|old| accept_all(old, Some(new)))
            .unwrap_or_default()
        {
            none if none.is_empty() => format!("{inside} {} -w 5 {file}", tool.program()),
            rest => format!(
                "{{ cat {file}; {}; }} | {inside} {} -w 5",
                printf(&rest),
                tool.program()
            ),
        },
    }
}

pub(super) fn unload(netns: &NetnsName, rules: &Ruleset) -> String {
    let inside = format!("ip netns exec {netns}");
    match rules.tool {
        Tool::Ipset => {
            let destroy = |set| format!("{inside} ipset destroy {set}");
            let each: Vec<_> = rules.sets().into_iter().map(destroy).collect();
            each.join(" && ")
        }
        Tool::Nftables => format!(
            "{inside} nft {}",
            in_quotes(delete_tables(rules).trim_end())
        ),
        Tool::Replies => format!("{inside} nft delete table {}", replies::TABLE),
        tool => {
            let text = printf(&accept_all(rules, None));
            format!("{text} | {inside} {} -w 5", tool.program())
        }
    }
}

/// Characters that file names and sysctls have without quotes.
const PLAIN: &str = "._/=:-";

/// A word for sh, in single quotes if it has others than letters, digits and the plain characters.
fn word(text: &str, plain: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || plain.contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into(),
        false => in_quotes(text),
    }
}

fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The command that prints these lines.
fn printf(text: &str) -> String {
    let lines = text.lines().map(|line| format!(" {}", in_quotes(line)));
    format!("printf '%s\\n'{}", lines.collect::<String>())
}

/// The command that writes a file with these lines. It replaces the current file.
pub fn write_resolv_conf(netns: &NetnsName, text: &str) -> String {
    let lines = printf(text);
    format!("mkdir -p /etc/netns/{netns} && {lines} >/etc/netns/{netns}/resolv.conf")
}

/// sysctl(8) with `-e` ignores a key that does not exist.
pub(super) fn set_sysctl(netns: &NetnsName, sysctl: &Sysctl) -> String {
    let inside = match &sysctl.netns {
        Netns::Host => String::new(),
        at => format!("ip netns exec {} ", name_of(netns, at)),
    };
    let missing = if sysctl.optional { " -e" } else { "" };
    let text = sysctl.to_string();
    format!("{inside}sysctl{missing} -w {}", word(&text, PLAIN))
}
