//! The variables that have a meaning to a shell. In a settings file they would not hold what was
//! written, or would change how the rest is read, in at least one of dash, busybox ash and bash.

/// Whether `name` is such a variable.
pub fn is_reserved(name: &str) -> bool {
    NAMES.contains(&name) || BEGINNINGS.iter().any(|start| name.starts_with(start))
}

const BEGINNINGS: [&str; 5] = ["BASH", "COMP_", "HIST", "LC_", "READLINE_"];

/// From bash(1) "Shell Variables", dash(1) and busybox ash's table of variables.
const NAMES: [&str; 55] = [
    "_",
    "ASH_VERSION",
    "ATTY",
    "CDPATH",
    "CHILD_MAX",
    "COLUMNS",
    "COMPREPLY",
    "COPROC",
    "DIRSTACK",
    "EMACS",
    "ENV",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "EXECIGNORE",
    "FCEDIT",
    "FIGNORE",
    "FUNCNAME",
    "FUNCNEST",
    "GLOBIGNORE",
    "GROUPS",
    "HOME",
    "IFS",
    "IGNOREEOF",
    "LANG",
    "LANGUAGE",
    "LINENO",
    "LINES",
    "MAIL",
    "MAILCHECK",
    "MAILPATH",
    "MAPFILE",
    "NLSPATH",
    "OLDPWD",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "PATH",
    "PIPESTATUS",
    "POSIXLY_CORRECT",
    "PPID",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
];
