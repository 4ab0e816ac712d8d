//! Sysctls. `/proc/sys/net` shows the sysctls of the namespace of the thread that opens a file in
//! it, so a thread in the namespace reads and writes each sysctl.

pub mod devconf;
pub mod procfs;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
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

/// The keys of a link that are not restored. The kernel sets `mtu` by the link's own MTU and
/// `mc_forwarding` by the multicast router. The others repeat another key in a coarser unit.
const NOT_GIVEN: [&str; 5] = [
    "mtu",
    "mc_forwarding",
    "unres_qlen",
    "retrans_time",
    "base_reachable_time",
];

/// A namespace, and a sysctl in it.
pub type SysctlRef = (Netns, SysctlKey);

/// Whether the running kernel has IPv6: it may be built without, or booted with `ipv6.disable=1`.
pub fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

impl Kernel {
    /// The text of a file of `/proc` whose content depends on the namespace, as it is in the
    /// namespace: a file of `/proc/sys/net` or `/proc/thread-self/net`, for example.
    pub fn read_inside(&self, file: &str) -> io::Result<String> {
        let netns = self.open(&Netns::This)?;
        in_netns(&netns, || fs::read_to_string(file))
    }

    /// Set a sysctl. Returns false if the key does not exist and `optional` is set. Loads the
    /// module nf_conntrack if a key of it does not exist.
    pub fn set_sysctl(&mut self, sysctl: &Sysctl) -> Result<bool, OsError> {
        self.new_ones = None;
        let mut written = self.in_proc_sys(&sysctl.netns, || write(sysctl));
        let is_missing = |e: &io::Error| e.kind() == ErrorKind::NotFound;
        if sysctl.key.is_of_conntrack() && written.as_ref().is_err_and(is_missing) {
            load_module("nf_conntrack");
            written = self.in_proc_sys(&sysctl.netns, || write(sysctl));
        }
        match written {
            Err(e) if sysctl.optional && e.kind() == ErrorKind::NotFound => Ok(false),
            written => Ok(written.map(|()| true)?),
        }
    }

    /// The values of these keys. Keys that do not exist or have no value are left out.
    pub(super) fn sysctls(
        &mut self,
        asked: &BTreeSet<SysctlRef>,
    ) -> Result<Vec<Sourced<Sysctl>>, OsError> {
        let mut found = Vec::new();
        let places: BTreeSet<&Netns> = asked.iter().map(|(at, _)| at).collect();
        for at in places {
            match self.file(at) {
                Ok(_) => {}
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
                    continue;
                }
                Err(e) => return Err(e.into()),
            }
            let keys = asked.iter().filter(|(other, _)| other == at);
            found.extend(self.in_proc_sys(at, || read(None, keys))?);
        }
        Ok(found)
    }

    /// Read or write files of `/proc/sys/net` in a namespace. This thread is on the host.
    fn in_proc_sys<T: Send>(
        &mut self,
        at: &Netns,
        act: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        match at {
            Netns::Host => act(),
            _ => {
                let netns = self.file(at)?;
                at_once(|| in_netns(netns, act))
            }
        }
    }

    /// The values that these keys of the namespace would have if it were created now: those in a
    /// namespace without a name, which is created for this. Empty if that fails.
    pub fn sysctls_of_a_new_one(asked: &BTreeSet<SysctlRef>) -> Vec<Sourced<Sysctl>> {
        let mut inside = asked.clone();
        inside.retain(|(at, _)| *at == Netns::This);
        let work = || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let mut found = of_a_new_one(&mut Requests::open()?)?;
            inside.retain(|(_, key)| found.iter().all(|found| found.value.key != *key));
            found.extend(read(None, inside.iter())?);
            Ok(found)
        };
        on_a_thread(work).unwrap_or_default()
    }
}

/// The initial sysctls of a namespace. The calling thread must be in it, and so must the socket.
pub(super) fn of_a_new_one(requests: &mut Requests) -> io::Result<Vec<Sourced<Sysctl>>> {
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
    found.extend(read(procfs::of_the_next(), asked.iter())?);
    Ok(found)
}

