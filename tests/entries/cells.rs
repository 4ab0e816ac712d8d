//! The cells of the matrix and their expected results: for each combination of an init
//! system, a way to start a service, a place of the caller and a service, what must
//! happen, or why there is no such cell. run.sh and services.sh implement the ways and
//! the services in shell.

/// An OpenRC: its name, the suite whose root directory it runs in, and the shell that runs its
/// scripts.
pub struct Init {
    pub name: &'static str,
    pub version: &'static str,
    pub suite: &'static str,
    pub shell: &'static str,
    /// Whether ordinary users have services of their own.
    pub user_services: bool,
}

const fn init(
    name: &'static str,
    version: &'static str,
    suite: &'static str,
    shell: &'static str,
    user_services: bool,
) -> Init {
    Init {
        name,
        version,
        suite,
        shell,
        user_services,
    }
}

/// The last one is as Gentoo builds it, with the files of trixie.
pub const INITS: [Init; 5] = [
    init("alpine", "0.63", "alpine", "sh", true),
    init("trixie", "0.56", "trixie", "sh", false),
    init("bookworm", "0.45.2", "bookworm", "sh", false),
    init("sid", "0.64", "sid", "sh", true),
    init("bash", "0.56", "trixie", "bash", false),
];

/// How a service is started; run.sh has the commands.
pub const WAYS: [&str; 25] = [
    "rc-service",
    "direct",
    "runlevel",
    // by rc-service's -N, -i, -s, -Z and -D
    "ifnotstarted",
    "ifexists",
    "ifstarted",
    "dry-run",
    "nodeps",
    // for another service, which needs it
    "needed",
    // by another service, which is in blue, and by a process that it left running
    "nested",
    "cron",
    // by its supervisor, after a crash; the second time after its namespace was recreated
    "respawn",
    "remade",
    "user",
    "hotplug",
    "restart",
    // with variables of the hook in the environment
    "stale-inside",
    "stale-gone",
    "stale-netns",
    "stale-pid",
    "chroot",
    "chroot-direct",
    // with netns_from_inside="stay" for all services
    "stay",
    "stay-direct",
    "runlevel-stay",
];

/// Where the caller is: its namespace, the name server that it sees, whether netns-setup set
/// the namespace up, and whether netns-exec made its mounts.
#[derive(Clone, Copy)]
pub struct Place {
    pub name: &'static str,
    net: &'static str,
    dns: &'static str,
    ours: bool,
    marked: bool,
}

const HOST: &str = "192.0.2.1";
const MGMT: &str = "192.0.2.53";
const BLUE: &str = "192.0.2.54";

const fn place(
    name: &'static str,
    net: &'static str,
    dns: &'static str,
    ours: bool,
    marked: bool,
) -> Place {
    Place {
        name,
        net,
        dns,
        ours,
        marked,
    }
}

const IN_BLUE: Place = place("blue", "blue", BLUE, true, true);

pub const PLACES: [Place; 8] = [
    place("host", "host", HOST, false, false),
    place("mgmt", "mgmt", MGMT, true, true),
    IN_BLUE,
    place("foreign", "foreign", "192.0.2.55", false, false),
    place("ip-netns", "mgmt", MGMT, true, false),
    place("net-only", "mgmt", HOST, true, false),
    place("unshared", "mgmt", MGMT, true, true),
    place("own-mounts", "mgmt", "192.0.2.56", true, false),
];

/// Where the settings of a service put it.
#[derive(Clone, Copy, PartialEq)]
pub enum Belongs {
    /// They name no namespace.
    Host,
    /// They name no namespace, and the service stays where the caller is.
    Caller,
    /// They name mgmt.
    Mgmt,
    /// They ask for a namespace in a wrong way: an error. Its message has one of these texts.
    Nowhere(&'static [&'static str]),
    /// They name mgmt in a way that may be too difficult to follow: in mgmt, or an error.
    MgmtOrNowhere(&'static [&'static str]),
}

use Belongs::{Caller, Host, Mgmt, MgmtOrNowhere, Nowhere};

