//! What nft(8) includes in a file of rules: the text in, its parts out; and, of a text that
//! was put together of several files, which line of which file one of its lines is. No I/O.

use std::fmt::Write;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Rules, comments and blanks.
    Rules(&'a str),
    /// What `include "PATH"` names, which is a pattern of glob(7), and how many lines end
    /// in these words.
    Include(&'a str, usize),
}

/// What a line begins with that says of which file and line the next one is.
const MARK: &str = "# from ";

/// The word of nft.
const INCLUDE: &str = "include";

/// The parts of a text, in its order. An include that nft would not take is left to it.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            c if is_of_word(c) => {
                let word = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                match included(&rest[word..]).filter(|_| &rest[..word] == INCLUDE) {
                    Some((path, length)) => {
                        parts.push(Part::Rules(&text[begin..at]));
                        begin = at + word + length;
                        let lines = text[at..begin].matches('\n').count();
                        parts.push(Part::Include(path, lines));
                        word + length
                    }
                    None => word,
                }
            }
            c => c.len_utf8(),
        };
    }
    parts.push(Part::Rules(&text[begin..]));
    parts
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '\\' | '_' | '.' | '-' | '$' | '@')
}

/// The path behind the word, and how far it reaches. A line may go on behind a backslash.
fn included(rest: &str) -> Option<(&str, usize)> {
    let mut path = rest;
    loop {
        let next = path.trim_start_matches([' ', '\t']);
        let next = next.strip_prefix("\\\n").unwrap_or(next);
        if next == path {
            break;
        }
        path = next;
    }
    let path = path.strip_prefix('"')?;
    let end = path.find('"')?;
    let length = rest.len() - path.len() + end + 1;
    Some((&path[..end], length))
}

/// Say that what is added next begins at this line of this file.
pub fn mark(text: &mut String, file: &str, line: usize) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = writeln!(text, "{MARK}{file}:{line}");
}

/// Of a line of a text, counted from 1: its file and its line there. Without a mark it is
/// the line of `main`.
pub fn origin(text: &str, main: &str, line: usize) -> (String, usize) {
    let before: Vec<&str> = text.lines().take(line.saturating_sub(1)).collect();
    let marks = before.iter().enumerate().rev();
    let mut said = marks.filter_map(|(at, mark)| {
        let (file, number) = mark.strip_prefix(MARK)?.rsplit_once(':')?;
        let number: usize = number.parse().ok()?;
        Some((file.to_string(), number + line.saturating_sub(at + 2)))
    });
    said.next().unwrap_or_else(|| (main.to_string(), line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(text: &str) -> Vec<&str> {
        let parts = parts(text).into_iter();
        let paths = parts.filter_map(|part| match part {
            Part::Include(path, _) => Some(path),
            Part::Rules(_) => None,
        });
        paths.collect()
    }

    #[test]
    fn an_include_is_found_wherever_nft_takes_one_and_nowhere_else() {
        for (text, expected) in [
            ("include \"/a\"\n", &["/a"][..]),
            (
                "table ip a { include \"b*\"; include\t\"c\"\n}",
                &["b*", "c"],
            ),
            ("include \\\n \"/a\"", &["/a"]),
            ("# include \"/a\"\n", &[]),
            ("accept comment \"include \" \"/a\"", &[]),
            ("my-include \"/a\"\n$include \"/b\"", &[]),
            ("include /a\ninclude", &[]),
            ("include \"/a", &[]),
        ] {
            assert_eq!(includes(text), expected, "{text}");
        }
    }

    #[test]
    fn the_parts_are_the_whole() {
        let text = "a\n{ include \"b\"; c }";
        let expected = [
            Part::Rules("a\n{ "),
            Part::Include("b", 0),
            Part::Rules("; c }"),
        ];
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn a_line_is_known_again() {
        let mut text = "first\n{ ".to_string();
        mark(&mut text, "/b", 1);
        text += "b1\nb2\n";
        mark(&mut text, "/main", 2);
        text += "}\nlast\n";
        let line_of = |said: &str| 1 + text.lines().position(|line| line == said).unwrap();
        for (said, file, line) in [
            ("first", "/main", 1),
            ("b1", "/b", 1),
            ("b2", "/b", 2),
            ("}", "/main", 2),
            ("last", "/main", 3),
        ] {
            let expected = (file.to_string(), line);
            assert_eq!(origin(&text, "/main", line_of(said)), expected, "{said}");
        }
    }
}
