//! Binds the process's sockets to a VRF, as `ip vrf exec` does: it moves the process to a cgroup
//! below its current one, with a BPF program that binds each new socket. The cgroups have the names
//! that ip(8) uses, so `ip vrf pids` finds the processes.

use std::ffi::CStr;
use std::fs::{self, DirBuilder};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access};

use super::args::To;
use super::error::{ExecError, reason, shown};
use super::mounts::mountinfo::{self, OWN};
use super::{bpf, syscall};

/// Leave the caller's VRF. It belongs to another namespace, and sockets bound to it could reach
/// nothing in the new one.
pub fn leave() -> Result<(), ExecError> {
    // This directory exists if the module is loaded or built in, and without it there is no VRF
    if access(c"/sys/module/vrf", AccessFlags::F_OK).is_err() {
        return Ok(());
    }
    if !syscall::born_bound_to().is_ok_and(|link| link != 0) {
        return Ok(());
    }
    leave_old()
}

#[cold]
#[inline(never)]
fn leave_old() -> Result<(), ExecError> {
    let refused = |why| refused("cannot leave the previous VRF", why);
    let own = own_cgroup().map_err(refused)?;
    match own.rsplit_once("/vrf/") {
        Some((above, _)) => {
            let root = root().map_err(refused)?;
            move_to(&format!("{}{}", root.path, without_namespace(above))).map_err(refused)
        }
        // Something other than a VRF cgroup has bound the sockets, and it is not undone here
        None => Ok(()),
    }
}

/// Join the VRF, which belongs to the namespace that the process is in.
#[cold]
#[inline(never)]
pub fn enter(to: To, vrf: &CStr) -> Result<(), ExecError> {
    let what = format!("{to}: cannot join the VRF {}", shown(vrf));
    let refused = |why| refused(&what, why);
    let number = match find(vrf).map_err(refused)? {
        Some((number, kind)) if kind == b"vrf" => number,
        Some(_) => return Err(no_vrf(to, vrf, "is no VRF")),
        None => return Err(no_vrf(to, vrf, "does not exist")),
    };
    let root = root().map_err(refused)?;
    let own = own_cgroup().map_err(refused)?;
    let base = own.trim_end_matches('/');
    // A process in a VRF cgroup gets its new cgroup below the same parent, not below the old one
    let base = match base.rsplit_once("/vrf/") {
        Some((above, _)) => without_namespace(above),
        None => base,
    };
    let place = match to {
        To::Name(name) => format!("{base}/{}-ns", shown(name)),
        _ => base.into(),
    };
    let path = format!("{}{place}/vrf/{}", root.path, shown(vrf));
    let mut folders = DirBuilder::new();
    let folders = folders.recursive(true).mode(0o755);
    let done = folders
        .create(&path)
        .map_err(errno)
        .and_then(|()| bind(&path, number));
    done.and_then(|()| move_to(&path)).map_err(refused)
}

/// The parent of a namespace's cgroup, whose name ends in `-ns`, or else the cgroup itself.
fn without_namespace(cgroup: &str) -> &str {
    match cgroup.rsplit_once('/') {
        Some((above, last)) if last.ends_with("-ns") => above,
        _ => cgroup,
    }
}

/// Make the kernel bind each socket that is created in the cgroup to this link.
fn bind(cgroup: &str, link: u32) -> Result<(), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let cgroup = open(cgroup, flags, Mode::empty())?;
    // struct bpf_insn: code, registers (source << 4 | destination), offset, immediate
    let instruction = |code: u8, registers: u8, number: u32| {
        let [a, b, c, d] = number.to_ne_bytes();
        u64::from_ne_bytes([code, registers, 0, 0, a, b, c, d])
    };
    let program = [
        instruction(0xb7, 0x03, link), // r3 = link
        instruction(0x63, 0x31, 0),    // bound_dev_if, the first field of struct bpf_sock, = r3
        instruction(0xb7, 0x00, 1),    // r0 = 1: allow the socket
        instruction(0x95, 0x00, 0),    // return r0
    ];
    let program = bpf::load(&program, c"GPL")?;
    bpf::attach(program.as_fd(), cgroup.as_fd())
}

fn move_to(cgroup: &str) -> Result<(), Errno> {
    fs::write(format!("{cgroup}/cgroup.procs"), "0").map_err(errno)
}

