//! The verbs of netns-setup: each with its name, its help and its options, as clap reads them,
//! and what it needs. What one does is in `cmd`, by [`super::run`].

use std::time::Duration;

use clap::{Args, Subcommand};

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Make it so: create the namespace, bring in links, addresses, routes
    Up(Printed),
    /// Give back what was moved, take away what was made
    Down {
        /// The namespaces.
        #[command(flatten)]
        names: Printed,
        /// Even with processes inside: they are listed, and stay where they are
        #[arg(long, conflicts_with = "kill")]
        force: bool,
        /// End the processes inside first
        #[arg(long)]
        kill: bool,
    },
    /// As up, and take away what is no longer asked for; never through down
    Reload(Printed),
    /// Print what reload would do
    Plan {
        /// The namespaces.
        #[command(flatten)]
        names: Printed,
        /// The bare commands, for sh to run
        #[arg(long, conflicts_with = "json")]
        script: bool,
    },
    /// Check the settings and, as root, the rule files
    Check(Printed),
    /// Print all namespaces that there are, a line each
    List {
        /// For a program to read
        #[arg(long)]
        json: bool,
    },
    /// Print what there is, and how it differs from the settings (exit code 1)
    Status(Printed),
    /// Name every leak and drift, and what to do (exit code 1)
    Doctor(Printed),
    /// As reload, and undo it unless it is confirmed in time
    Try(Trial),
    /// Keep what is being tried
    Confirm {
        /// The namespaces
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// What `try` does, in the process that stays for it.
    #[command(hide = true)]
    KeepTrial(Trial),
    /// Say whether down would cut a connection (exit code 100); nothing is done
    MayGo(Names),
    /// Say whether up would be refused (exit codes 100, 111); nothing is done
    MayCome(Names),
    /// Up, then stay: TERM ends it and leaves all as it is, HUP reloads
    Watch(Names),
}

/// The namespaces that a verb is for, and how it prints what it reports of them.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    #[command(flatten)]
    names: Names,
    /// For a program to read
    #[arg(long)]
    json: bool,
}

/// The namespaces that a verb is for.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The namespaces, in this order
    #[arg(
        value_name = "NAME",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    names: Vec<String>,

    /// All that have settings, or that netns-setup has set up
    #[arg(long)]
    all: bool,
}

impl Names {
    /// These, one or more.
    pub fn of(names: Vec<String>) -> Self {
        Names { names, all: false }
    }
}

impl Printed {
    /// These, for a person.
    pub fn of(names: Vec<String>) -> Self {
        let (names, json) = (Names::of(names), false);
        Printed { names, json }
    }
}

/// What is tried.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The namespace
    #[arg(value_name = "NAME")]
    name: String,

    /// How long it is waited for, from when all is made
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    within: u64,

    /// Start this service inside, too; without confirm it is back where it was
    #[arg(long, value_name = "SERVICE")]
    pub with: Vec<String>,
}

impl Trial {
    /// How long it is waited for, from when all is made.
    pub fn within(&self) -> Duration {
        Duration::from_secs(self.within)
    }
}

/// The form in which what a verb reports is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines, for a person.
    Text,
    /// Bare commands, for sh.
    Script,
    /// What there is, as JSON.
    JsonOfState,
    /// What was done, or would be, as JSON.
    JsonOfChanges,
}

/// What to do with the processes that are inside when a namespace goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupants {
    /// Do nothing, and report who they are.
    Refuse,
    /// Leave them where they are, without links.
    Leave,
    /// End them.
    Kill,
}

impl Verb {
    /// The names that were typed; none stands for all.
    pub fn names(&self) -> &[String] {
        match self {
            Verb::Up(printed)
            | Verb::Reload(printed)
            | Verb::Check(printed)
            | Verb::Status(printed)
            | Verb::Doctor(printed)
            | Verb::Plan { names: printed, .. }
            | Verb::Down { names: printed, .. } => &printed.names.names,
            Verb::MayGo(names) | Verb::MayCome(names) | Verb::Watch(names) => &names.names,
            Verb::Try(trial) | Verb::KeepTrial(trial) => std::slice::from_ref(&trial.name),
            Verb::Confirm { names } => names,
            Verb::List { .. } => &[],
        }
    }

    /// The form in which what it reports is printed.
    pub fn form(&self) -> Form {
        match self {
            Verb::Status(Printed { json: true, .. })
            | Verb::Doctor(Printed { json: true, .. })
            | Verb::List { json: true } => Form::JsonOfState,
            Verb::Up(Printed { json: true, .. })
            | Verb::Reload(Printed { json: true, .. })
            | Verb::Check(Printed { json: true, .. })
            | Verb::Plan {
                names: Printed { json: true, .. },
                ..
            }
            | Verb::Down {
                names: Printed { json: true, .. },
                ..
            } => Form::JsonOfChanges,
            Verb::Plan { script: true, .. } => Form::Script,
            _ => Form::Text,
        }
    }

    /// Only root can do it, and only from the host.
    pub fn is_for_root_on_the_host(&self) -> bool {
        match self {
            Verb::Check(_)
            | Verb::Plan { .. }
            | Verb::List { .. }
            | Verb::Status(_)
            | Verb::Confirm { .. } => false,
            Verb::Up(_)
            | Verb::Down { .. }
            | Verb::Reload(_)
            | Verb::Doctor(_)
            | Verb::Try(_)
            | Verb::KeepTrial(_)
            | Verb::MayGo(_)
            | Verb::MayCome(_)
            | Verb::Watch(_) => true,
        }
    }
}
