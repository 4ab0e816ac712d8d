//! Parses `netns_ready`, `netns_timeout` and `netns_wait` into the conditions for a namespace to
//! count as ready, and what happens to services meanwhile. A link with no addresses but those of
//! DHCP is useless without a lease, so its lease is always a condition.

use std::time::Duration;

use super::link::home::at_host;
use super::{dhcp, is_second, keep};
use crate::conf::{Setting, Settings};
use crate::model::{Condition, DhcpClient, Link, Netns, TextError};
use crate::source::{Problem, Sourced};

/// The timeout if the settings have none.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest possible timeout in seconds, so that a boot never waits longer.
const LONGEST: u64 = 3600;

/// The conditions of readiness, and how to wait for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The conditions that must hold at the same time.
    pub conditions: Vec<Sourced<Condition>>,
    /// How long `up` waits for the conditions.
    pub timeout: Duration,
    /// What happens to the services inside while the namespace is incomplete.
    pub hold: HoldServices,
}

/// What happens to the services of a namespace that is incomplete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldServices {
    /// Services are not held. `up` fails if the namespace cannot be brought up, and `watch` ends.
    #[default]
    No,
    /// Services are held until the namespace is complete for the first time. `watch` waits for
    /// that.
    Start,
    /// As `Start`, and services are stopped when the namespace has been incomplete for the timeout.
    Stop,
}

pub(super) fn ready(
    settings: &Settings,
    (links, clients): (&[Link], &[Sourced<DhcpClient>]),
    problems: &mut Vec<Problem>,
) -> Ready {
    // OpenRC's service uses `netns_watch`, but errors in it are reported here
    yes(settings, "netns_watch", problems);
    let mut conditions = conditions(settings, problems);
    for client in clients {
        let Sourced {
            value,
            origin: asked,
        } = client.clone();
        let is_it = |link: &&Link| link.netns == Netns::This && link.name.value == value.link;
        let link = links.iter().find(is_it);
        let value = Condition::Lease(value.link.clone());
        let lease = Sourced {
            value,
            origin: asked,
        };
        if link.is_some_and(|link| link.addresses.is_empty()) && !conditions.contains(&lease) {
            conditions.push(lease);
        }
    }
    Ready {
        conditions,
        timeout: timeout(settings, problems).unwrap_or(TIMEOUT),
        hold: hold(settings, problems),
    }
}

fn conditions(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<Sourced<Condition>> {
    let setting = settings.get("netns_ready");
    let pieces = setting.map(Setting::parts).unwrap_or_default();
    let mut found: Vec<Sourced<Condition>> = Vec::new();
    for piece in pieces {
        let condition = match piece.text.parse::<Condition>() {
            Ok(condition) => condition,
            Err(TextError { wrong, remedy }) => {
                problems.push(piece.problem(wrong, remedy));
                continue;
            }
        };
        if let Some(link) = condition.link().filter(|_| settings.complete) {
            let mut listed = settings.links.iter();
            let listed = listed.find(|listed| listed.name.value == *link);
            let kind = listed.and_then(|l| l.get("type")).map(|t| t.whole().text);
            match (listed, &condition) {
                (None, _) => problems.push(piece.problem(
                    format!(": {link} is not in netns_links"),
                    "expected a link of this namespace",
                )),
                (Some(listed), _) if at_host(listed) => problems.push(piece.problem(
                    format!(": {link} is the host's, and cannot be waited for"),
                    "expected a link that is inside",
                )),
                (_, Condition::Handshake(_)) if kind != Some("wireguard") => {
                    problems.push(piece.problem(
                        format!(": {link} is not a wireguard"),
                        "expected a link of that type: no other has handshakes",
                    ));
                }
                (Some(listed), Condition::Lease(_)) if !dhcp::is_asked_for(listed) => {
                    problems.push(piece.problem(
                        format!(": {link} has no DHCP client"),
                        format!("write config_{}=\"dhcp\"", link.suffix()),
                    ));
                }
                _ => {}
            }
        }
        found.push(piece.at(condition));
    }
    found
}

fn timeout(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Duration> {
    let word = settings.get("netns_timeout").map(Setting::whole)?;
    let plain = word.text.bytes().all(|b| b.is_ascii_digit());
    let seconds = word.text.parse().ok();
    let seconds = seconds.filter(|seconds| plain && (1..=LONGEST).contains(seconds));
    let remedy = format!("expected whole seconds, from 1 to {LONGEST}, such as 30");
    let seconds = keep(&word, seconds.ok_or(("is not possible", remedy)), problems);
    seconds.map(|seconds| Duration::from_secs(seconds.value))
}

fn hold(settings: &Settings, problems: &mut Vec<Problem>) -> HoldServices {
    let Some(word) = settings.get("netns_wait").map(Setting::whole) else {
        return HoldServices::No;
    };
    match word.text {
        "no" => HoldServices::No,
        "yes" => HoldServices::Start,
        "stop" => HoldServices::Stop,
        _ => {
            problems.push(word.problem("is not known", "expected yes, stop or no"));
            HoldServices::No
        }
    }
}

/// Whether a setting is `yes` and not `no`. OpenRC's `yesno` reads both words in the same way.
pub(super) fn yes(settings: &Settings, name: &str, problems: &mut Vec<Problem>) -> bool {
    is_second(settings, name, ["no", "yes"], problems)
}