/// The services of services.sh.
pub const SERVICES: [(&str, Belongs); 43] = [
    ("plain", Host),
    ("plain-supervised", Host),
    ("plain-script", Host),
    ("empty", Host),
    ("unreached", Host),
    ("comment", Host),
    ("stays", Caller),
    ("inside", Mgmt),
    ("inside-supervised", Mgmt),
    ("inside-script", Mgmt),
    ("words", Mgmt),
    ("inside-functions", Mgmt),
    ("inside-functions-supervised", Mgmt),
    ("substitution", Nowhere(&["conf.d/substitution"])),
    ("unset", Nowhere(&["conf.d/unset"])),
    ("spaces", Nowhere(&["conf.d/spaces"])),
    ("space-after", Nowhere(&["conf.d/space-after"])),
    ("set-word", Nowhere(&["conf.d/set-word"])),
    ("bom", Nowhere(&["byte order mark"])),
    (
        "upper-case",
        Nowhere(&["conf.d/upper-case:1: NETNS= does not"]),
    ),
    ("crlf", Nowhere(&["carriage return"])),
    ("two-names", Nowhere(&["conf.d/two-names"])),
    ("dangling", Nowhere(&["conf.d/dangling"])),
    ("included", Nowhere(&["conf.d/included", "conf.d/more"])),
    ("assumed", Nowhere(&["conf.d/assumed"])),
    ("multi.one", Nowhere(&["conf.d/multi"])),
    ("by-script", Nowhere(&["init.d/by-script"])),
    ("nowhere", Nowhere(&["conf.d/nowhere"])),
    ("wrong", Nowhere(&["conf.d/netns.torn", "conf.d/wrong"])),
    ("netns.web", MgmtOrNowhere(&["conf.d/netns.web"])),
    (
        "linked",
        MgmtOrNowhere(&["conf.d/linked", "init.d/linked", "scripts/linked"]),
    ),
    (
        "own-path",
        MgmtOrNowhere(&["conf.d/own-path", "init.d/own-path"]),
    ),
    (
        "own-env",
        MgmtOrNowhere(&["conf.d/own-env", "init.d/own-env"]),
    ),
    (
        "own-command",
        MgmtOrNowhere(&["conf.d/own-command", "init.d/own-command"]),
    ),
    (
        "own-exec",
        MgmtOrNowhere(&["conf.d/own-exec", "init.d/own-exec"]),
    ),
    (
        "own-setsid",
        MgmtOrNowhere(&["conf.d/own-setsid", "init.d/own-setsid"]),
    ),
    ("own-sh", MgmtOrNowhere(&["conf.d/own-sh", "init.d/own-sh"])),
    (
        "own-backslash",
        MgmtOrNowhere(&["conf.d/own-backslash", "init.d/own-backslash"]),
    ),
    (
        "own-quotes",
        MgmtOrNowhere(&["conf.d/own-quotes", "init.d/own-quotes"]),
    ),
    (
        "own-variable",
        MgmtOrNowhere(&["conf.d/own-variable", "init.d/own-variable"]),
    ),
    (
        "own-abbreviated",
        MgmtOrNowhere(&["conf.d/own-abbreviated", "init.d/own-abbreviated"]),
    ),
    (
        "own-function",
        MgmtOrNowhere(&["conf.d/own-function", "init.d/own-function"]),
    ),
    ("own-auto", Mgmt),
];

/// The services whose daemon a supervisor restarts.
const SUPERVISED: [&str; 5] = [
    "plain-supervised",
    "inside-supervised",
    "words",
    "inside-functions-supervised",
    "own-abbreviated",
];

/// A combination, by the numbers of its parts in [`INITS`], [`WAYS`], [`PLACES`] and
/// [`SERVICES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell(pub [usize; 4]);

/// Where a daemon is: its namespace, and the name server that it must see, if that matters.
#[derive(Clone, Copy)]
pub struct Spot {
    pub net: &'static str,
    pub dns: Option<&'static str>,
}

/// Why there may be no daemon.
pub enum Nothing {
    /// Whatever is said.
    AsAsked,
    /// With an exit status other than 0, if the way has one, and a line with one of these
    /// texts.
    Refused(Vec<&'static str>),
}

/// The right results of a cell: a daemon in this place, or none for this reason; either if both
/// are given.
pub struct Right {
    pub daemon: Option<Spot>,
    pub nothing: Option<Nothing>,
    /// The namespace that one line of the output must name, together with the service, if a
    /// daemon runs.
    pub told: Option<&'static str>,
}

impl Cell {
    pub const SIZES: [usize; 4] = [INITS.len(), WAYS.len(), PLACES.len(), SERVICES.len()];

    /// Every combination, including those that cannot exist.
    pub fn all() -> impl Iterator<Item = Cell> {
        let [inits, ways, places, services] = Cell::SIZES;
        (0..inits * ways * places * services).map(move |n| {
            Cell([
                n / (services * places * ways),
                n / (services * places) % ways,
                n / services % places,
                n % services,
            ])
        })
    }

    pub fn init(&self) -> &'static Init {
        &INITS[self.0[0]]
    }

