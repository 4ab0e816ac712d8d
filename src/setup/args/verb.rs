//! The verbs of netns-setup: the name, help and options of each, and what it requires. `cmd` has
//! what a verb does, called by [`crate::setup::run`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use nix::unistd::geteuid;

use crate::conf::Trust;

/// The default directory of the settings.
pub const CONF_DIR: &str = "/etc/conf.d";

/// The verb, with its options.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Create the namespace and bring in its links, addresses and routes
    Up(Options),
    /// Give back what was moved and take away what was made
    Down {
        /// The namespaces.
        #[command(flatten)]
        options: Options,
        /// Go on with processes inside: they are listed and left without links
        #[arg(long, conflicts_with = "kill")]
        force: bool,
        /// Kill the processes inside first
        #[arg(long)]
        kill: bool,
    },
    /// Like up, and also remove what the settings no longer list
    Reload(Options),
    /// Print what reload would do
    Plan {
        /// The namespaces.
        #[command(flatten)]
        options: Options,
        /// Print only the commands, for sh to run
        #[arg(long, conflicts_with = "json")]
        script: bool,
    },
    /// Check the settings and, as root, the rule files
    Check(Options),
    /// Print a line for each namespace, as status without a name does
    List(Options),
    /// Print what is there, and how it differs from the settings (exit code 1)
    Status(Options),
    /// Print the namespaces, their links, and what these lead to
    Graph {
        /// The namespaces.
        #[command(flatten)]
        options: Options,
        /// Print it for dot(1) of Graphviz
        #[arg(long, conflicts_with = "mermaid")]
        dot: bool,
        /// Print it for Mermaid
        #[arg(long)]
        mermaid: bool,
        /// Print what the settings say, and not what is there
        #[arg(long)]
        settings: bool,
    },
    /// Print numbers for Prometheus, in the format of node_exporter's textfile collector
    Metrics(Options),
    /// Print leaks and drift, each with a hint (exit code 1)
    Doctor(Options),
    /// Reload, then roll back unless confirmed in time
    Try(Trial),
    /// Keep what is being tried
    Confirm(Options),
    /// What `try` does, in the process that stays for it.
    #[command(hide = true)]
    KeepTrial(Trial),
    /// Tell whether down would cut a connection (exit code 100); change nothing
    MayGo(Options),
    /// Tell whether up would fail (exit codes 100, 111); change nothing
    MayCome(Options),
    /// Bring up and keep it that way (TERM: exit, HUP: reload)
    Watch(Options),
}

/// The options that several verbs share. `TAKES` lists those of each verb.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The namespaces, in this order
    #[arg(value_name = "NAME", conflicts_with = "all")]
    pub names: Vec<String>,

    /// All that have settings, or that netns-setup has set up
    #[arg(long)]
    pub all: bool,

    /// Print JSON, for a program
    #[arg(long)]
    pub json: bool,

    /// The directory of the settings, netns and netns.NAME
    #[arg(long, value_name = "DIR", default_value = CONF_DIR)]
    pub conf_dir: PathBuf,

    /// Move even the link that carries your own connection
    #[arg(long)]
    pub yes_move_my_connection: bool,

    /// Print also what was satisfied already, with = before it
    #[arg(short, long)]
    pub verbose: bool,

    /// Print no changes: log them
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// The value of `--within`: at most a day.
fn seconds(text: &str) -> Result<u64, &'static str> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=86400).contains(seconds));
    seconds.ok_or("expected a number of seconds, from 1 to 86400")
}

/// The arguments of `try`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    #[command(flatten)]
    options: Options,

    /// Time to wait for confirm after the changes are made
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = seconds)]
    within: u64,

    /// Start this service inside, too; without confirm it is back where it was
    #[arg(long, value_name = "SERVICE")]
    pub with: Vec<String>,
}

/// The names of all options in [`Options`].
pub(super) const SHARED: [&str; 7] = [
    "names",
    "all",
    "json",
    "conf_dir",
    "yes_move_my_connection",
    "verbose",
    "quiet",
];

