//! The memory of a static netns-setup: dlmalloc, with a lock of our own. musl's allocator asks
//! the kernel for a few pages at a time, which was a third of all the time of an `up`; a mutex
//! taken and given back for each piece was an eighth of its instructions. Only that belongs
//! here.
//!
//! The argument for the unsafe code: the heap is touched by who holds the lock alone; what
//! it is asked for and given back is by GlobalAlloc's contract what dlmalloc asks for.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::yield_now;

use dlmalloc::Dlmalloc;

/// Threads wait for one another here by trying again: what is done under the lock is a few
/// hundred instructions, and there are hardly ever two that run.
pub struct Memory {
    is_held: AtomicBool,
    heap: UnsafeCell<Dlmalloc>,
}

// SAFETY: see the head of this file.
unsafe impl Sync for Memory {}

impl Memory {
    /// Nothing is taken from the kernel yet.
    pub const fn new() -> Self {
        Memory {
            is_held: AtomicBool::new(false),
            heap: UnsafeCell::new(Dlmalloc::new()),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        while self.is_held.swap(true, Ordering::Acquire) {
            yield_now();
        }
        // SAFETY: nobody else has it until it is given back.
        let done = act(unsafe { &mut *self.heap.get() });
        self.is_held.store(false, Ordering::Release);
        done
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new()
    }
}

// SAFETY: see the head of this file; nothing in here panics.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size and alignment will do.
        self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        self.with(|heap| unsafe { heap.calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, piece: *mut u8, _: Layout) {
        // SAFETY: the caller has it from here.
        self.with(|heap| unsafe { heap.c_free(piece) });
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (had, align) = (layout.size(), layout.align());
        // SAFETY: the caller has it from here, by this layout.
        self.with(|heap| unsafe { heap.realloc(piece, had, align, size) })
    }
}