/// The process's cgroup in the unified hierarchy. It is `/` at the root.
fn own_cgroup() -> Result<String, Errno> {
    let text = fs::read_to_string("/proc/thread-self/cgroup").map_err(errno)?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::"));
    own.map(String::from).ok_or(Errno::ENODEV)
}

/// The path at which the unified hierarchy is mounted.
struct Root {
    path: String,
    /// Keeps the mount behind the path open, if this process has created it.
    _open: Option<OwnedFd>,
}

fn root() -> Result<Root, Errno> {
    let mut found = None;
    mountinfo::each(OWN, |mount| {
        if mount.kind == b"cgroup2" && mount.root == b"/" {
            found = Some(mountinfo::unescaped(mount.point));
        }
        Ok::<(), Errno>(())
    })?;
    if let Some(point) = found {
        let path = String::from_utf8(point).map_err(|_| Errno::EILSEQ)?;
        return Ok(Root { path, _open: None });
    }
    // A mount is created only if there is none: a second one would change the options of the first
    let mounted = syscall::new_mount(c"cgroup2", &[(c"source", c"none")], 0)?;
    let path = format!("/proc/thread-self/fd/{}", mounted.as_raw_fd());
    Ok(Root {
        path,
        _open: Some(mounted),
    })
}

/// The interface index and the kind of the link of this name.
fn find(link: &CStr) -> Result<Option<(u32, Vec<u8>)>, Errno> {
    let name = link.to_bytes_with_nul();
    if name.len() > 16 {
        return Ok(None);
    }
    let mut netlink = fs::File::from(syscall::socket(libc::AF_NETLINK, libc::SOCK_RAW)?);
    // nlmsghdr (RTM_GETLINK, NLM_F_REQUEST), an empty ifinfomsg, and IFLA_IFNAME
    let mut asked = vec![0; 36 + name.len().next_multiple_of(4)];
    let length = asked.len() as u32;
    asked[0..4].copy_from_slice(&length.to_ne_bytes());
    asked[4..6].copy_from_slice(&18u16.to_ne_bytes());
    asked[6..8].copy_from_slice(&1u16.to_ne_bytes());
    asked[32..34].copy_from_slice(&(4 + name.len() as u16).to_ne_bytes());
    asked[34..36].copy_from_slice(&3u16.to_ne_bytes());
    asked[36..36 + name.len()].copy_from_slice(name);
    netlink.write_all(&asked).map_err(errno)?;
    let mut told = vec![0; 32768];
    let length = netlink.read(&mut told).map_err(errno)?;
    let told = told.get(..length).unwrap_or_default();
    match (u16_at(told, 4), u32_at(told, 20)) {
        (Some(16), Some(number)) => {
            let information = attribute(told.get(32..).unwrap_or_default(), 18);
            let kind = information
                .and_then(|inside| attribute(inside, 1))
                .unwrap_or_default();
            Ok(Some((
                number,
                kind.strip_suffix(b"\0").unwrap_or(kind).to_vec(),
            )))
        }
        _ => Ok(None),
    }
}

/// The value of the attribute of this type, in a sequence of netlink attributes.
fn attribute(mut row: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(row, 0)?);
        let inside = row.get(4..length)?;
        // The two highest bits are flags
        if u16_at(row, 2)? & 0x3fff == wanted {
            return Some(inside);
        }
        row = row.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    bytes
        .get(place..place + 2)?
        .try_into()
        .map(u16::from_ne_bytes)
        .ok()
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes
        .get(place..place + 4)?
        .try_into()
        .map(u32::from_ne_bytes)
        .ok()
}

fn errno(why: std::io::Error) -> Errno {
    Errno::from_raw(why.raw_os_error().unwrap_or(0))
}

fn no_vrf(to: To, vrf: &CStr, wrong: &str) -> ExecError {
    let vrf = shown(vrf);
    ExecError::kernel(
        format!("{to}: the VRF {vrf} {wrong}"),
        "expected a VRF of this namespace; ip vrf lists those of the namespace it runs in",
    )
}

fn refused(what: &str, why: Errno) -> ExecError {
    let remedy = match why {
        Errno::ENODEV => "expected a kernel with the unified cgroup hierarchy (cgroup2)",
        Errno::EPERM | Errno::EACCES => {
            "run it as root, with CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN"
        }
        _ => "expected a kernel with CONFIG_CGROUP_BPF, and a cgroup that may hold others",
    };
    ExecError::kernel(format!("{what}: {}", reason(why)), remedy)
}
