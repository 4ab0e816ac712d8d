//! The words and variables that a program is started with, as the kernel has them: nothing
//! is copied from `main` to execve(2). Beside `syscall` the one module with unsafe code; each
//! use has its argument with it.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null;

use nix::errno::Errno;
use nix::libc;

/// A part of what a program was called with: words, each ended by a NUL, and a null
/// pointer behind the last. It is what execve(2) takes, so nothing need be copied.
#[derive(Clone, Copy)]
pub struct Words<'a>(&'a [*const c_char]);

impl Words<'static> {
    /// None at all.
    pub const NONE: Self = Words(&[null()]);

    /// The words that `main` was given.
    ///
    /// # Safety
    ///
    /// The arguments must be those of `main`: `count` pointers to NUL-ended words and a
    /// null pointer, which all stay as they are until the process ends.
    pub unsafe fn of_main(count: c_int, words: *const *const c_char) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the caller says that there are count words and a null pointer.
        Words(unsafe { std::slice::from_raw_parts(words, count + 1) })
    }
}

impl<'a> Words<'a> {
    /// How many.
    pub fn count(self) -> usize {
        self.0.len() - 1
    }

    /// The word at this place, counted from 0.
    pub fn get(self, place: usize) -> Option<&'a CStr> {
        let word = *self.0.get(place)?;
        // SAFETY: all but the last, which is null, are words ended by a NUL, see of_main.
        (!word.is_null()).then(|| unsafe { CStr::from_ptr(word) })
    }

    /// The words from this place on; none, if there are fewer.
    pub fn from(self, place: usize) -> Self {
        Words(&self.0[place.min(self.count())..])
    }

    /// `before`, then all these words, handed to `work`.
    pub fn behind<T>(self, before: &[&CStr], work: impl FnOnce(Words) -> T) -> T {
        let before = before.iter().map(|word| word.as_ptr());
        let all: Vec<_> = before.chain(self.0.iter().copied()).collect();
        work(Words(&all))
    }
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// execve(2), with the environment as it is. It returns only if that failed.
pub fn execve(program: &CStr, words: Words) -> Errno {
    // SAFETY: Words is a list of words ended by a null pointer, and so is the environment.
    unsafe { libc::execve(program.as_ptr(), words.0.as_ptr(), environ) };
    Errno::last()
}

/// The value of a variable of the environment.
pub fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: what getenv returns stays, for nothing is taken out of the environment.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}

/// Sets a variable of the environment.
pub fn set_variable(name: &CStr, value: &CStr) -> Result<(), Errno> {
    // SAFETY: both are ended by a NUL, and there is one thread.
    Errno::result(unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) }).map(drop)
}
