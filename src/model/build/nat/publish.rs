//! Parses `netns_publish` into the ports of the host to forward. Their destinations are not known
//! here.

use std::iter::Peekable;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::conf::{Piece, Settings};
use crate::model::nat::{IpVersion, Publish};
use crate::source::{Problem, Sourced};

pub(crate) fn publish(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<Sourced<Publish>> {
    let words = settings.words("netns_publish");
    let mut rest = words.iter().peekable();
    let mut all = Vec::new();
    while let Some(word) = rest.next() {
        let text = with_source(word, &mut rest);
        let publish: Result<Publish, String> = text.parse();
        match publish.and_then(fault) {
            Ok(publish) => all.push(word.at(publish)),
            Err(wrong) => problems.push(word.problem(
                wrong,
                "expected PROTO/[ADDRESS:]PORT[:PORT-INSIDE], such as tcp/8080:80, udp/53, tcp/[2001:db8::1]:443, tcp/8000-8010 or tcp/80 from 192.0.2.0/24",
            )),
        }
    }
    all
}

/// A port, with `from NETWORK` if that follows it.
fn with_source<'a>(
    word: &Piece<'_>,
    rest: &mut Peekable<impl Iterator<Item = &'a Piece<'a>>>,
) -> String {
    let Some(from) = rest.next_if(|next| next.text == "from") else {
        return word.text.into();
    };
    let is_port = |text: &str| text.starts_with("tcp/") || text.starts_with("udp/");
    let source = rest.next_if(|next| !is_port(next.text));
    format!(
        "{} {} {}",
        word.text,
        from.text,
        source.map_or("", |source| source.text)
    )
}

/// Check whether this port can be forwarded.
fn fault(publish: Publish) -> Result<Publish, String> {
    let of_other = |from: IpNet| {
        let host = publish.host.map(IpVersion::of);
        host.is_some_and(|host| host != IpVersion::of(from.addr()))
    };
    match publish.host {
        _ if publish.from.is_some_and(of_other) => {
            Err("has an address of one family and a network of the other after from".into())
        }
        Some(IpAddr::V6(ip)) if ip.is_loopback() => Err(
            "is not possible: packets to ::1 do not leave lo (IPv6 has no route_localnet)".into(),
        ),
        Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() => {
            Err("is a link-local address, of which every link has its own".into())
        }
        Some(ip) if ip.is_unspecified() => {
            Err("names no address; for all addresses of the host, omit it".into())
        }
        Some(ip) if ip.is_multicast() => Err("is a multicast address".into()),
        _ => Ok(publish),
    }
}
