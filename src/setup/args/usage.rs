//! The error for a wrong command line, in two lines: what is wrong, and what to type.

use std::error::Error as _;
use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{is_given, taken_by};
use crate::setup::args::verb::{SHARED, TAKES};
use crate::setup::error::{Error, Result};

/// Verbs of other tools, and our verb for each.
const OTHER_VERBS: [(&str, &str); 14] = [
    ("start", "up"),
    ("create", "up"),
    ("add", "up"),
    ("stop", "down"),
    ("delete", "down"),
    ("del", "down"),
    ("remove", "down"),
    ("restart", "reload"),
    ("apply", "reload"),
    ("sync", "reload"),
    ("show", "status"),
    ("diff", "plan"),
    ("test", "check"),
    ("ls", "list"),
];

/// Check that the verb takes all arguments of the command line.
pub(super) fn fits(verb: &str, matches: &ArgMatches) -> Result {
    let takes = taken_by(verb);
    let names: Vec<&String> = matches.get_many("names").unwrap_or_default().collect();
    if let Some(id) = SHARED
        .iter()
        .find(|id| is_given(matches, id) && !takes.contains(id))
    {
        return Err(match (*id, names.first()) {
            ("names", Some(name)) => wrong(
                format!("{verb} takes no names"),
                format!("type netns-setup {verb}, or netns-setup status {name}"),
            ),
            _ => takes_no(verb, &format!("--{}", id.replace('_', "-")), None),
        });
    }
    let is_trial = matches!(verb, "try" | "keep-trial");
    if is_trial && names.len() > 1 {
        return Err(wrong(
            format!("{verb} takes one name"),
            format!("type netns-setup {verb} NAME"),
        ));
    }
    // status without a name is list
    let needs_name = takes.contains(&"names") && verb != "status";
    if needs_name && names.is_empty() && !matches.get_flag("all") {
        let all = if takes.contains(&"all") {
            format!(", or netns-setup {verb} --all")
        } else {
            String::new()
        };
        return Err(wrong(
            format!("{verb} takes the name of a namespace"),
            format!("type netns-setup {verb} NAME{all}"),
        ));
    }
    Ok(())
}

/// The error that clap found, in our words.
pub(super) fn error(error: &clap::Error, words: &[OsString]) -> Error {
    let words: Vec<String> = words
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into())
        .collect();
    let verb = words.first().map_or("", String::as_str);
    let argument = context(error, ContextKind::InvalidArg);
    // `--within <SECONDS>`
    let option = argument.split(' ').next().unwrap_or_default();
    let options = format!("netns-setup {verb} --help lists its options");
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            no_verb(&words, &context(error, ContextKind::SuggestedSubcommand))
        }
        ErrorKind::UnknownArgument => {
            let suggestion = context(error, ContextKind::SuggestedArg);
            takes_no(
                verb,
                option,
                Some(suggestion).filter(|suggestion| !suggestion.is_empty()),
            )
        }
        ErrorKind::ArgumentConflict
            if [option, &context(error, ContextKind::PriorArg)]
                .concat()
                .contains("NAME") =>
        {
            wrong(
                format!("{verb} takes --all or names, and not both"),
                "leave one of them out".into(),
            )
        }
        ErrorKind::ArgumentConflict => wrong(
            format!(
                "{option} and {} cannot be given together",
                context(error, ContextKind::PriorArg)
            ),
            "leave one of them out".into(),
        ),
        ErrorKind::InvalidValue if context(error, ContextKind::InvalidValue).is_empty() => {
            wrong(format!("{option} takes a value"), options)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = context(error, ContextKind::InvalidValue);
            let why = error
                .source()
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            wrong(format!("{option} {value}{why}"), options)
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            wrong(first.trim_start_matches("error: ").into(), options)
        }
    }
}

/// The first word is no verb: it is another tool's verb, a typing mistake, or a name before the
/// verb.
fn no_verb(words: &[String], suggestion: &str) -> Error {
    let word = words.first().map_or("", String::as_str);
    let names = |names: &[String]| match names {
        [] => "NAME".into(),
        names => names.join(" "),
    };
    let is_verb = |word: &String| TAKES.iter().any(|(verb, _)| verb == word);
    if let Some(verb) = words.get(1).filter(|word| is_verb(word)) {
        let rest = [&words[..1], &words[2..]].concat();
        return wrong(
            "the verb comes before the names".into(),
            format!("type netns-setup {verb} {}", names(&rest)),
        );
    }
    let other = OTHER_VERBS.iter().find(|(other, _)| *other == word);
    // Only scripts type these verbs
    let suggestion = if ["may-go", "may-come", "keep-trial"].contains(&suggestion) {
        ""
    } else {
        suggestion
    };
    let verb = other.map_or(suggestion, |(_, verb)| verb);
    let hint = match verb {
        "" => "netns-setup --help lists all verbs".into(),
        "list" => "type netns-setup list".into(),
        verb => format!("type netns-setup {verb} {}", names(&words[1..])),
    };
    wrong(format!("there is no verb {word}"), hint)
}

fn takes_no(verb: &str, option: &str, suggestion: Option<String>) -> Error {
    let suggestion = suggestion
        .map(|suggestion| format!("did you mean {suggestion}? "))
        .unwrap_or_default();
    wrong(
        format!("{verb} takes no {option}"),
        format!("{suggestion}netns-setup {verb} --help lists its options"),
    )
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(all)) => all.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn wrong(wrong: String, hint: String) -> Error {
    Error::wrong([wrong, hint])
}
