//! Tap and tun links, which are created by opening `/dev/net/tun`. Only their creation is special:
//! they are queried and changed like any other link.
//!
//! The unsafe code is sound for this reason: each ioctl gets a number, or the address of an `ifreq`
//! that lives until the call returns. The kernel reads and writes no more than that, and keeps no
//! reference to it (tuntap.rst in the kernel's documentation).

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_ulong};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;

use nix::libc::{self, ifreq};
use rtnetlink::packet_route::link::{InfoKind, LinkInfo};

use crate::kernel::Kernel;
use crate::kernel::decode::link_data::data;
use crate::kernel::netlink::attr;
use crate::model::{Link, LinkSpec};
use crate::os_error::OsError;
use crate::system::thread::in_netns;

mod file;

mod ioctl {
    use super::{c_int, ifreq};

    nix::ioctl_write_ptr_bad!(
        setiff,
        nix::request_code_write!(b'T', 202, size_of::<c_int>()),
        ifreq
    );
    nix::ioctl_write_int!(setpersist, b'T', 203);
    nix::ioctl_write_int!(setowner, b'T', 204);
    nix::ioctl_write_int!(setgroup, b'T', 206);
}

impl Kernel {
    /// Equivalent to `ip tuntap add`.
    pub(crate) fn add_tap(&mut self, link: &Link, spec: &LinkSpec) -> Result<(), OsError> {
        let netns = self.file(&link.netns)?;
        let added = in_netns(netns, || {
            attach(&file::open()?, link.name.value.as_str(), spec)
        });
        added.map_err(|no| match no.kind() {
            ErrorKind::NotFound => OsError {
                message: Some(format!("the kernel has no module tun for {}", file::FILE)),
                errno: no,
            },
            _ => no.into(),
        })
    }
}

/// Create the link, and make it stay after the file is closed. Making it stay comes last, so that
/// nothing is left behind if another call fails.
fn attach(file: &File, name: &str, spec: &LinkSpec) -> io::Result<()> {
    let number = |word| spec.options.number(word).map(c_ulong::from);
    let mut flags = libc::IFF_NO_PI | libc::IFF_TUN_EXCL;
    flags |= match spec.of.word {
        "tap" => libc::IFF_TAP,
        _ => libc::IFF_TUN,
    };
    if number("multi_queue") == Some(1) {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    let fd = file.as_raw_fd();
    let request = request(name, flags);
    // SAFETY: see the head of this file.
    unsafe { ioctl::setiff(fd, &request) }?;
    if let Some(owner) = number("user") {
        // SAFETY: see the head of this file.
        unsafe { ioctl::setowner(fd, owner) }?;
    }
    if let Some(group) = number("group") {
        // SAFETY: see the head of this file.
        unsafe { ioctl::setgroup(fd, group) }?;
    }
    // SAFETY: see the head of this file.
    unsafe { ioctl::setpersist(fd, 1) }?;
    Ok(())
}

/// A link's name and its flags. The field is longer than any name.
fn request(name: &str, flags: c_int) -> ifreq {
    // SAFETY: an ifreq is numbers and unions of them, which may all be zero.
    let mut request: ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from as c_char;
    }
    request.ifr_ifru.ifru_flags = flags as i16;
    request
}

/// Whether a link is a tap or a tun: the kernel reports the kind "tun" for both.
pub(crate) fn word(infos: &[LinkInfo]) -> Option<&'static str> {
    const IFLA_TUN_TYPE: u16 = 3;
    if !infos.contains(&LinkInfo::Kind(InfoKind::Tun)) {
        return None;
    }
    let data = data(infos);
    let of = attr::find(&data, 0, IFLA_TUN_TYPE)?.first();
    let tap = of.is_some_and(|of| c_int::from(*of) == libc::IFF_TAP);
    Some(if tap { "tap" } else { "tun" })
}
