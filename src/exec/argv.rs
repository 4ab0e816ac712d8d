//! The arguments and environment that the program is started with, in the form that the kernel
//! uses: nothing is copied between `main` and execve(2). This module has unsafe code, and each use
//! states its argument.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null;

use nix::errno::Errno;
use nix::libc;

/// A part of the command line: pointers to NUL-terminated words, and a null pointer after the last.
/// execve(2) takes this form, so nothing is copied.
#[derive(Clone, Copy)]
pub struct Words<'a>(&'a [*const c_char]);

impl Words<'static> {
    /// No words.
    pub const NONE: Self = Words(&[null()]);

    /// The words that `main` was given.
    ///
    /// # Safety
    ///
    /// The arguments must be those of `main`: `count` pointers to NUL-terminated words and a null
    /// pointer. All of them must stay unchanged until the process ends.
    pub unsafe fn of_main(count: c_int, words: *const *const c_char) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the caller guarantees count words and a null pointer
        Words(unsafe { std::slice::from_raw_parts(words, count + 1) })
    }
}

impl<'a> Words<'a> {
    /// The number of words.
    pub fn count(self) -> usize {
        self.0.len() - 1
    }

    /// The word at this index, counted from 0.
    pub fn get(self, place: usize) -> Option<&'a CStr> {
        let word = *self.0.get(place)?;
        // SAFETY: all pointers but the last, which is null, point to NUL-terminated words, see
        // of_main
        (!word.is_null()).then(|| unsafe { CStr::from_ptr(word) })
    }

    /// The words from this index on. Empty if there are fewer.
    pub fn from(self, place: usize) -> Self {
        Words(&self.0[place.min(self.count())..])
    }

    /// Call `work` with the words of `before`, followed by all these words.
    pub fn behind<T>(self, before: &[&CStr], work: impl FnOnce(Words) -> T) -> T {
        let before = before.iter().map(|word| word.as_ptr());
        let all: Vec<_> = before.chain(self.0.iter().copied()).collect();
        work(Words(&all))
    }
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// execve(2), with the current environment. Returns only on failure.
pub fn execve(program: &CStr, words: Words) -> Errno {
    // SAFETY: Words is a list of words with a null pointer at its end, and so is the environment
    unsafe { libc::execve(program.as_ptr(), words.0.as_ptr(), environ) };
    Errno::last()
}

/// The value of an environment variable.
pub fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: the memory that getenv returns stays, because no variable is ever removed
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}

/// Set an environment variable.
pub fn set_variable(name: &CStr, value: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings are NUL-terminated, and there is one thread
    Errno::result(unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) }).map(drop)
}
