//! Random texts that may or may not be policy rules.

use crate::random::Random;

/// A text that may or may not be a rule; `n` makes it different from the others.
pub fn text(n: usize, random: &mut Random) -> String {
    let v6 = random.below(3) == 0;
    let mut parts: Vec<String> = Vec::new();
    if v6 || random.below(8) == 0 {
        parts.push((if v6 { "-6" } else { "-4" }).into());
    }
    let mut sometimes = |one_in, words: &[&str]| {
        if random.below(one_in) == 0 {
            parts.push(words[random.below(words.len())].into());
        }
    };
    sometimes(8, &["not"]);
    match v6 {
        true => {
            sometimes(
                2,
                &[
                    "from 2001:db8::/32",
                    "from all",
                    "from 2001:db8::7",
                    "from ::/0",
                ],
            );
            sometimes(3, &["to 2001:db8:1::/64", "to fe80::1", "to default"]);
        }
        false => {
            sometimes(
                2,
                &[
                    "from 10.0.0.0/8",
                    "from all",
                    "from 192.0.2.7",
                    "from 0.0.0.0/0",
                ],
            );
            sometimes(3, &["to 198.51.100.0/24", "to 192.0.2.1", "to any"]);
        }
    }
    sometimes(4, &["tos 0x10", "dsfield 8", "tos 0xb8", "tos 1"]);
    sometimes(
        4,
        &[
            "fwmark 1",
            "fwmark 0x10/0xff",
            "fwmark 0/0xffffffff",
            "fwmark 4294967295",
            "fwmark 7/7",
        ],
    );
    sometimes(4, &["iif lo", "dev eth1", "iif eth0.5"]);
    sometimes(6, &["oif eth1"]);
    sometimes(
        6,
        &[
            "uidrange 0-99",
            "uidrange 1000-4294967294",
            "uidrange 5-5",
            "uidrange 9-3",
        ],
    );
    sometimes(
        4,
        &[
            "ipproto tcp",
            "ipproto 17",
            "ipproto esp",
            "ipproto ipv6-icmp",
        ],
    );
    sometimes(
        4,
        &["sport 53", "sport 1000-2000", "sport 1-65534", "sport 0"],
    );
    sometimes(4, &["dport 22", "dport 22-22", "dport 80-79"]);
    let priority = ["priority", "pref", "preference", "order"][random.below(4)];
    if random.below(2) == 0 {
        parts.push(format!("{priority} {}", 30000 - n * 7));
    }
    // Each has its own destination, so that no two are the same
    match random.below(8) {
        0 => parts.push(format!("goto {}", 30001 + n)),
        1 => parts.push(format!("uidrange {n}-{n} blackhole")),
        2 => parts.push(format!("uidrange {n}-{n} prohibit")),
        3 => parts.push(format!("uidrange {n}-{n} unreachable")),
        4 => parts.push(format!("uidrange {n}-{n} l3mdev")),
        5 => parts.push(format!("lookup {} sup_pl {}", 1000 + n, n % 32)),
        6 => parts.push(format!("uidrange {n}-{n}")),
        _ => parts.push(format!("table {}", 1000 + n)),
    }
    parts.join(" ")
}
