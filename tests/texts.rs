//! The text form of each thing is complete: printed and parsed again, it is the same. And
//! no text makes a parser panic. tests/routes.rs and tests/policy.rs compare the same
//! texts with ip(8).
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

#[path = "common/policy_texts.rs"]
mod policy_texts;
#[path = "common/random.rs"]
mod random;

use netns_services::model::{Address, Mac, Route, RouteKind, Rule};
use proptest::prelude::*;
use random::Random;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_text_of_a_route_says_all_of_it(route in route()) {
        prop_assert_eq!(route.to_string().parse::<Route>(), Ok(route));
    }

    #[test]
    fn the_text_of_an_address_says_all_of_it(ip in any::<std::net::IpAddr>(), prefix in 0..=32u8) {
        let address = Address::from(ipnet::IpNet::new(ip, prefix).unwrap());
        prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
    }

    #[test]
    fn the_text_of_a_hardware_address_says_all_of_it(mut bytes in any::<[u8; 6]>()) {
        bytes[0] = bytes[0] & 0xfe | 0x02;
        prop_assert_eq!(Mac(bytes).to_string().parse::<Mac>(), Ok(Mac(bytes)));
    }

    #[test]
    fn the_text_of_a_policy_rule_says_all_of_it(seed in 1..u64::MAX) {
        let mut random = Random(seed);
        let text = policy_texts::text(random.below(400), &mut random);
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
        }
    }

    #[test]
    fn no_text_makes_a_reader_fall_over(text in "[a-z0-9:./ -]{0,60}") {
        let _ = text.parse::<Route>();
        let _ = text.parse::<Address>();
        let _ = text.parse::<Mac>();
        let _ = text.parse::<Rule>();
    }
}

/// Any route that the kernel could hold.
fn route() -> impl Strategy<Value = Route> {
    let kind = prop::sample::select(RouteKind::WORDS.map(|(_, kind)| kind).to_vec());
    let addresses = (
        any::<std::net::IpAddr>(),
        any::<Option<std::net::IpAddr>>(),
        any::<Option<std::net::IpAddr>>(),
    );
    let numbers = (
        any::<u32>(),
        1..=u32::MAX,
        0..=254u8,
        1..=255u8,
        prop::option::of(68..=65520u32),
    );
    (kind, addresses, 0..=32u8, numbers, any::<[bool; 3]>()).prop_map(
        |(
            kind,
            (dst, via, src),
            prefix,
            (metric, table, scope, proto, mtu),
            [dev, onlink, usual],
        )| {
            let dst = ipnet::IpNet::new(dst, prefix).unwrap().trunc();
            let v4 = dst.addr().is_ipv4();
            let unicast = kind == RouteKind::Unicast;
            let via = via.filter(|via| unicast && (v4 || via.is_ipv6()));
            let via = via.filter(|via| !via.is_multicast() && !via.is_unspecified());
            let mut route = Route::to(dst, kind);
            route.via = via;
            route.src = src.filter(|src| src.is_ipv4() == v4);
            route.dev = (dev && unicast).then(|| "eth1".parse().unwrap());
            route.onlink = onlink && via.is_some();
            route.mtu = mtu;
            if via.is_some() {
                route.scope = 0;
            }
            if !usual {
                route.metric = if v4 { metric } else { metric.max(1) };
                route.table = table;
                route.proto = proto;
                route.scope = match (v4, via) {
                    (true, None) => scope,
                    (true, Some(_)) => scope % 253,
                    (false, _) => 0,
                };
            }
            route
        },
    )
}
