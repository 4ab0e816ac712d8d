//! The patterns of glob(7) for one component of a path. No I/O.

/// Whether the text is a pattern and not a plain name.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether the pattern matches the name. A dot at the beginning of the name is only matched by a
/// dot.
pub fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    fits(&pattern, &name)
}

fn fits(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        // Several `*` match the same as one. One is tried with every number of characters
        (Some(('*', rest)), _) if rest.first() == Some(&'*') => fits(rest, name),
        (Some(('*', rest)), _) => (0..=name.len()).any(|taken| fits(rest, &name[taken..])),
        (Some(_), None) => false,
        (Some(('?', rest)), Some((_, others))) => fits(rest, others),
        (Some(('[', set)), Some((c, others))) => match bracket(set, *c) {
            Some((is_in, rest)) => is_in && fits(rest, others),
            None => *c == '[' && fits(set, others),
        },
        (Some(('\\', rest)), Some((c, others))) if !rest.is_empty() => {
            rest[0] == *c && fits(&rest[1..], others)
        }
        (Some((p, rest)), Some((c, others))) => p == c && fits(rest, others),
    }
}

/// Whether a character is in the set after a `[`, and the text after its `]`. `None` if there is no
/// `]`.
fn bracket(set: &[char], c: char) -> Option<(bool, &[char])> {
    let inverse = matches!(set.first(), Some('!' | '^'));
    let set = &set[usize::from(inverse)..];
    // A `]` at the beginning is a member of the set
    let end = 1 + set.iter().skip(1).position(|c| *c == ']')?;
    let (mut at, mut is_in) = (0, false);
    while at < end {
        match set[at..end] {
            [from, '-', to, ..] => {
                is_in |= from <= c && c <= to;
                at += 3;
            }
            _ => {
                is_in |= set[at] == c;
                at += 1;
            }
        }
    }
    Some((is_in != inverse, &set[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_glob_does() {
        for (pattern, yes, no) in [
            ("*.nft", "a.nft", "a.nft~"),
            ("*.nft", "nft.nft.nft", ".a.nft"),
            (".*", ".a", "a"),
            ("a?c", "abc", "ac"),
            ("[0-9]*", "10-a", "a-10"),
            ("[!0-9]*", "a", "1"),
            ("[]a]", "]", "b"),
            ("a[b", "a[b", "ab"),
            ("**x", "x", "y"),
            ("\\*", "*", "a"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }
}
