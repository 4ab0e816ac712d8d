//! The parser of settings compared with real shells. For each of many generated texts,
//! plausible or malicious, either the parser reports an error, or dash, busybox ash and
//! bash have the same values afterwards, byte for byte. The two files are read in
//! OpenRC's order.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/random.rs"]
mod random;
mod tree;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use netns_services::conf::sh;
use random::Random;
use tree::is_asked;

const CASES: usize = 12_000;

/// Each with its arguments, and the locale it runs in.
const SHELLS: [(&str, &[&str], &str); 5] = [
    ("dash", &[], "C"),
    ("busybox", &["ash"], "C.UTF-8"),
    ("bash", &[], "C.UTF-8"),
    ("bash", &[], "C"),
    ("bash", &["--posix"], "C.UTF-8"),
];

/// The names that the texts are made with; each is compared after each text.
const NAMES: [&str; 9] = [
    "a",
    "b",
    "netns_links",
    "config_eth0",
    "routes_eth0_42",
    "rc_need",
    "_x9",
    "GW",
    "export",
];

/// One or two files, the defaults first.
struct Case {
    files: Vec<String>,
    /// The values that the parser read, if there was no error.
    read: Option<sh::Variables>,
}

#[test]
fn what_is_read_every_shell_reads_the_same() {
    let seed = std::env::var("NETNS_TESTS_SEED").map_or(0x6e65_746e_7321, |s| s.parse().unwrap());
    let mut random = Random(seed);
    let cases: Vec<Case> = (0..CASES).map(|_| Case::new(texts(&mut random))).collect();
    let read: Vec<&Case> = cases.iter().filter(|case| case.read.is_some()).collect();
    println!(
        "{} of {CASES} texts were read, the others refused",
        read.len()
    );
    assert!(
        read.len() * 100 > CASES * 40,
        "too many are refused to prove anything"
    );
    assert!(read.len() * 100 < CASES * 90, "too few are nasty");
    let several = read
        .iter()
        .filter(|case| case.read.as_ref().is_some_and(|v| v.len() > 2));
    assert!(several.count() * 4 > read.len(), "too few say much");
    agree(&read);
}

/// These were found by hand or by the generator, and must be accepted.
#[test]
fn what_people_write_is_read() {
    let cases = [
        ("a=1", "1"),
        ("a='x'\\''y'\"z\"w", "x'yzw"),
        ("a=b#c # d", "b#c"),
        ("a=x;b=y; # c\n", "x"),
        ("export a=\"p q\" b=2", "p q"),
        ("b='1 2'; a=$b", "1 2"),
        ("b=1\na=\"${b}0\"", "10"),
        ("a=1 \\\n b=2", "1"),
        ("a=1\\\n2", "12"),
        ("a=\"1\\\n2\"", "12"),
        ("a='1\\\n2'", "1\\\n2"),
        ("a=\"x \\\\ \\$ \\` \\\" \\n\"", "x \\ $ ` \" \\n"),
        ("a=\"äöü €\"", "äöü €"),
        ("a=\n", ""),
        ("\t a=x\t\n", "x"),
        ("a=#x", "#x"),
        (
            "a=\"default via 192.0.2.1\n198.51.100.0/24 via 192.0.2.2\"",
            "default via 192.0.2.1\n198.51.100.0/24 via 192.0.2.2",
        ),
        ("b=~ a=1\n", "refused"),
        ("a=$(date)", "refused"),
        ("a=`date`", "refused"),
        ("a=1 true", "refused"),
        ("true", "refused"),
        ("a=$'x'", "refused"),
        ("a+=1", "refused"),
        ("a=(1)", "refused"),
        ("a=1&", "refused"),
        ("b='1 2'; export a=$b", "refused"),
        ("LINENO=1", "refused"),
        ("a=$PPID", "refused"),
        ("a=\"$1\"", "refused"),
        ("a=${b:-1}", "refused"),
        ("a=1\r\n", "refused"),
        ("a=\"", "refused"),
        ("a=1;;", "refused"),
    ];
    for (text, expected) in cases {
        let case = Case::new(vec![text.into()]);
        let a = case.read.as_ref().map_or("refused", |read| &read["a"]);
        assert_eq!(a, expected, "{text:?}");
    }
    let cases: Vec<Case> = cases.map(|(text, _)| Case::new(vec![text.into()])).into();
    let read: Vec<&Case> = cases.iter().filter(|case| case.read.is_some()).collect();
    agree(&read);
}

impl Case {
    fn new(files: Vec<String>) -> Case {
        let mut variables = sh::Variables::new();
        let mut refused = false;
        for text in &files {
            let (_, problems) = sh::read("conf", text.as_bytes(), &mut variables);
            refused |= !problems.is_empty();
        }
        let read = (!refused).then_some(variables);
        Case { files, read }
    }

    /// The names to compare: those of the generator and those that were read.
    fn names(&self) -> BTreeSet<&str> {
        let read = self.read.iter().flat_map(|read| read.keys());
        NAMES.into_iter().chain(read.map(String::as_str)).collect()
    }

