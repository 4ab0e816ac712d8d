//! Sysctls: `/proc/sys/net` shows those of the namespace of the thread that opens a file
//! in it, so each is read and written by a thread that is in the namespace.

pub mod devconf;
pub mod procfs;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};

use super::Kernel;
use super::netlink::socket::Requests;
use crate::model::{Netns, Sysctl, SysctlKey};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::source::Sourced;
use crate::system::program::PATH;
use crate::system::thread::{at_once, in_netns, on_a_thread};

const FOLDER: &str = "/proc/sys";

/// Of a link, what the kernel sets by the link's own MTU, and by who routes multicasts; and
/// what is another key in a coarser unit.
const NOT_GIVEN: [&str; 5] = [
    "mtu",
    "mc_forwarding",
    "unres_qlen",
    "retrans_time",
    "base_reachable_time",
];

/// A key, and the namespace that it is of.
pub type SysctlRef = (Netns, SysctlKey);

impl Kernel {
    /// The text of a file of `/proc` that differs from namespace to namespace, such as one of
    /// `/proc/sys/net` or `/proc/thread-self/net`.
    pub fn read_inside(&self, file: &str) -> io::Result<String> {
        let netns = self.open(&Netns::This)?;
        in_netns(&netns, || fs::read_to_string(file))
    }

    /// Set a sysctl. A key that is not there is no fault where it may be missing: false.
    pub fn set_sysctl(&mut self, sysctl: &Sysctl) -> Result<bool, OsError> {
        self.new_ones = None;
        let netns = self.open(&sysctl.at)?;
        let mut written = at_once(|| in_netns(&netns, || write(sysctl)));
        let is_missing = |e: &io::Error| e.kind() == ErrorKind::NotFound;
        if sysctl.key.is_of_conntrack() && written.as_ref().is_err_and(is_missing) {
            load_module("nf_conntrack");
            written = at_once(|| in_netns(&netns, || write(sysctl)));
        }
        match written {
            Err(e) if sysctl.optional && e.kind() == ErrorKind::NotFound => Ok(false),
            written => Ok(written.map(|()| true)?),
        }
    }

    /// What these keys are set to, as far as they are there and can be read.
    pub(super) fn sysctls(
        &mut self,
        asked: &BTreeSet<SysctlRef>,
    ) -> Result<Vec<Sourced<Sysctl>>, OsError> {
        let mut found = Vec::new();
        let places: BTreeSet<&Netns> = asked.iter().map(|(at, _)| at).collect();
        for at in places {
            let netns = match self.open(at) {
                Ok(netns) => netns,
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            let keys = asked.iter().filter(|(other, _)| other == at);
            found.extend(at_once(|| in_netns(&netns, || Ok(read(None, keys))))?);
        }
        Ok(found)
    }

    /// What these keys would be in a namespace that were made now, by making one without
    /// a name and letting it go; nothing, where that is not possible.
    pub fn sysctls_of_a_new_one(asked: &BTreeSet<SysctlRef>) -> Vec<Sourced<Sysctl>> {
        let mut inside = asked.clone();
        inside.retain(|(at, _)| *at == Netns::This);
        let work = || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let mut found = of_a_new_one(&mut Requests::open()?);
            inside.retain(|(_, key)| found.iter().all(|found| found.value.key != *key));
            found.extend(read(None, inside.iter()));
            Ok(found)
        };
        on_a_thread(work).unwrap_or_default()
    }
}

/// What a namespace begins with, by a thread that is in it, and a socket of that.
pub(super) fn of_a_new_one(requests: &mut Requests) -> Vec<Sourced<Sysctl>> {
    let told = devconf::of_a_new_one(requests);
    let value = |path: &str| {
        let mut told = told.iter();
        told.find(|(told, _)| *told == path).map(|told| told.1)
    };
    let (mut found, mut asked) = (Vec::new(), Vec::new());
    for key in Sysctl::of_a_new_one() {
        if key
            .matters_with()
            .is_some_and(|other| value(other) == Some(0))
        {
            continue;
        }
        match value(key.path()) {
            Some(value) => {
                let sysctl = Sysctl::new(Netns::This, key, &value.to_string());
                found.push(Sourced::without_origin(sysctl));
            }
            None => asked.push((Netns::This, key)),
        }
    }
    found.extend(read(procfs::of_the_next(), asked.iter()));
    found
}

