//! `metrics`: prints numbers about the namespaces in the text format of Prometheus, for the textfile
//! collector of node_exporter.

use super::status::link::{LinkState, LinkStatus, PeerStatus};
use super::status::{self, Status};
use crate::setup::error::Outcome;
use crate::setup::report::event::{Document, Line};
use crate::setup::{Call, report, store};

/// What a metric does over time.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Gauge,
    Counter,
}

/// A metric with its values, each with its labels.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    values: Vec<(String, u64)>,
}

/// Report the metrics of all namespaces that have settings or a state directory.
pub fn metrics(call: &Call) -> Outcome {
    let seen: Vec<Seen> = call
        .names
        .iter()
        .map(|name| {
            let seen = status::observe(call, name).ok();
            Seen {
                name: name.to_string(),
                matches: seen
                    .as_ref()
                    .is_some_and(|seen| seen.outcome == Outcome::Done),
                status: seen.map(|seen| seen.status),
                repaired: store::repaired_at(name).map(report::not_before_boot),
            }
        })
        .collect();
    call.events.found(Metrics(all(&seen)));
    Outcome::Done
}

struct Seen {
    name: String,
    /// It is ready and what its settings say. Nothing is in the way of that.
    matches: bool,
    /// `None` if its state cannot be read.
    status: Option<Status>,
    /// When `watch` last repaired it.
    repaired: Option<u64>,
}

fn all(seen: &[Seen]) -> Vec<Metric> {
    let of_netns = |value: &dyn Fn(&Seen) -> Option<u64>| -> Vec<_> {
        let values = seen
            .iter()
            .filter_map(|one| Some((one.label(), value(one)?)));
        values.collect()
    };
    let of_link = |value: &dyn Fn(&LinkStatus) -> Option<u64>| -> Vec<_> {
        let links = seen.iter().flat_map(Seen::links);
        let values = links.filter_map(|(label, link)| Some((label, value(link)?)));
        values.collect()
    };
    let of_peer = |value: &dyn Fn(&PeerStatus) -> u64| -> Vec<_> {
        let links = seen.iter().flat_map(Seen::links);
        let peers = links.flat_map(|(label, link)| {
            let peer = move |peer| (label_of_peer(&label, peer), value(peer));
            link.peers.iter().map(peer).collect::<Vec<_>>()
        });
        peers.collect()
    };
    let status =
        |of: fn(&Status) -> Option<u64>| move |seen: &Seen| seen.status.as_ref().and_then(of);
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let gauge = |name, help, values| Metric {
        name,
        kind: Kind::Gauge,
        help,
        values,
    };
    let counter = |name, help, values| Metric {
        kind: Kind::Counter,
        ..gauge(name, help, values)
    };
    vec![
        gauge(
            "netns_ready",
            "1 if services can start in the namespace.",
            of_netns(&|seen| Some(seen.status.as_ref().is_some_and(|of| of.ready).into())),
        ),
        gauge(
            "netns_matches_settings",
            "1 if status exits with 0: it is ready, nothing differs and nothing is in the way.",
            of_netns(&|seen| Some(seen.matches.into())),
        ),
        gauge(
            "netns_failed",
            "1 if its last start or reload failed, or its last trial was rolled back.",
            of_netns(&status(|of| Some((!of.failure.is_empty()).into()))),
        ),
        gauge(
            "netns_changes",
            "How many changes it is away from its settings, if that is known.",
            of_netns(&|seen| Some(number(seen.status.as_ref()?.differences.as_ref()?.len()))),
        ),
        gauge(
            "netns_processes",
            "How many processes are inside.",
            of_netns(&|seen| Some(number(seen.status.as_ref()?.processes))),
        ),
        gauge(
            "netns_last_repair_timestamp_seconds",
            "When netns-setup watch last repaired it, in seconds since 1970.",
            of_netns(&|seen| seen.repaired),
        ),
        gauge(
            "netns_link_carrier",
            "1 if the link is up and has a carrier.",
            of_link(&|link| Some((link.state() == LinkState::Up).into())),
        ),
        counter(
            "netns_link_receive_bytes_total",
            "Bytes that the link has received.",
            of_link(&|link| Some(link.stats64?.rx.bytes)),
        ),
        counter(
            "netns_link_transmit_bytes_total",
            "Bytes that the link has sent.",
            of_link(&|link| Some(link.stats64?.tx.bytes)),
        ),
        gauge(
            "netns_wireguard_latest_handshake_timestamp_seconds",
            "The last handshake with the peer, in seconds since 1970; 0 without one.",
            of_peer(&|peer| peer.latest_handshake.unwrap_or(0)),
        ),
        counter(
            "netns_wireguard_receive_bytes_total",
            "Bytes received from the peer.",
            of_peer(&|peer| peer.transfer_rx),
        ),
        counter(
            "netns_wireguard_transmit_bytes_total",
            "Bytes sent to the peer.",
            of_peer(&|peer| peer.transfer_tx),
        ),
    ]
}

impl Seen {
    fn label(&self) -> String {
        format!("netns=\"{}\"", self.name)
    }

    /// The links but lo, each with its labels.
    fn links(&self) -> Vec<(String, &LinkStatus)> {
        let links = self.status.iter().flat_map(|status| &status.links);
        let links = links.filter(|link| link.name != "lo");
        let labeled = links.map(|link| {
            let name = escaped(&link.name);
            (format!("{},link=\"{name}\"", self.label()), link)
        });
        labeled.collect()
    }
}

fn label_of_peer(of_link: &str, peer: &PeerStatus) -> String {
    format!("{of_link},public_key=\"{}\"", peer.public_key)
}

/// A value of a label. The kernel accepts backslashes and quotes in names of links.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[derive(Debug)]
struct Metrics(Vec<Metric>);

impl Document for Metrics {
    fn lines(&self) -> Vec<Line> {
        let metrics = self.0.iter().filter(|metric| !metric.values.is_empty());
        let lines = metrics.flat_map(|metric| {
            let Metric { name, help, .. } = metric;
            let kind = match metric.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            let head = [
                format!("# HELP {name} {help}"),
                format!("# TYPE {name} {kind}"),
            ];
            let values = metric.values.iter();
            let values = values.map(|(labels, value)| format!("{name}{{{labels}}} {value}"));
            head.into_iter().chain(values).collect::<Vec<_>>()
        });
        lines.map(Line::from).collect()
    }
}