    /// What a shell with the same result prints: the status, then the value of each name.
    fn expected(&self) -> Vec<Vec<u8>> {
        let read = self.read.as_ref().unwrap();
        let values = self.names().into_iter().map(|name| match read.get(name) {
            Some(value) => format!("={value}").into_bytes(),
            None => Vec::new(),
        });
        [b"0".to_vec()].into_iter().chain(values).collect()
    }
}

/// After each case, every shell must have the values that were read.
fn agree(cases: &[&Case]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("script"), script(cases, dir.path())).unwrap();
    for shell in SHELLS.into_iter().filter(|(shell, ..)| is_asked(shell)) {
        agrees(cases, dir.path(), shell);
    }
}

/// Runs all cases in one process of the shell, which does not fork for any of them.
fn agrees(cases: &[&Case], dir: &Path, (program, arguments, locale): (&str, &[&str], &str)) {
    let output = Command::new(program)
        .args(arguments)
        .arg("./script")
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", locale)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("cannot run {program}: {e}"));
    let mut values = output.stdout.split(|&b| b == 0);
    for case in cases {
        for (n, expected) in case.expected().into_iter().enumerate() {
            let got = values.next().unwrap_or(b"(nothing at all)");
            let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
            assert_eq!(
                shown(got),
                shown(&expected),
                "{program} {arguments:?} in {locale} reads value {n} of {:?} otherwise\n{}",
                case.files,
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        complained.is_empty(),
        "{program} {arguments:?}: {complained}"
    );
}

/// Writes the cases' files, and tells the shell to read each and to print what it holds.
fn script(cases: &[&Case], dir: &Path) -> String {
    let mut script = String::new();
    for (n, case) in cases.iter().enumerate() {
        let names = case.names();
        for (m, text) in case.files.iter().enumerate() {
            fs::write(dir.join(format!("{n}.{m}")), text).unwrap();
            writeln!(script, ". ./{n}.{m}").unwrap();
        }
        // `=` and the value if the variable is set, otherwise nothing.
        let values = names.iter().map(|name| format!("\"${{{name}+=${name}}}\""));
        let values: Vec<String> = values.collect();
        writeln!(script, "printf '%s\\0' $? {}", values.join(" ")).unwrap();
        // Afterwards, because variables that are special to a shell stay special until they are
        // unset.
        let names: Vec<&str> = names.into_iter().collect();
        writeln!(script, "unset {}", names.join(" ")).unwrap();
    }
    script
}

/// How far a text is from what a careful person writes.
#[derive(Clone, Copy, PartialEq)]
enum Wild {
    No,
    /// Variables are used before they are set, and at places where shells differ.
    Careless,
    /// It contains what shells interpret differently, or was damaged.
    Very,
}

/// A case's files.
fn texts(random: &mut Random) -> Vec<String> {
    let files = if random.one_in(4) { 2 } else { 1 };
    let wild = random.of(&[Wild::No, Wild::No, Wild::Careless, Wild::Very]);
    let mut known = Vec::new();
    let make = |_| {
        let mut text = String::new();
        for _ in 0..1 + random.below(4) {
            command(&mut text, random, wild, &mut known);
        }
        if wild == Wild::Very && random.one_in(2) {
            text = damaged(text, random);
        }
        text
    };
    (0..files).map(make).collect()
}

fn command(text: &mut String, random: &mut Random, wild: Wild, known: &mut Vec<&'static str>) {
    if random.one_in(8) {
        text.push_str(random.of(&["# a comment 'x\n", "\n", "\t\n", "  # \"$x\" \\\n", " \\\n"]));
    }
    if wild == Wild::Very && random.one_in(6) {
        text.push_str(random.of(&NASTY_COMMANDS));
        text.push('\n');
        return;
    }
    let export = random.one_in(5);
    if export {
        text.push_str(random.of(&["export ", "export\t", "export  ", " export "]));
    }
    let before = known.len();
    for n in 0..1 + random.below(6) / 4 {
        if n > 0 {
            text.push_str(random.of(&[" ", "  ", "\t", " \\\n"]));
        }
        let name = random.of(&NAMES);
        if export && name == "export" {
            continue;
        }
        text.push_str(name);
        text.push('=');
        // A variable that the same export sets cannot be used by it.
        let usable = if export && wild == Wild::No {
            before
        } else {
            known.len()
        };
        let usable: Vec<&str> = known[..usable].to_vec();
        value(text, random, wild, &usable, export);
        known.push(name);
    }
    text.push_str(random.of(&[
        "\n", "\n", "\n", ";", " ; ", " # c\n", ";# c\n", "\n\n", " \n",
    ]));
}

fn value(text: &mut String, random: &mut Random, wild: Wild, known: &[&str], export: bool) {
    for _ in 0..random.below(4) {
        match random.below(if wild == Wild::Very { 9 } else { 7 }) {
            0 | 1 => text.push_str(random.of(&PLAIN)),
            2 => {
                text.push('\'');
                for _ in 0..random.below(4) {
                    text.push_str(random.of(&QUOTED));
                    text.push_str(random.of(&IN_SINGLE));
                }
                text.push('\'');
            }
            3 | 4 => {
                text.push('"');
                for _ in 0..random.below(4) {
                    text.push_str(random.of(&QUOTED));
                    text.push_str(random.of(&IN_DOUBLE));
                    expansion(text, random, wild, known);
                    if wild == Wild::Very && random.one_in(8) {
                        text.push_str(random.of(&NASTY));
                    }
                }
                text.push('"');
            }
            5 => {
                text.push('\\');
                text.push_str(random.of(&[
                    " ", "'", "\"", "\\", "$", "n", "#", "~", "*", "\n", ";", "&", "`", "\t",
                ]));
            }
            6 if export && wild == Wild::No => {}
            6 => expansion(text, random, wild, known),
            _ => text.push_str(random.of(&NASTY)),
        }
    }
}

fn expansion(text: &mut String, random: &mut Random, wild: Wild, known: &[&str]) {
    if !random.one_in(3) {
        return;
    }
    let name = match known.is_empty() {
        true if wild == Wild::No => return,
        true => random.of(&NAMES),
        false => random.of(known),
    };
    // A careful person makes sure that no letter follows.
    match wild == Wild::No || random.one_in(2) {
        true => write!(text, "${{{name}}}").unwrap(),
        false => write!(text, "${name}").unwrap(),
    }
}

/// A text with a few characters removed, inserted, doubled, or moved.
fn damaged(text: String, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(3) {
        let at = random.below(chars.len().max(1));
        match random.below(4) {
            _ if chars.is_empty() => {}
            0 => {
                chars.remove(at);
            }
            1 => chars.insert(at, chars[at]),
            2 => {
                let to = random.below(chars.len());
                chars.swap(at, to);
            }
            _ => chars.insert(at, random.of(&DAMAGE)),
        }
    }
    chars.into_iter().collect()
}

const PLAIN: [&str; 16] = [
    "eth0",
    "192.0.2.10/24",
    "2001:db8::1/64",
    "a=b",
    "x:y",
    "%20",
    "-n",
    "+",
    "a@b",
    "1,2",
    "#c",
    "/etc/x",
    "^",
    "!",
    "_",
    "0",
];

const QUOTED: [&str; 18] = [
    "default via 192.0.2.1",
    "\n",
    " ",
    "\t",
    ";",
    "#",
    "~",
    "*",
    "x",
    "{a,b}",
    "[a]",
    "&",
    "|",
    "(",
    ")",
    "<",
    ">",
    "ä€𝄞Á",
];

const IN_SINGLE: [&str; 8] = ["", "\\", "\"", "$a", "`", "$(", "\\\n", "!"];

const IN_DOUBLE: [&str; 12] = [
    "", "'", "\\\"", "\\\\", "\\$", "\\`", "\\\n", "\\n", "\\'", "\\ ", "!", "'x'",
];

const NASTY: [&str; 44] = [
    "$(echo x)",
    "`echo x`",
    "$((1+1))",
    "$1",
    "$?",
    "$$",
    "$!",
    "$#",
    "$*",
    "$@",
    "$-",
    "$0",
    "$",
    "${a:-b}",
    "${#a}",
    "${a%x}",
    "${!a}",
    "$'x'",
    "$\"x\"",
    "~",
    "~/x",
    ":~",
    "*",
    "?",
    "[a]",
    "{a,b}",
    "(",
    ")",
    "(1)",
    "&",
    "|",
    "<",
    ">",
    "<<E",
    "\\",
    "\r",
    "\u{1}",
    "\u{7f}",
    "\u{81}",
    "\u{a0}",
    "ä",
    "$LINENO",
    "$PPID",
    "$RANDOM",
];

const NASTY_COMMANDS: [&str; 44] = [
    "true",
    "a+=1",
    "a[0]=1",
    "a=(1 2)",
    "a=1 true",
    "true a=1",
    "a =1",
    "a= 1",
    "if true; then a=1; fi",
    "f() { a=1; }",
    "export -p",
    "export",
    "export a",
    "export GW b",
    "export -n a",
    "readonly a=1",
    "unset a",
    "local a=1",
    "a=1&",
    "a=1&&b=2",
    "a=1||b=2",
    "a=1|b=2",
    "! a=1",
    "{ a=1; }",
    "(a=1)",
    ": ${a=1}",
    "a=1 export b=2",
    "LINENO=7",
    "RANDOM=1",
    "UID=1",
    "IFS=:",
    "PATH=/x",
    "OPTIND=x",
    "_=1",
    "PPID=1",
    "SECONDS=9",
    "\"a\"=1",
    "a\\=1",
    "a\"\"=1",
    "1a=2",
    "a-b=1",
    "ä=1",
    "a=1;;",
    ";",
];

const DAMAGE: [char; 22] = [
    '\'', '"', '\\', '$', '`', ' ', '\n', '\t', ';', '#', '=', '&', '(', ')', '{', '}', '<', '~',
    '*', 'a', '_', '\u{e4}',
];

impl Random {
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
