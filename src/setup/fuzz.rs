//! Fuzzing of the journal's reader, and of the output of a container program's `inspect`.

#![allow(clippy::unwrap_used)]

use super::{attach, journal_format};
use crate::definitions::links::{ATTRIBUTES, PORT, TYPES, Type};
use crate::definitions::option::Opt;
use crate::fuzz::fuzz;
use crate::model::link::options::Options;

const JOURNAL: &str = "# What netns-setup made\n[namespace]\nmade=yes\nresolv_conf=yes\nidentity=4:4026532266:123\n[rules nftables]\nfile=/etc/netns/mgmt/nftables.nft\ntable=inet filter\nheld=eth1 7\n[table]\nmade=yes\npublish=tcp/8000-8010 from 192.0.2.0/24\n[clients]\neth1=udhcpc 500 yes metric 7 nogateway\n[made eth1 inside]\ntype=physical\naddress=192.0.2.10/24 brd 192.0.2.255\n[made ve0 inside]\ntype=veth\npeer=mgmt-ve0 host\nmtu=1400\n[made routes]\ninside=default via 192.0.2.1 dev eth1\nhost=10.9.0.0/24 via 10.8.0.2 dev mgmt-ve0\n[made policy]\ninside=from 192.0.2.0/24 table 10 priority 100\n[made sysctls]\nhost=net/ipv4/conf/eth1/forwarding 1\n[before eth1 host]\ntype=physical\nmac=52:54:00:00:00:01\nmtu=1500\nup=yes\naddress=192.0.2.7/24 brd 192.0.2.255\n[before routes]\nhost=203.0.113.0/24 via 192.0.2.1 dev eth1 metric 7\n[before sysctls]\nhost=net/ipv4/conf/eth1/forwarding 0\n[before kept]\n";

const WIREGUARD: &str = "wireguard=/etc/wg0.conf\ntold=xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= 192.0.2.1:51820\ntold=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk= [2001:db8::1]:51820\ntold=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

/// A journal for each type of link, with every option and every line that a link can have.
fn journals_of_each_type() -> Vec<String> {
    let lines = |options: Options, start: fn(&Opt) -> String| -> String {
        let each = options.iter();
        each.map(|(option, value)| format!("{}{}\n", start(option), value.value))
            .collect()
    };
    let journal = |of: &Type| {
        let of_type = lines(Options::examples(of.options), |option| {
            format!("{}=", option.word)
        });
        let own = lines(Options::examples(ATTRIBUTES), |option| {
            format!("{}=", option.key)
        });
        let port = lines(Options::examples(PORT), |option| {
            format!("port={} ", option.word)
        });
        let wireguard = if of.word == "wireguard" {
            WIREGUARD
        } else {
            ""
        };
        format!(
            "[namespace]\nmade=yes\n[made x0 inside]\ntype={}\nborn=netns other\nbirth=4:7\nlink=eth1\n\
             {of_type}{own}{port}{wireguard}master=br0\ninside=y0\ncard=mac 52:54:00:12:34:56\nup=no\n\
             index=7\naltname=uplink\nvlans=10 pvid untagged\nvlans=20-30\nseen=7\n\
             address=192.0.2.10/24 brd 192.0.2.255 valid_lft 600 preferred_lft 300\n",
            of.word
        )
    };
    TYPES.iter().map(journal).collect()
}

#[test]
fn journals() {
    let of_types = journals_of_each_type();
    let mut corpus = vec![JOURNAL.as_bytes(), b"[namespace]\nmade=no\n"];
    corpus.extend(of_types.iter().map(String::as_bytes));
    for text in &of_types {
        assert_eq!(journal_format::read(text).err(), None, "{text}");
    }
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
        "told=",
        "born=",
        "port=",
        "vlans=",
        "altname=",
        "vpn.example.org:51820",
        "[2001:db8::1]:51820",
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
    fuzz("journal", &corpus, &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match journal_format::read(&text) {
            Ok((read, _)) => {
                let written = journal_format::write(&read, None);
                let again = journal_format::read(&written);
                let again = again.map(|(again, _)| journal_format::write(&again, None));
                assert_eq!(again.as_ref(), Ok(&written));
                let ours = &read.ours;
                format!(
                    "good {} {} {}",
                    "link ".repeat(ours.links.len().min(3)),
                    "wireguard ".repeat(
                        ours.links
                            .iter()
                            .filter(|l| l.wireguard.is_some())
                            .count()
                            .min(2)
                    ),
                    "route ".repeat(ours.routes.len().min(3))
                )
            }
            Err(wrong) => wrong,
        }
    });
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
