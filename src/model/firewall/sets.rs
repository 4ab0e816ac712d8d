//! Parses the text for `ipset restore`: finds the sets that it creates, and renames sets so that
//! existing ones can be replaced at once. No I/O.

use std::collections::BTreeSet;
use std::ops::Range;

/// The command of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetCommand {
    Create,
    Destroy,
    Flush,
    Swap,
    Rename,
    /// Any other command, with one set.
    Other,
}

/// The words of ipset(8) for each command. They may follow options of `OPTIONS`.
const VERBS: [(&[&str], SetCommand); 5] = [
    (&["create", "n", "-N", "--create"], SetCommand::Create),
    (&["destroy", "x", "-X", "--destroy"], SetCommand::Destroy),
    (&["flush", "f", "-F", "--flush"], SetCommand::Flush),
    (&["swap", "w", "-W", "--swap"], SetCommand::Swap),
    (&["rename", "e", "-E", "--rename"], SetCommand::Rename),
];
const OPTIONS: [&str; 4] = ["-!", "-exist", "-q", "-quiet"];

/// The sets that exist after the text has been loaded, in the order of creation.
pub fn left(text: &str) -> Vec<&str> {
    let mut sets = Vec::new();
    let lines = text.lines().filter_map(of_line);
    lines.for_each(|line| follow(&mut sets, &line));
    sets
}

/// Apply one more line to the sets that exist.
fn follow<'a>(sets: &mut Vec<&'a str>, line: &Line<'a>) {
    match (line.verb, &line.names[..]) {
        (SetCommand::Create, [set, ..]) if !sets.contains(&set.0) => sets.push(set.0),
        (SetCommand::Destroy, []) => sets.clear(),
        (SetCommand::Destroy, [set, ..]) => sets.retain(|other| *other != set.0),
        (SetCommand::Rename, [from, to]) => {
            let mut renamed = sets.iter_mut().filter(|set| **set == from.0);
            renamed.by_ref().for_each(|set| *set = to.0);
        }
        _ => {}
    }
}

/// A text that fills new sets instead of those that exist (`there`), and then swaps each pair. It
/// is returned with the names of the new sets. Rules that use a set never see it half filled.
pub fn beside(text: &str, there: &BTreeSet<&str>) -> (String, Vec<String>) {
    let lines = text.lines().filter_map(of_line);
    let created =
        lines.filter(|line| [SetCommand::Create, SetCommand::Rename].contains(&line.verb));
    let named = created.filter_map(|line| line.names.last().map(|name| name.0));
    let mut both: Vec<&str> = Vec::new();
    for set in named.filter(|set| there.contains(set)) {
        if !both.contains(&set) {
            both.push(set);
        }
    }
    let other = |set: &str| {
        let place = both.iter().position(|other| *other == set);
        place.map(|n| format!("netns-new-{n}"))
    };
    let now = |set: &str| other(set).unwrap_or_else(|| set.to_string());
    let mut all = String::with_capacity(text.len());
    let mut sets: Vec<&str> = Vec::new();
    for line in text.lines() {
        let parsed = of_line(line);
        // A command for all sets applies to the sets of the text only
        let of_all = parsed.as_ref().and_then(Line::of_all);
        match of_all {
            Some(verb) => sets
                .iter()
                .for_each(|set| all += &format!("{verb} {}\n", now(set))),
            None => {
                let mut end = 0;
                for (name, at) in parsed.iter().flat_map(|line| &line.names) {
                    all += &line[end..at.start];
                    all += &now(name);
                    end = at.end;
                }
                all += &line[end..];
                all.push('\n');
            }
        }
        if let Some(line) = &parsed {
            follow(&mut sets, line);
        }
    }
    for set in sets {
        if let Some(other) = other(set) {
            all += &format!("swap {other} {set}\ndestroy {other}\n");
        }
    }
    (all, both.iter().filter_map(|set| other(set)).collect())
}

