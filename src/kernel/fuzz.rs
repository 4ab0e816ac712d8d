//! Fuzz tests: answers of the kernel are changed at random and parsed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use rtnetlink::packet_route::RouteNetlinkMessage;

use super::link::{options, wireless};
use super::netlink::message::Raw;
use super::netlink::response::Answers;
use super::wireguard::message;
use super::{conntrack, decode};
use crate::definitions::links::{ATTRIBUTES, PORT, TYPES};
use crate::fuzz::fuzz;
use crate::model::link::options::Options;
use crate::model::names::Names;
use crate::model::{Link, LinkSpec, Netns};

/// struct nlmsghdr, in the byte order of this machine.
fn head(length: usize, kind: u16, flags: u16) -> Vec<u8> {
    let mut bytes = u32::try_from(length).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes
}

fn message_of(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = head(16 + body.len(), kind, 2);
    bytes.extend(body);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(4 + value.len())
        .unwrap()
        .to_ne_bytes()
        .to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A link of each type with all its options, as a port of a bridge and with every attribute that is
/// read. Two options can share an attribute: then there are two links.
fn links_of_each_type() -> Vec<Vec<u8>> {
    let port = options::encode(&Options::examples(PORT));
    let own = options::encode(&Options::examples(ATTRIBUTES));
    let head = [
        vec![0; 4],
        3u32.to_ne_bytes().to_vec(),
        vec![0x81, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let link = |word: &str, data: &[u8]| {
        let info = [
            attribute(1, format!("{word}\0").as_bytes()),
            attribute(2, data),
            attribute(4, b"bridge\0"),
            attribute(5, &port),
        ];
        [
            head.clone(),
            attribute(3, b"eth1\0"),
            own.clone(),
            attribute(5, &3u32.to_ne_bytes()),
            attribute(10, &3u32.to_ne_bytes()),
            attribute(18, &info.concat()),
            attribute(54, &[2, 0, 0, 0, 0, 9]),
        ]
        .concat()
    };
    let mut links = vec![link("veth", &[])];
    for of in TYPES {
        for options in Options::examples(of.options).each() {
            let spec = LinkSpec {
                options,
                ..LinkSpec::new(of, Netns::This)
            };
            links.push(link(of.word, &options::encode_type(&spec, Some(3))));
        }
    }
    // tap and tun are one kind for the kernel, told apart by IFLA_TUN_TYPE
    links.extend(
        [1, 2].map(|kind| link("tun", &[attribute(3, &[kind]), attribute(7, &[1])].concat())),
    );
    links.iter().map(|link| message_of(16, link)).collect()
}

#[test]
fn answers() {
    // ifinfomsg, ifaddrmsg, rtmsg (linux/rtnetlink.h), with some attributes each
    let info = [
        attribute(1, b"veth\0"),
        attribute(2, &attribute(1, &[1, 0, 0, 0])),
    ]
    .concat();
    let link = [
        vec![0; 4],
        3u32.to_ne_bytes().to_vec(),
        vec![0; 8],
        attribute(3, b"eth1\0"),
        attribute(1, &[2, 0, 0, 0, 0, 1]),
        attribute(4, &1500u32.to_ne_bytes()),
        attribute(18, &info),
        attribute(53, &attribute(1, b"uplink\0")),
    ]
    .concat();
    let address = [
        vec![2, 24, 0, 0],
        3u32.to_ne_bytes().to_vec(),
        attribute(1, &[192, 0, 2, 1]),
        attribute(2, &[192, 0, 2, 1]),
        attribute(3, b"eth1:0\0"),
        attribute(6, &[255; 16]),
    ]
    .concat();
    let hop = [
        vec![16, 0, 0, 1],
        3u32.to_ne_bytes().to_vec(),
        attribute(5, &[192, 0, 2, 1]),
    ]
    .concat();
    let route = [
        vec![2, 24, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0],
        attribute(1, &[10, 0, 0, 0]),
        attribute(5, &[192, 0, 2, 1]),
        attribute(4, &3u32.to_ne_bytes()),
        attribute(9, &hop),
        attribute(8, &attribute(2, &1400u32.to_ne_bytes())),
    ]
    .concat();
    let error = [(-17i32).to_ne_bytes().to_vec(), head(16, 16, 0)].concat();
    let explanation = attribute(1, b"not possible\0");
    let refused = [
        (-22i32).to_ne_bytes().to_vec(),
        head(16, 16, 0),
        explanation,
    ]
    .concat();
    let mut corpus = vec![
        message_of(16, &link),
        // An error without the request, with an explanation (NLM_F_CAPPED and NLM_F_ACK_TLVS)
        [head(16 + refused.len(), 2, 0x300), refused].concat(),
        message_of(20, &address),
        message_of(24, &route),
        message_of(2, &error),
        message_of(3, &[0; 4]),
        [
            message_of(24, &route),
            message_of(16, &link),
            message_of(3, &[0; 4]),
        ]
        .concat(),
    ];
    corpus.extend(links_of_each_type());
    let corpus: Vec<&[u8]> = corpus.iter().map(Vec::as_slice).collect();
    let names = BTreeMap::from([(3, "eth1".parse().unwrap())]);
    let others = BTreeMap::from([
        (None, (&Netns::This, &names)),
        (Some(7), (&Netns::Host, &names)),
    ]);
    fuzz("netlink", &corpus, &[], |bytes| {
        let mut outcome = String::new();
        for many in [true, false] {
            let mut answers = Answers::<RouteNetlinkMessage>::to(7, many, &[]);
            let done = answers.read(bytes);
            outcome += if done.is_ok() { "done " } else { "refused " };
            for came in &answers.came {
                let word = match came {
                    RouteNetlinkMessage::NewLink(link) => {
                        let read = decode::link(link, &Netns::This, &names, &others);
                        let _ = (decode::is_bridge(link), decode::permanent_mac(link));
                        if let Some(read) = &read {
                            outcome += &what_was_read(read);
                        }
                        if read.is_some() { "link " } else { "none " }
                    }
                    RouteNetlinkMessage::NewAddress(address) => {
                        let read = decode::whole_address(address, true, (None, 7));
                        if read.is_some() { "address " } else { "none " }
                    }
                    RouteNetlinkMessage::NewRoute(route) => {
                        let read = decode::route(route, &Netns::This, &names);
                        let _ = decode::expires(route);
                        // A route that no setting can express does not count as a route
                        let text = read.map(|route| route.to_string());
                        let again =
                            text.map(|text| crate::model::Route::parse_from_kernel(&text).is_ok());
                        if again == Some(true) {
                            "route "
                        } else {
                            "none "
                        }
                    }
                    _ => "other ",
                };
                outcome += word;
            }
        }
        let _ = Answers::<Raw>::to(7, false, &[]).read(bytes);
        outcome
    });
}

/// The kind of a link and its options. Each value must be one that the journal can store: it reads
/// the text with the form of the option.
fn what_was_read(link: &Link) -> String {
    let of_type = link.kind.spec().map(|spec| &spec.options);
    let tables = [Some(&link.attributes), of_type, link.port.as_ref()];
    let mut words = format!("{} ", link.kind.word());
    for (option, value) in tables.into_iter().flatten().flat_map(Options::iter) {
        let again = option
            .form
            .read(&value.value.to_string(), &Names::default());
        assert_eq!(again, Ok(value.value), "{} of {link:?}", option.word);
        words = words + option.word + " ";
    }
    words
}

#[test]
fn answers_of_other_families() {
    let key = attribute(1, &[7; 32]);
    let net = [
        attribute(1, &2u16.to_ne_bytes()),
        attribute(2, &[10, 0, 0, 0]),
        attribute(3, &[8]),
    ]
    .concat();
    let peer = [
        key,
        attribute(4, &[2, 0, 0xca, 0x6c, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        attribute(6, &[1; 16]),
        attribute(9, &attribute(0, &net)),
    ]
    .concat();
    // A network with an empty mask: the library would read its first byte
    let empty = attribute(9, &attribute(0, &attribute(3, &[])));
    let empty = attribute(8, &attribute(0, &empty));
    let told = [
        attribute(3, &[9; 32]),
        attribute(6, &51820u16.to_ne_bytes()),
        attribute(8, &attribute(0, &peer)),
    ]
    .concat();
    let tuple = [
        attribute(
            1,
            &[attribute(1, &[10, 0, 0, 1]), attribute(2, &[192, 0, 2, 7])].concat(),
        ),
        attribute(
            2,
            &[attribute(1, &[17]), attribute(3, &53u16.to_be_bytes())].concat(),
        ),
    ]
    .concat();
    let flow = [
        vec![2, 0, 0, 0],
        attribute(1, &tuple),
        attribute(18, &[0, 1]),
    ]
    .concat();
    let peer6 = [
        attribute(1, &[8; 32]),
        attribute(2, &[3; 32]),
        attribute(
            4,
            &[&[10, 0, 0xca, 0x6c, 0, 0, 0, 0][..], &[0x20; 16], &[0; 4]].concat(),
        ),
        attribute(5, &25u16.to_ne_bytes()),
        attribute(7, &9u64.to_ne_bytes()),
        attribute(8, &8u64.to_ne_bytes()),
        attribute(10, &1u32.to_ne_bytes()),
    ]
    .concat();
    let two = [attribute(0, &peer), attribute(0, &peer6)].concat();
    let two = [
        attribute(2, b"wg0\0"),
        attribute(7, &7u32.to_ne_bytes()),
        attribute(8, &two),
    ]
    .concat();
    let tuple6 = [
        attribute(
            1,
            &[attribute(3, &[0x20; 16]), attribute(4, &[0x20; 16])].concat(),
        ),
        attribute(
            2,
            &[attribute(1, &[17]), attribute(3, &53u16.to_be_bytes())].concat(),
        ),
    ]
    .concat();
    let flow6 = [vec![10, 0, 0, 0], attribute(1, &tuple6)].concat();
    let wlan = [
        attribute(3, &7u32.to_ne_bytes()),
        attribute(4, b"wlan0\0"),
        attribute(153, &1u64.to_ne_bytes()),
        attribute(46, &[0; 8]),
    ]
    .concat();
    let corpus = [told.as_slice(), &empty, &two, &flow, &flow6, &wlan];
    fuzz("netlink of others", &corpus, &[], |bytes| {
        let seen = message::decode(&[bytes.to_vec(), bytes.to_vec()]);
        let peers = "peer ".repeat(seen.wireguard.peers.len().min(3));
        let flows = [2, 10].map(|family| {
            if conntrack::flow(family, bytes).is_some() {
                "flow"
            } else {
                "none"
            }
        });
        let wireless = wireless::read(bytes);
        let known = [
            ("named", !wireless.name.is_empty()),
            ("indexed", wireless.index != 0),
            ("numbered", !wireless.number.is_empty()),
        ];
        let known = known.map(|(word, known)| if known { word } else { "no" });
        format!("{peers} {} {}", flows.join(" "), known.join(" "))
    });
}
