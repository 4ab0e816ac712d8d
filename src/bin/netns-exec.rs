//! netns-exec: joins a namespace and becomes the command.
//!
//! It does not use Rust's runtime start, which would leave SIGPIPE ignored in the command, open
//! /dev/null where descriptors were closed, and add a third to the run time.

#![no_main]

use std::ffi::{c_char, c_int};

use netns_services::exec;
use netns_services::exec::argv::Words;

/// The C library calls this.
///
/// # Safety
///
/// Only the C library may call this, with the arguments that the kernel passed.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: these are the arguments of main.
    exec::run(unsafe { Words::of_main(count, words) })
}
