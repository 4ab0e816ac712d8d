//! Giving back memory while nothing happens: the program's code, and what is free on the heap. Code
//! stays in the kernel's page cache, and comes back page by page when it is used again. Nothing else
//! belongs in this file.
//!
//! tokio would bring half a megabyte of code back before it waits. So the wait is made here, right
//! after the code was given back: for the epoll instance of tokio's runtime, which is readable when
//! the runtime has something to do.
//!
//! The unsafe code is sound for three reasons. It changes the contents of no page: it only names
//! mappings of a file that cannot be written to and of which no page was ever written to (not even by
//! the loader), so that each page is read again from the file that it came from. malloc_trim(3) has no
//! requirements: it changes no allocation. And the descriptor is open for as long as the runtime
//! exists, which is borrowed.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::mm::{Advice, madvise};
use tokio::runtime::Runtime;

/// Where the kernel describes this process's mappings.
const MAPPINGS: &str = "/proc/self/smaps";

/// The start and length of a mapping.
type Mapping = (*mut c_void, usize);

/// The epoll instance of a runtime, by which it waits for everything: signals, sockets and other
/// threads; only its timers are elsewhere.
pub struct Epoll<'runtime>(BorrowedFd<'runtime>);

impl<'runtime> Epoll<'runtime> {
    /// That of the only runtime in this process. `None` if `/proc` does not show it.
    pub fn of(_runtime: &'runtime Runtime) -> Option<Self> {
        let files = fs::read_dir("/proc/self/fd").ok()?;
        let is_epoll = |path| fs::read_link(path).is_ok_and(|to| to == *"anon_inode:[eventpoll]");
        let epolls = files.flatten().filter(|file| is_epoll(file.path()));
        let numbers = epolls.filter_map(|file| file.file_name().to_str()?.parse().ok());
        // SAFETY: see the head of this file.
        let mut epolls = numbers.map(|number| unsafe { BorrowedFd::borrow_raw(number) });
        // One that the parent left open would not have outlived execve(2) with this flag
        let is_own = |epoll: &BorrowedFd| {
            fcntl_getfd(epoll).is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC))
        };
        epolls.find(is_own).map(Epoll)
    }

    /// Give back what is not used while nothing happens, and wait until the runtime has something to
    /// do, at the longest until this moment. Errors only mean that it stays, or that the runtime
    /// waits.
    pub fn wait_with_little_memory(&self, until: Option<Instant>) {
        let unwritten = unwritten(&fs::read_to_string(MAPPINGS).unwrap_or_default());
        release_free_memory();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let limit = left.and_then(|left| Timespec::try_from(left).ok());
        self.wait_without(&unwritten, limit.as_ref());
    }

    /// The code that is in memory during the wait is that of this function.
    #[inline(never)]
    fn wait_without(&self, mappings: &[Mapping], limit: Option<&Timespec>) {
        let mut events = [PollFd::from_borrowed_fd(self.0, PollFlags::IN)];
        release(mappings);
        let _ = poll(&mut events, limit);
    }
}

/// Give back the pages of these mappings.
#[inline(always)]
fn release(mappings: &[Mapping]) {
    for (start, length) in mappings {
        // SAFETY: see the head of this file. The mapping stays as it is.
        let _ = unsafe { madvise(*start, *length, Advice::LinuxDontNeed) };
    }
}

/// Give back the pages of the heap on which nothing is allocated.
fn release_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: see the head of this file.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// The start and length of each mapping of a file that is not writable and has no written page.
fn unwritten(mappings: &str) -> Vec<Mapping> {
    let (mut found, mut current) = (Vec::new(), None);
    for line in mappings.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [range, mode, _, _, inode, ..] if range.contains('-') => {
                let is_code = matches!(mode, "r-xp" | "r--p") && inode != "0";
                current = is_code.then(|| limits(range)).flatten();
            }
            ["Anonymous:", "0", "kB"] => found.extend(current.take()),
            _ => {}
        }
    }
    found
}

/// The start and length of `START-END` in hexadecimal.
fn limits(range: &str) -> Option<Mapping> {
    let (start, end) = range.split_once('-')?;
    let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).ok());
    let length = end?.checked_sub(start?)?;
    Some((ptr::with_exposed_provenance_mut(start?), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mappings_of_files_without_a_written_page_are_given_back() {
        let mapping = |line: &str, anonymous: &str| {
            format!("{line}\nSize: 8 kB\nAnonymous: {anonymous} kB\nVmFlags: rd mr\n")
        };
        let found = |line: &str, anonymous: &str| -> Vec<(usize, usize)> {
            let mappings = unwritten(&mapping(line, anonymous));
            let plain = mappings.into_iter();
            plain
                .map(|(start, length)| (start.addr(), length))
                .collect()
        };
        let code = "00400000-00402000 r-xp 00000000 fe:00 12 /usr/sbin/netns-setup";
        assert_eq!(found(code, "0"), [(0x40_0000, 0x2000)]);
        assert_eq!(
            found(&code.replace("r-xp", "r--p"), "0"),
            [(0x40_0000, 0x2000)]
        );
        for line in [
            code.replace("r-xp", "rw-p"),
            code.replace("r-xp", "r--s"),
            code.replace(" 12 /usr/sbin/netns-setup", " 0 [vdso]"),
            code.replace("00400000-00402000", "00402000-00400000"),
        ] {
            assert_eq!(found(&line, "0"), [], "{line}");
        }
        assert_eq!(found(code, "4"), [], "a page was written to");
    }

    #[test]
    fn the_code_runs_on_after_it_was_given_back() {
        let mappings = unwritten(&fs::read_to_string(MAPPINGS).unwrap());
        assert!(!mappings.is_empty());
        release(&mappings);
        assert_eq!(
            limits("10-30"),
            Some((ptr::with_exposed_provenance_mut(16), 32))
        );
    }
}
