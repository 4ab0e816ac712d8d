//! Finds what is lost when nft's rules are loaded again: links by index, which a recreated link no
//! longer has, and elements of sets, which other programs may have added.

use std::collections::BTreeSet;

/// The words before a link or list of links that the rules refer to by index, or with a hook that
/// is removed with the link.
const BY_INDEX: [&str; 7] = [
    "iif",
    "oif",
    "sdif",
    "device",
    "devices",
    "netdev",
    "iface_index",
];

/// The words before a link that the rules refer to by name.
const BY_NAME: [&str; 3] = ["iifname", "oifname", "sdifname"];

/// The words that may be names of links which the rules refer to by index. Definitions, sets and
/// maps can separate a name from the word of `BY_INDEX`. Empty if there is no such word.
pub fn by_index(text: &str) -> BTreeSet<&str> {
    let lines = text.lines();
    let code = lines.map(|line| line.split('#').next().unwrap_or_default());
    let words: Vec<&str> = code.flat_map(words).collect();
    if !words.iter().any(|word| BY_INDEX.contains(word)) {
        return BTreeSet::new();
    }
    let before = [""].iter().chain(&words);
    let all = words.iter().zip(before);
    let all = all.filter(|(_, before)| !BY_NAME.contains(before));
    all.map(|(word, _)| *word).collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "_.-:@/+".contains(c);
    line.split(move |c| !is_of_word(c))
        .filter(|word| !word.is_empty())
}

/// The commands that add the elements of a table's sets and maps again. `listed` is the table as
/// nft lists it. Sets of interface indexes are omitted, because the indexes are no longer valid.
pub fn elements(table: &str, listed: &str) -> String {
    let mut all = String::new();
    let mut set: Option<&str> = None;
    let mut found: Option<String> = None;
    for line in listed.lines() {
        let text = line.trim_start();
        let begins = |word| text.strip_prefix(word)?.strip_suffix(" {");
        if let Some(name) = begins("set ").or_else(|| begins("map ")) {
            set = Some(name);
        } else if line == "\t}" {
            if let (Some(set), Some(elements)) = (set, &found) {
                all += &format!("add element {table} {set} {elements}\n");
            }
            (set, found) = (None, None);
        } else if let Some(found) = &mut found {
            *found += " ";
            *found += text;
        } else if BY_INDEX.iter().any(|word| words(text).any(|w| w == *word)) {
            set = None;
        } else if set.is_some() {
            found = text.strip_prefix("elements = ").map(String::from);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_are_held_by_index_are_known() {
        for (text, yes) in [
            ("iif \"p0\" drop", true),
            ("oif != p0 drop", true),
            ("define lan = p0\niif $lan accept", true),
            ("iif { lo, p0 } accept", true),
            ("flowtable f { devices = { p0, p1 }; }", true),
            ("type filter hook ingress device \"p0\" priority 0", true),
            ("iifname \"p0\" drop", false),
            ("iif lo accept\niifname p0 drop", false),
            ("iif lo accept # p0", false),
            ("tcp dport 22 accept comment \"p0\"", false),
        ] {
            assert_eq!(by_index(text).contains("p0"), yes, "{text}");
        }
    }

    #[test]
    fn elements_are_those_of_sets_and_maps() {
        let listed = "table inet fw {\n\tset bad {\n\t\ttype ipv4_addr\n\t\ttimeout 1h\n\t\t\
             elements = { 192.0.2.1 expires 59m,\n\t\t\t     192.0.2.2 }\n\t}\n\n\tset none {\n\t\t\
             type ipv4_addr\n\t}\n\n\tset links {\n\t\ttype iface_index\n\t\telements = { 7 }\n\t}\n\
             \n\tmap m {\n\t\ttype ipv4_addr : verdict\n\t\telements = { 192.0.2.3 : drop }\n\t}\n\
             \n\tchain c {\n\t\tip saddr @bad drop\n\t}\n}\n";
        assert_eq!(
            elements("inet fw", listed),
            "add element inet fw bad { 192.0.2.1 expires 59m, 192.0.2.2 }\n\
             add element inet fw m { 192.0.2.3 : drop }\n"
        );
    }
}
