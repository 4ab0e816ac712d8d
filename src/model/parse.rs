//! Parses the words of a text in the syntax of ip(8): numbers and names, each with its errors. The
//! words themselves belong to routes and policy rules.

use super::TextError;
use crate::name::LinkName;

/// The tables of linux/rtnetlink.h. The kernel itself only knows the numbers.
pub(in crate::model) const TABLES: [(&str, u32); 3] =
    [("default", 253), ("main", 254), ("local", 255)];

pub(in crate::model) type Words<'a> = std::vec::IntoIter<&'a str>;

/// The names that are the same everywhere, and those of the host.
pub(in crate::model) type Known<'a> = (&'a [(&'a str, u32)], &'a [(String, u32)]);

pub(in crate::model) fn dev(text: &str) -> Result<LinkName, TextError> {
    text.parse().or_else(|why| {
        wrong(
            format!(": {text} is not a name for a link: {why}"),
            "expected the name of a link after dev",
        )
    })
}

/// A decimal number from `least` to `most`. Leading zeros are an error: ip(8) would read `010` as
/// 8.
pub(in crate::model) fn number(
    word: &str,
    text: &str,
    least: u32,
    most: u32,
) -> Result<u32, TextError> {
    let zeros = text.len() > 1 && text.starts_with('0');
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !zeros;
    match text.parse() {
        Ok(number) if plain && (least..=most).contains(&number) => Ok(number),
        _ => wrong(
            format!(": {word} {text} is not possible"),
            format!("expected a decimal number from {least} to {most} after {word}"),
        ),
    }
}

/// A number in this range, or a name for one.
pub(in crate::model) fn named(
    word: &str,
    text: &str,
    (everywhere, here): Known<'_>,
    (least, most): (u32, u32),
) -> Result<u32, TextError> {
    let everywhere = everywhere.iter().find(|(name, _)| *name == text);
    let here = here.iter().find(|(name, _)| name == text);
    match everywhere.map(|e| e.1).or(here.map(|e| e.1)) {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => number(word, text, least, most),
        _ => wrong(
            format!(": {word} {text} is not known here"),
            format!("expected a number, or a name that ip(8) knows, after {word}"),
        ),
    }
}

pub(in crate::model) fn value<'a>(word: &str, words: &mut Words<'a>) -> Result<&'a str, TextError> {
    match words.next() {
        Some(value) => Ok(value),
        None => wrong(
            format!(" ends after {word}"),
            format!("expected a value after {word}"),
        ),
    }
}

pub(in crate::model) fn once<T>(
    word: &str,
    field: &mut Option<T>,
    value: T,
) -> Result<(), TextError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => wrong(format!(" has {word} twice"), "keep one of the two"),
    }
}

pub(in crate::model) fn wrong<T>(
    wrong: impl Into<String>,
    remedy: impl Into<String>,
) -> Result<T, TextError> {
    let (wrong, remedy) = (wrong.into(), remedy.into());
    Err(TextError { wrong, remedy })
}