    pub fn way(&self) -> &'static str {
        WAYS[self.0[1]]
    }

    pub fn place(&self) -> Place {
        PLACES[self.0[2]]
    }

    pub fn service(&self) -> &'static str {
        SERVICES[self.0[3]].0
    }

    pub fn belongs(&self) -> Belongs {
        SERVICES[self.0[3]].1
    }

    /// Its name in the table and in `ENTRIES`.
    pub fn name(&self) -> String {
        let (init, place) = (self.init().name, self.place().name);
        format!("{init}/{}/{place}/{}", self.way(), self.service())
    }

    /// Why there is no such cell, if there is none.
    pub fn lacking(&self) -> Option<&'static str> {
        match self.way() {
            "user" if !self.init().user_services => Some("this OpenRC has no user services"),
            "respawn" | "remade" if !SUPERVISED.contains(&self.service()) => {
                Some("nothing starts this daemon again")
            }
            "ifstarted" if matches!(self.belongs(), Nowhere(_)) => {
                Some("a service that is always refused is never started")
            }
            _ => None,
        }
    }

    /// Where the caller is in the end: a service in blue starts the nested ones.
    fn caller(&self) -> Place {
        match self.way() {
            "nested" | "cron" => IN_BLUE,
            _ => self.place(),
        }
    }

    /// Whether the way, the place or the service says that nothing is to be moved.
    fn stays(&self) -> bool {
        matches!(
            self.way(),
            "user" | "chroot" | "chroot-direct" | "stay" | "stay-direct" | "runlevel-stay"
        ) || !self.caller().ours
            || self.belongs() == Caller
    }

    /// Whether it is a change of the runlevel that would put services in two places.
    pub fn is_scattered(&self) -> bool {
        self.way() == "runlevel" && self.caller().ours
    }

    /// Where a daemon belongs if its settings name no namespace.
    fn outside(&self) -> Spot {
        let caller = self.caller();
        let (net, dns) = match (self.stays(), caller.marked) {
            (true, _) => (caller.net, caller.dns),
            (false, true) => ("host", HOST),
            (false, false) => ("host", caller.dns),
        };
        self.spot(net, dns)
    }

    /// In a chroot, the file is the chroot's.
    fn spot(&self, net: &'static str, dns: &'static str) -> Spot {
        let chroot = self.way().starts_with("chroot");
        Spot {
            net,
            dns: (!chroot).then_some(dns),
        }
    }

    /// What must come of it.
    pub fn right(&self) -> Right {
        let nothing = |nothing| Right {
            daemon: None,
            nothing: Some(nothing),
            told: None,
        };
        if self.way() == "dry-run" {
            return nothing(Nothing::AsAsked);
        }
        let scattered = self.is_scattered();
        if scattered && self.belongs() != Caller {
            return nothing(Nothing::Refused(vec!["netns_from_inside"]));
        }
        if let Some(right) = self.of_a_user() {
            return right;
        }
        let inside = Some(self.spot("mgmt", MGMT));
        let chroot = self.way().starts_with("chroot");
        let (daemon, nothing) = match self.belongs() {
            Host => (Some(self.outside()), None),
            Caller if scattered => (
                Some(self.outside()),
                Some(Nothing::Refused(vec!["netns_from_inside"])),
            ),
            Caller => (Some(self.outside()), None),
            Mgmt if self.way() == "remade" => (inside, Some(Nothing::AsAsked)),
            Mgmt if chroot => (inside, Some(Nothing::Refused(vec![self.service()]))),
            Mgmt => (inside, None),
            Nowhere(_) if self.cannot_make_a_namespace() => {
                (None, Some(Nothing::Refused(vec!["netns.torn"])))
            }
            Nowhere(says) => (None, Some(Nothing::Refused(says.to_vec()))),
            MgmtOrNowhere(_) if self.way() == "remade" => (inside, Some(Nothing::AsAsked)),
            MgmtOrNowhere(says) => (inside, Some(Nothing::Refused(says.to_vec()))),
        };
        let told = self.belongs() == Host && !self.stays();
        Right {
            daemon,
            nothing,
            told: told.then_some(self.caller().net),
        }
    }

    /// Whether the service of a namespace is started where it cannot make one, and so does not
    /// read its settings.
    fn cannot_make_a_namespace(&self) -> bool {
        let chroot = self.way().starts_with("chroot");
        let caller = self.caller();
        self.service() == "wrong" && caller.net != "host" && (chroot || !caller.ours)
    }

    /// The result for ordinary users, who can neither enter a namespace nor leave one.
    fn of_a_user(&self) -> Option<Right> {
        let says = match self.belongs() {
            _ if self.way() != "user" => return None,
            Host | Caller => return None,
            Mgmt => vec!["conf.d/"],
            Nowhere(says) | MgmtOrNowhere(says) => says.to_vec(),
        };
        Some(Right {
            daemon: None,
            nothing: Some(Nothing::Refused(says)),
            told: None,
        })
    }
}
