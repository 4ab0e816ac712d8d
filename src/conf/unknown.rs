//! The problems of names that are not a setting or are set twice, with a suggestion.

use super::listed::Listed;
use super::suggest::nearest;
use super::value::Setting;
use crate::definitions::settings::{self, Scope, Var};
use crate::printable::printable;
use crate::source::Problem;

/// The longest key of a link with which the name begins, and the suffix that follows it.
pub(super) fn key_of_any_link(name: &str) -> Option<(Var, &str)> {
    let keys = settings::all().filter(|var| var.of == Scope::Link);
    let found = keys.filter_map(|var| {
        let rest = name.strip_prefix(var.name)?.strip_prefix('_')?;
        (!rest.is_empty()).then_some((var, rest))
    });
    found.max_by_key(|(var, _)| var.name.len())
}

/// The problem of an unknown name that begins like the settings of a namespace.
pub(super) fn unknown_of_namespace(setting: &Setting) -> Problem {
    let names = settings::all().filter(|var| var.of == Scope::Namespace);
    let remedy = match nearest(&setting.name, names.map(|var| var.name)) {
        Some(best) => format!("did you mean {best}? netns(5) lists them all"),
        None => "remove the line; netns(5) lists all settings".into(),
    };
    setting.problem("is not a setting", remedy)
}

/// The problem of an unknown name that ends like the settings of a listed link.
pub(super) fn unknown_of_link(setting: &Setting, key: &str, link: &Listed) -> Problem {
    let keys = settings::all().filter(|var| var.of == Scope::Link);
    let remedy = match nearest(key, keys.map(|var| var.name)) {
        Some(best) => {
            let suffix = link.name.value.suffix();
            format!("did you mean {best}_{suffix}? netns(5) lists them all")
        }
        None => "remove the line; netns(5) lists all settings".into(),
    };
    let wrong = format!(
        "is not a setting, though it ends as those of {} do",
        link.name
    );
    setting.problem(wrong, remedy)
}

/// The problem of the second of two assignments in one file.
pub(super) fn said_twice(first: &Setting, second: &Setting) -> Problem {
    let line = first.place.line;
    let to = first.whole();
    second.problem(
        format!(
            "is set a second time; line {line} set it to \"{}\"",
            printable(to.text)
        ),
        "expected each setting once in a file; keep one of the two lines",
    )
}
