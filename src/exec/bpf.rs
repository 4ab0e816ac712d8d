//! bpf(2): loads a program that handles each socket that the processes of a cgroup create, and
//! attaches it to the cgroup. The safety argument at the head of `syscall` applies to the unsafe
//! code here.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::syscall::{call, fd, open, text};

/// Load the program.
pub fn load(instructions: &[u64], licence: &CStr) -> Result<OwnedFd, Errno> {
    // union bpf_attr for BPF_PROG_LOAD: type 9 (CGROUP_SOCK) and number of instructions;
    // instructions; licence; then log, version, flags and name, all zero; attach type 2
    let mut attributes = [[0u32; 2]; 9];
    attributes[0] = [9, instructions.len() as u32];
    attributes[8] = [0, 2];
    let mut attributes = attributes.map(pair);
    attributes[1] = instructions.as_ptr() as u64;
    attributes[2] = text(licence) as u64;
    let size = size_of_val(&attributes);
    // SAFETY: see the head of this file
    unsafe { open(libc::SYS_bpf, [5, attributes.as_ptr() as usize, size]) }
}

fn pair([first, second]: [u32; 2]) -> u64 {
    let [a, b, c, d] = first.to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// Attach the program to the cgroup. It runs for each socket that a process of the cgroup creates
/// from now on.
pub fn attach(program: BorrowedFd, cgroup: BorrowedFd) -> Result<(), Errno> {
    // BPF_PROG_ATTACH: cgroup, program, type 2 (CGROUP_INET_SOCK_CREATE), no flags
    let attributes: [u32; 4] = [fd(cgroup) as u32, fd(program) as u32, 2, 0];
    // SAFETY: see the head of this file
    unsafe { call(libc::SYS_bpf, [8, attributes.as_ptr() as usize, 16]) }.map(drop)
}
