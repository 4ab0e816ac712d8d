//! Fuzzing of the journal's reader, and of the output of a container program's `inspect`.

#![allow(clippy::unwrap_used)]

use super::{attach, journal_format};
use crate::fuzz::fuzz;

const JOURNAL: &str = "# What netns-setup made\n[namespace]\nmade=yes\nresolv_conf=yes\nidentity=4:4026532266:123\n[rules nftables]\nfile=/etc/netns/mgmt/nftables.nft\ntable=inet filter\nheld=eth1 7\n[table]\nmade=yes\npublish=tcp/8000-8010 from 192.0.2.0/24\n[clients]\neth1=udhcpc 500 yes metric 7 nogateway\n[made eth1 inside]\ntype=physical\naddress=192.0.2.10/24 brd 192.0.2.255\n[made ve0 inside]\ntype=veth\npeer=mgmt-ve0 host\nmtu=1400\n[made routes]\ninside=default via 192.0.2.1 dev eth1\nhost=10.9.0.0/24 via 10.8.0.2 dev mgmt-ve0\n[made policy]\ninside=from 192.0.2.0/24 table 10 priority 100\n[made sysctls]\nhost=net/ipv4/conf/eth1/forwarding 1\n[before eth1 host]\ntype=physical\nmac=52:54:00:00:00:01\nmtu=1500\nup=yes\naddress=192.0.2.7/24 brd 192.0.2.255\n[before routes]\nhost=203.0.113.0/24 via 192.0.2.1 dev eth1 metric 7\n[before sysctls]\nhost=net/ipv4/conf/eth1/forwarding 0\n[before kept]\n";

#[test]
fn journals() {
    let words = [
        "[",
        "]",
        "=",
        "\n",
        " ",
        "inside",
        "host",
        "made ",
        "before ",
        "rules ",
        "namespace",
        "table",
        "type=",
        "peer=",
        "address=",
        "mtu=",
        "mac=",
        "up=",
        "publish=",
        "vlan=",
        "wireguard",
        "bridge",
        "4294967296",
        "-1",
        "0",
        "::/0",
        "192.0.2.1/33",
        "\\",
        "\"",
        ";",
        "#",
    ];
    fuzz(
        "journal",
        &[JOURNAL.as_bytes(), b"[namespace]\nmade=no\n"],
        &words,
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match journal_format::read(&text) {
                Ok((read, _)) => {
                    let written = journal_format::write(&read, None);
                    let again = journal_format::read(&written);
                    let again = again.map(|(again, _)| journal_format::write(&again, None));
                    assert_eq!(again.as_ref(), Ok(&written));
                    let ours = &read.ours;
                    format!(
                        "good {} {}",
                        "link ".repeat(ours.links.len().min(3)),
                        "route ".repeat(ours.routes.len().min(3))
                    )
                }
                Err(wrong) => wrong,
            }
        },
    );
}

#[test]
fn what_inspect_prints() {
    let corpus = [
        b"812\n".as_slice(),
        b"0\n",
        b"",
        b"4294967295",
        b"Error: no such container\n",
    ];
    fuzz(
        "inspect",
        &corpus,
        &["-", "+", "0", " ", "\n", "\u{661}", "\u{0}", "99999999999"],
        |bytes| match attach::pid_in(bytes) {
            Ok(pid) => {
                let digits = String::from_utf8_lossy(bytes).trim().to_string();
                assert_eq!(digits, pid.to_string());
                if pid == 0 {
                    "none".into()
                } else {
                    "some".into()
                }
            }
            Err(text) => {
                assert!(!text.chars().any(char::is_control), "{text:?}");
                "wrong".into()
            }
        },
    );
}