/// The command of a line, and the names of its sets with their positions. The members of a set of
/// sets are not included: they mean the set after the swap.
struct Line<'a> {
    verb: SetCommand,
    names: Vec<(&'a str, Range<usize>)>,
}

impl Line<'_> {
    /// The command, if it applies to all sets.
    fn of_all(&self) -> Option<&'static str> {
        match self.verb {
            SetCommand::Destroy if self.names.is_empty() => Some("destroy"),
            SetCommand::Flush if self.names.is_empty() => Some("flush"),
            _ => None,
        }
    }
}

fn of_line(line: &str) -> Option<Line<'_>> {
    let words = words(line).into_iter();
    let mut words = words.skip_while(|(word, _)| OPTIONS.contains(word));
    let first = words.next()?.0;
    if first.starts_with('#') {
        return None;
    }
    let verb = VERBS.iter().find(|(all, _)| all.contains(&first));
    let verb = verb.map_or(SetCommand::Other, |(_, verb)| *verb);
    let count = match verb {
        SetCommand::Swap | SetCommand::Rename => 2,
        _ => 1,
    };
    let names = words.take(count).collect();
    Some(Line { verb, names })
}

fn words(line: &str) -> Vec<(&str, Range<usize>)> {
    let words = line.split_ascii_whitespace();
    let place = |word: &str| {
        let begin = word.as_ptr() as usize - line.as_ptr() as usize;
        begin..begin + word.len()
    };
    words.map(|word| (word, place(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATER: &str = "create bad hash:ip\n\
         create  tmp\thash:ip\n# add tmp 0\n  add tmp 192.0.2.1 comment \"a  b\"\n\
         swap tmp bad\ndestroy tmp\n";

    #[test]
    fn what_is_left_is_known_of_every_verb() {
        for (text, expected) in [
            (UPDATER, &["bad"][..]),
            (
                "-N a hash:ip\nn b hash:ip\n-! create a hash:ip\n",
                &["a", "b"],
            ),
            ("create a hash:ip\nrename a b\n", &["b"]),
            ("create a hash:ip\ndestroy\ncreate b hash:ip", &["b"]),
            ("#create a hash:ip\n\n", &[]),
        ] {
            assert_eq!(left(text), expected, "{text}");
        }
    }

    #[test]
    fn sets_that_are_there_are_filled_beside_themselves() {
        let (text, others) = beside(UPDATER, &BTreeSet::from(["bad", "other"]));
        let expected = "create netns-new-0 hash:ip\n\
             create  tmp\thash:ip\n# add tmp 0\n  add tmp 192.0.2.1 comment \"a  b\"\n\
             swap tmp netns-new-0\ndestroy tmp\nswap netns-new-0 bad\ndestroy netns-new-0\n";
        assert_eq!(text, expected);
        assert_eq!(others, ["netns-new-0"]);
        let (text, _) = beside(
            "create\ta  hash:ip\nadd  a\t192.0.2.1\n",
            &BTreeSet::from(["a"]),
        );
        assert!(
            text.starts_with("create\tnetns-new-0  hash:ip\nadd  netns-new-0\t"),
            "{text}"
        );
    }

    #[test]
    fn what_is_said_of_all_sets_is_said_of_those_of_the_text() {
        let text = "flush\ncreate a hash:ip\ncreate b hash:ip\nflush\ndestroy\ncreate a hash:ip\n";
        let (text, _) = beside(text, &BTreeSet::from(["a", "other"]));
        let expected = "create netns-new-0 hash:ip\ncreate b hash:ip\n\
             flush netns-new-0\nflush b\ndestroy netns-new-0\ndestroy b\n\
             create netns-new-0 hash:ip\nswap netns-new-0 a\ndestroy netns-new-0\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_set_of_sets_holds_keeps_its_name() {
        let both = BTreeSet::from(["a", "l"]);
        let (text, _) = beside("create a hash:ip\ncreate l list:set\nadd l a\n", &both);
        assert!(text.contains("add netns-new-1 a\n"), "{text}");
    }
}