/// Load a kernel module, as the kernel itself does for firewall rules. If this fails, the keys of
/// the module remain missing.
fn load_module(module: &str) {
    let mut modprobe = Command::new("modprobe");
    let modprobe = modprobe.args(["-q", module]).env("PATH", PATH);
    let quiet = modprobe.stdout(Stdio::null()).stderr(Stdio::null());
    let _ = quiet.stdin(Stdio::null()).status();
}

/// The sysctls of a link of the host that differ from those of a new link. When the link is moved
/// back to the host, it is a new link there.
pub(super) fn of_link(link: &LinkName, without_arp: bool) -> io::Result<Vec<Sourced<Sysctl>>> {
    let mut found = Vec::new();
    for family in [
        "net/ipv4/conf",
        "net/ipv6/conf",
        "net/ipv4/neigh",
        "net/ipv6/neigh",
    ] {
        let folder = Path::new(FOLDER).join(family);
        let mut keys = Vec::new();
        let files = existing(fs::read_dir(folder.join(link.as_str())))?;
        for file in files.into_iter().flatten() {
            keys.extend(file?.file_name().into_string());
        }
        // In descending order: writing stable_secret sets addr_gen_mode, which has to come later
        keys.sort_by(|one, other| other.cmp(one));
        for key in keys {
            let value = |link: &str| existing(fs::read_to_string(folder.join(link).join(&key)));
            // Only the initial namespace has a `default` for neighbours
            let of_new = match value("default")? {
                None => value("lo")?,
                default => default,
            };
            let Some(own) = value(link.as_str())? else {
                continue;
            };
            // A new link without ARP does not begin with the accept_dad of `default`
            let dad = without_arp && key == "accept_dad";
            let differs = of_new.as_ref() != Some(&own) || dad;
            let given = differs && !NOT_GIVEN.contains(&key.as_str());
            let key = format!("{family}/{link}/{key}").parse();
            if let Some(key) = key.ok().filter(|_| given) {
                let sysctl = Sysctl::new(Netns::Host, key, &own);
                found.push(Sourced::without_origin(Sysctl {
                    optional: true,
                    ..sysctl
                }));
            }
        }
    }
    Ok(found)
}

/// `None` for a key that does not exist, that can only be written (EACCES), or that has no value yet
/// (EIO, as `stable_secret`). An error that a second try may not have is one: a value that is there
/// must not be lost.
fn existing<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    use Errno::{EAGAIN, EBUSY, EINTR, EMFILE, ENFILE, ENOMEM, EPERM};
    match read {
        Ok(value) => Ok(Some(value)),
        Err(e) => match e.raw_os_error().map(Errno::from_raw) {
            Some(EAGAIN | EBUSY | EINTR | EMFILE | ENFILE | ENOMEM | EPERM) => Err(e),
            _ => Ok(None),
        },
    }
}

fn path(key: &SysctlKey) -> PathBuf {
    Path::new(FOLDER).join(key.path())
}

/// Read these keys. The directory of a family, such as `net/ipv4`, is opened only once, because the
/// kernel searches it among those of all namespaces. `tables` is the directory `sys` of another
/// procfs, `None` is `/proc/sys`.
fn read<'a>(
    tables: Option<File>,
    asked: impl Iterator<Item = &'a SysctlRef>,
) -> io::Result<Vec<Sourced<Sysctl>>> {
    let open = |family: &str| match &tables {
        Some(tables) => procfs::open(tables, family),
        None => File::open(Path::new(FOLDER).join(family)),
    };
    let (mut folders, mut found) = (BTreeMap::new(), Vec::new());
    for (at, key) in asked {
        let (family, rest) = key.family();
        let folder = match folders.entry(family) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(new) => new.insert(existing(open(family))?),
        };
        let Some(folder) = folder else {
            continue;
        };
        if let Some(text) = existing(value_of(folder, rest))? {
            let sysctl = Sysctl::new(at.clone(), key.clone(), &text);
            found.push(Sourced::without_origin(sysctl));
        }
    }
    Ok(found)
}

/// The text of a file. Nearly all texts fit into the first buffer. The kernel returns only the
/// beginning of a longer text, and then nothing, so it is read again into a larger buffer.
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
    // Without creating or truncating the file, which would cause another error than the key's own
    let mut file = OpenOptions::new().write(true).open(path(&sysctl.key))?;
    file.write_all(format!("{}\n", sysctl.value).as_bytes())
}
