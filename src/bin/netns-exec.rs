//! netns-exec: from what it was called with to becoming the command.
//!
//! Without Rust's own start: that would leave SIGPIPE ignored in the command, open
//! /dev/null where descriptors were closed, and take as long as a third of the rest.

#![no_main]

use std::ffi::{c_char, c_int};

use netns_services::exec;
use netns_services::exec::argv::Words;

/// Where the C library starts the program.
///
/// # Safety
///
/// For the C library alone, with what it got from the kernel.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: these are the arguments of main.
    exec::run(unsafe { Words::of_main(count, words) })
}
