//! Giving back memory while nothing happens: the program's code, and what is free on the heap. Code
//! stays in the kernel's page cache, and comes back page by page when it is used again. Nothing else
//! belongs in this file.
//!
//! The unsafe code is sound for two reasons. It changes the contents of no page: it only names
//! mappings of a file that cannot be written to and of which no page was ever written to (not even by
//! the loader), so that each page is read again from the file that it came from. And malloc_trim(3)
//! has no requirements: it changes no allocation.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{Advice, madvise};

/// Where the kernel describes this process's mappings.
const MAPPINGS: &str = "/proc/self/smaps";

/// Whether memory is to be given back when the runtime next waits.
static IS_DUE: AtomicBool = AtomicBool::new(false);

/// Give back memory just before the next system call that waits: most of the code that runs before it
/// is not used again until something happens.
pub fn release_when_parked() {
    IS_DUE.store(true, Ordering::Relaxed);
}

/// The runtime is about to wait.
pub fn is_parked() {
    if IS_DUE.swap(false, Ordering::Relaxed) {
        release();
    }
}

/// Give back what is not used while nothing happens. Errors only mean that it stays.
fn release() {
    let ranges = unwritten(&fs::read_to_string(MAPPINGS).unwrap_or_default());
    release_free_memory();
    for (start, length) in ranges {
        // SAFETY: see the head of this file. The mapping stays as it is.
        let _ = unsafe { madvise(start, length, Advice::LinuxDontNeed) };
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
fn unwritten(mappings: &str) -> Vec<(*mut c_void, usize)> {
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
fn limits(range: &str) -> Option<(*mut c_void, usize)> {
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
        let all = fs::read_to_string(MAPPINGS).unwrap();
        assert!(!unwritten(&all).is_empty());
        release();
        assert_eq!(
            limits("10-30"),
            Some((ptr::with_exposed_provenance_mut(16), 32))
        );
    }
}
