//! Finds the includes in a rule file of nft(8), and maps the lines of a text that consists of
//! several files back to these files. No I/O.

use std::fmt::Write;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Rules, comments and blanks.
    Rules(&'a str),
    /// The PATH of an `include "PATH"`, which is a glob(7) pattern, and the number of line ends in
    /// the directive.
    Include(&'a str, usize),
}

/// The beginning of a comment that names the file and line of the next line.
const MARK: &str = "# from ";

/// The word of nft(8) that includes a file.
const INCLUDE: &str = "include";

/// The parts of a text, in order. An include that nft would not accept remains part of the rules.
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

/// The path after the word, and its end in `rest`. A backslash continues the line.
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

/// Add a comment that the following text begins at this line of this file.
pub fn mark(text: &mut String, file: &str, line: usize) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = writeln!(text, "{MARK}{file}:{line}");
}

/// The file of a line and its number there. `line` counts from 1 in the text. Text before the first
/// mark belongs to `main`.
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
