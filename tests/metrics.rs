//! `netns-setup metrics`, as a real node_exporter takes it from a file (its textfile collector).

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{LIMIT, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, sandbox, setup};

/// As tests/get-tools installs it.
const EXPORTER: &str =
    "${TESTBED_CACHE:-/var/cache/netns-services}/node-exporter/usr/bin/prometheus-node-exporter";

/// The value of a metric, and `None` if it is not printed.
fn value(metrics: &str, name: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

/// All that a node_exporter serves which reads only these metrics.
fn exported(sandbox: &Sandbox, metrics: &str) -> String {
    sandbox.write("/run/metrics/netns.prom", metrics);
    let script = format!(
        "exec \"{EXPORTER}\" --collector.disable-defaults --collector.textfile \
         --collector.textfile.directory=/run/metrics --web.listen-address=127.0.0.1:9100 2>&1"
    );
    let mut exporter = sandbox.spawn(&["sh", "-c", &script]);
    let ask = || -> Option<String> {
        sandbox.inside(|| {
            let mut stream = TcpStream::connect("127.0.0.1:9100").ok()?;
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text)
        })
    };
    let serves = || ask().is_some();
    assert!(
        wait_until(LIMIT, serves),
        "{:?}; tests/get-tools test installs it",
        exporter.ended()
    );
    ask().unwrap()
}

#[test]
fn a_node_exporter_takes_the_metrics() {
    let sandbox = sandbox(MGMT);
    sandbox.write("/etc/conf.d/netns.gone", "netns_links=eth7\n");
    setup(&sandbox, "up gone").code(111);
    let metrics = || setup(&sandbox, "metrics").ok().stderr("").stdout;
    assert_eq!(value(&metrics(), "netns_ready{netns=\"mgmt\"}"), Some(0.0));
    let mut watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    let ready = || value(&metrics(), "netns_ready{netns=\"mgmt\"}") == Some(1.0);
    assert!(wait_until(LIMIT, ready), "{:?}", watch.ended());
    let repaired = "netns_last_repair_timestamp_seconds{netns=\"mgmt\"}";
    assert_eq!(value(&metrics(), repaired), None);
    sandbox.sh("ip -n mgmt route delete default").ok();
    let is_repaired = || value(&metrics(), repaired) > Some(1e9);
    assert!(wait_until(LIMIT, is_repaired), "{}", metrics());
    sandbox.sh("ip -n far link set far1 down").ok();
    let carrier = "netns_link_carrier{link=\"eth1\",netns=\"mgmt\"}";
    let printed = "netns_link_carrier{netns=\"mgmt\",link=\"eth1\"}";
    let is_pulled = || value(&metrics(), printed) == Some(0.0);
    assert!(wait_until(LIMIT, is_pulled), "{}", metrics());

    let served = exported(&sandbox, &metrics());
    assert_eq!(
        value(&served, "node_textfile_scrape_error"),
        Some(0.0),
        "{served}"
    );
    for (name, expected) in [
        ("netns_ready{netns=\"mgmt\"}", 1.0),
        ("netns_matches_settings{netns=\"mgmt\"}", 1.0),
        ("netns_failed{netns=\"mgmt\"}", 0.0),
        ("netns_changes{netns=\"mgmt\"}", 0.0),
        ("netns_processes{netns=\"mgmt\"}", 0.0),
        ("netns_ready{netns=\"gone\"}", 0.0),
        ("netns_matches_settings{netns=\"gone\"}", 0.0),
        ("netns_failed{netns=\"gone\"}", 1.0),
        (carrier, 0.0),
    ] {
        assert_eq!(value(&served, name), Some(expected), "{name}\n{served}");
    }
    for name in [
        repaired,
        "netns_link_receive_bytes_total{link=\"eth1\",netns=\"mgmt\"}",
        "netns_link_transmit_bytes_total{link=\"eth1\",netns=\"mgmt\"}",
    ] {
        assert!(value(&served, name) > Some(0.0), "{name}\n{served}");
    }
    assert!(served.contains("# TYPE netns_link_receive_bytes_total counter"));
}

/// Whatever keeps a ready namespace from what its settings say, the alert sees it.
#[test]
fn what_is_in_the_way_is_no_match() {
    let matches = "netns_matches_settings{netns=\"mgmt\"}";
    let changes = "netns_changes{netns=\"mgmt\"}";
    for (fault, count) in [
        ("ip -n mgmt route delete default", Some(1.0)),
        ("ip -n far link delete far1", None),
        ("echo netns_links=eth7 >/etc/conf.d/netns.mgmt", None),
        ("echo netns_linsk=eth1 >/etc/conf.d/netns.mgmt", None),
    ] {
        let sandbox = sandbox(MGMT);
        setup(&sandbox, "up mgmt").ok();
        let metrics = || setup(&sandbox, "metrics").ok().stderr("").stdout;
        let settled = wait_until(LIMIT, || value(&metrics(), matches) == Some(1.0));
        assert!(settled, "{}", metrics());
        assert_eq!(value(&metrics(), changes), Some(0.0));
        sandbox.sh(fault).ok();
        let is_seen = || {
            let metrics = metrics();
            (value(&metrics, matches), value(&metrics, changes)) == (Some(0.0), count)
        };
        assert!(wait_until(LIMIT, is_seen), "{fault}: {}", metrics());
        let ready = value(&metrics(), "netns_ready{netns=\"mgmt\"}");
        assert_eq!(ready, Some(1.0), "{fault}");
    }
}