/// The shared options that each verb takes, by their names in [`Options`].
pub(super) const TAKES: [(&str, &[&str]); 16] = {
    const CONF: &str = "conf_dir";
    const GUARD: &str = "yes_move_my_connection";
    [
        (
            "up",
            &["names", "all", "json", CONF, GUARD, "verbose", "quiet"],
        ),
        ("down", &["names", "all", "json", CONF, GUARD, "quiet"]),
        (
            "reload",
            &["names", "all", "json", CONF, GUARD, "verbose", "quiet"],
        ),
        (
            "plan",
            &["names", "all", "json", CONF, GUARD, "verbose", "quiet"],
        ),
        ("check", &["names", "all", "json", CONF, "quiet"]),
        ("list", &["json", CONF]),
        ("graph", &[CONF]),
        ("metrics", &[CONF]),
        ("status", &["names", "all", "json", CONF]),
        ("doctor", &["names", "all", "json", CONF]),
        ("try", &["names", CONF, "verbose"]),
        ("confirm", &["names"]),
        ("keep-trial", &["names", CONF, "verbose"]),
        ("may-go", &["names", "all", CONF, GUARD]),
        ("may-come", &["names", "all", CONF, GUARD, "quiet"]),
        ("watch", &["names", "all", CONF, GUARD, "verbose", "quiet"]),
    ]
};

/// The form in which the report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines, for a person.
    Text,
    /// Bare commands, for sh.
    Script,
    /// The state, as JSON.
    JsonOfState,
    /// The changes made or planned, as JSON.
    JsonOfChanges,
}

/// What `down` does with the processes inside the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupants {
    /// Stop, and report the processes.
    Refuse,
    /// Go on, and leave them inside without links.
    Leave,
    /// Kill them.
    Kill,
}

impl Options {
    /// The options with these names, and the defaults of all others.
    pub fn of(names: Vec<String>) -> Self {
        Options {
            names,
            all: false,
            json: false,
            conf_dir: CONF_DIR.into(),
            yes_move_my_connection: false,
            verbose: false,
            quiet: false,
        }
    }
}

impl Trial {
    /// How long to wait for `confirm`, after the changes are made.
    pub fn within(&self) -> Duration {
        Duration::from_secs(self.within)
    }
}

impl Verb {
    /// The shared options of the verb.
    pub fn options(&self) -> &Options {
        match self {
            Verb::Up(options)
            | Verb::Reload(options)
            | Verb::Check(options)
            | Verb::List(options)
            | Verb::Metrics(options)
            | Verb::Status(options)
            | Verb::Doctor(options)
            | Verb::Confirm(options)
            | Verb::MayGo(options)
            | Verb::MayCome(options)
            | Verb::Watch(options)
            | Verb::Plan { options, .. }
            | Verb::Graph { options, .. }
            | Verb::Down { options, .. }
            | Verb::Try(Trial { options, .. })
            | Verb::KeepTrial(Trial { options, .. }) => options,
        }
    }

    /// `status` without a name is `list`.
    pub fn or_list(self) -> Self {
        match self {
            Verb::Status(options) if options.names.is_empty() && !options.all => {
                Verb::List(options)
            }
            verb => verb,
        }
    }

    /// The form in which the report is printed.
    pub fn form(&self) -> Form {
        match self {
            Verb::Plan { script: true, .. } => Form::Script,
            _ if !self.options().json => Form::Text,
            Verb::List(_) | Verb::Status(_) | Verb::Doctor(_) => Form::JsonOfState,
            _ => Form::JsonOfChanges,
        }
    }

    /// The owner that the settings must have. A verb that acts on nothing also reads another
    /// directory than that of this machine, no matter who can write to it.
    pub fn trust(&self) -> Trust {
        let only_reads = matches!(self, Verb::Check(_) | Verb::Graph { settings: true, .. });
        match self.options().conf_dir != Path::new(CONF_DIR) {
            _ if !only_reads => Trust::ROOT,
            true => Trust::ANYBODY,
            false if geteuid().is_root() => Trust::ROOT,
            false => Trust::ROOT_SEEN_BY_USER,
        }
    }

    /// Returns true if the verb requires root. To another user, the kernel and the state directory
    /// show so little that the report would be wrong.
    pub fn is_for_root(&self) -> bool {
        !matches!(self, Verb::Check(_) | Verb::Graph { settings: true, .. })
    }

    /// Returns true if what the verb prints is all that it does.
    pub fn only_prints(&self) -> bool {
        matches!(
            self,
            Verb::Check(_)
                | Verb::Plan { .. }
                | Verb::List(_)
                | Verb::Graph { .. }
                | Verb::Metrics(_)
                | Verb::Status(_)
                | Verb::Doctor(_)
        )
    }

    /// Returns true if the verb must be run on the host.
    pub fn is_for_the_host(&self) -> bool {
        match self {
            Verb::Doctor(_) => true,
            Verb::Confirm(_) => false,
            verb => !verb.only_prints(),
        }
    }
}