/// As a firewall's rules have the kernel do it. Where it cannot be, the key stays away.
fn load_module(module: &str) {
    let mut modprobe = Command::new("modprobe");
    let modprobe = modprobe.args(["-q", module]).env("PATH", PATH);
    let quiet = modprobe.stdout(Stdio::null()).stderr(Stdio::null());
    let _ = quiet.stdin(Stdio::null()).status();
}

/// The sysctls of a link of the host that are not what new links begin with: a link that is
/// moved back is new there.
pub(super) fn of_link(link: &LinkName, without_arp: bool) -> Vec<Sourced<Sysctl>> {
    let mut found = Vec::new();
    for family in [
        "net/ipv4/conf",
        "net/ipv6/conf",
        "net/ipv4/neigh",
        "net/ipv6/neigh",
    ] {
        let folder = Path::new(FOLDER).join(family);
        let mut keys: Vec<_> = fs::read_dir(folder.join(link.as_str()))
            .into_iter()
            .flatten()
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .collect();
        // stable_secret sets addr_gen_mode
        keys.sort_by(|one, other| other.cmp(one));
        for key in keys {
            let value = |link: &str| fs::read_to_string(folder.join(link).join(&key)).ok();
            // In a namespace other than the first, neighbours have no `default`
            let of_new = value("default").or_else(|| value("lo"));
            let Some(own) = value(link.as_str()) else {
                continue;
            };
            // Which a new link without ARP does not begin with
            let dad = without_arp && key == "accept_dad";
            let differs = of_new.as_ref() != Some(&own) || dad;
            let given = differs && !NOT_GIVEN.contains(&key.as_str());
            if let Ok(key) = format!("{family}/{link}/{key}").parse()
                && given
            {
                let sysctl = Sysctl::new(Netns::Host, key, &own);
                found.push(Sourced::without_origin(Sysctl {
                    optional: true,
                    ..sysctl
                }));
            }
        }
    }
    found
}

fn path(key: &SysctlKey) -> PathBuf {
    Path::new(FOLDER).join(key.path())
}

/// Each from the folder of its family, `net/ipv4`, which is opened once: the kernel looks
/// for that among those of all namespaces. `procfs` is where, if not where everybody does.
fn read<'a>(
    tables: Option<File>,
    asked: impl Iterator<Item = &'a SysctlRef>,
) -> Vec<Sourced<Sysctl>> {
    let open = |family: &str| match &tables {
        Some(tables) => procfs::open(tables, family),
        None => File::open(Path::new(FOLDER).join(family)),
    };
    let mut folders = BTreeMap::new();
    let value = |(at, key): &'a SysctlRef| {
        let (family, rest) = key.family();
        let folder = match folders.entry(family) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(new) => new.insert(open(family).ok()?),
        };
        let text = value_of(folder, rest).ok()?;
        Some(Sourced::without_origin(Sysctl::new(
            at.clone(),
            key.clone(),
            &text,
        )))
    };
    asked.filter_map(value).collect()
}

/// Read at once, and nearly all fit: of a long one, the kernel gives the start, and then no
/// more. It is read anew into more room.
fn value_of(folder: &File, path: &str) -> io::Result<String> {
    let file = procfs::open(folder, path)?;
    let mut bytes = vec![0; 128];
    loop {
        let length = file.read_at(&mut bytes, 0)?;
        if length < bytes.len() {
            bytes.truncate(length);
            return String::from_utf8(bytes).map_err(io::Error::other);
        }
        bytes.resize(bytes.len() * 8, 0);
    }
}

fn write(sysctl: &Sysctl) -> io::Result<()> {
    // Neither made nor cut off: that would be another error than the key's own
    let mut file = OpenOptions::new().write(true).open(path(&sysctl.key))?;
    file.write_all(format!("{}\n", sysctl.value).as_bytes())
}
