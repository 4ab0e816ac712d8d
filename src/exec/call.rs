//! What the program was called with: words in, a [`Call`] out. The plain form is read
//! here by hand; whatever begins with an option, and every mistake, goes to clap, which
//! costs 30 to 60 microseconds.

use std::ffi::CStr;

use super::refusal::{Refusal, shown};
use super::sys::{self, Words};

/// What was asked for.
pub enum Asked {
    // Made by the options, which come next.
    #[allow(dead_code)]
    /// Nothing more: help was printed.
    Nothing,
    /// A command.
    Command(Call),
}

/// A command, and where it is to run.
pub struct Call {
    /// The namespace's name: one part of a path, see [`check_name`].
    pub name: &'static CStr,
    /// The command and its arguments; at least one word.
    pub command: Words,
}

const USAGE: &str = "expected netns-exec [OPTIONS] NAME [--] COMMAND [ARGUMENT...]; \
                     netns-exec --help says more";

/// Reads the words, the program's own name first.
pub fn read(words: Words) -> Result<Asked, Refusal> {
    if sys::is_secure() {
        return Err(Refusal::call(
            "it is installed setuid, or with file capabilities, which it refuses",
            "let doas or sudo run it; chmod u-s on it, or setcap -r",
        ));
    }
    // The name may stand behind a "--", and so may the command.
    let first = usize::from(is(words, 1, c"--")) + 1;
    let Some(name) = words.get(first) else {
        return Err(Refusal::call("no namespace is named", USAGE));
    };
    let command = words.from(first + 1 + usize::from(is(words, first + 1, c"--")));
    check_name(name)?;
    if command.count() == 0 {
        return Err(Refusal::call(
            format!("no command to run in {}", shown(name)),
            USAGE,
        ));
    }
    Ok(Asked::Command(Call { name, command }))
}

fn is(words: Words, place: usize, text: &CStr) -> bool {
    words.get(place).is_some_and(|word| word == text)
}

/// Other tools allow more in a name than netns-setup does. Whatever is one entry of a
/// folder, is no option and can be printed will do.
fn check_name(name: &CStr) -> Result<(), Refusal> {
    let bytes = name.to_bytes();
    let wrong = match bytes {
        b"" => "it is empty",
        b"." | b".." => "it names a folder",
        [b'-', ..] => "it begins with -, as an option does",
        _ if bytes.contains(&b'/') => "there is a / in it",
        _ if bytes.iter().any(u8::is_ascii_control) => "there is a control character in it",
        _ if bytes.len() > 255 => "it is longer than 255 bytes",
        _ => return Ok(()),
    };
    Err(Refusal::call(
        format!("\"{}\" is not a name for a namespace: {wrong}", shown(name)),
        "expected a name from /run/netns, such as mgmt",
    ))
}
