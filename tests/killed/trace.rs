//! Running a program by ptrace(2), and doing something to it at one of its system calls:
//! a call in, how it ended out. What is run, and what ought to come of it, is the test's.
//!
//! Calls are counted over all of its threads, from the first after execve(2) on. Programs
//! that it starts are not followed: they live on when it is killed, as they would do.

// The child is waited for by its number.
#![allow(clippy::expect_used, clippy::panic, clippy::zombie_processes)]

use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::{PATH, Sandbox};

/// What is done at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The program is killed before it makes the call of this number.
    Kill(usize),
    /// The call of this number is not made, and fails.
    Fail(usize, Errno),
}

/// How it ended.
#[derive(Debug)]
pub struct Traced {
    /// The numbers of the system calls (x86-64's), in their order.
    pub calls: Vec<i64>,
    /// Its exit code; nothing if a signal ended it.
    pub code: Option<i32>,
    /// It had to be ended, for it ran on.
    pub hung: bool,
    /// Its standard output and error.
    pub said: String,
}

/// How long it may take. Far more than it does.
const LIMIT: Duration = Duration::from_secs(40);

/// Run it in the sandbox.
pub fn run(sandbox: &Sandbox, words: &[&str], fault: Fault) -> Traced {
    let mut said = tempfile::tempfile().expect("a temporary file");
    let file = || Stdio::from(said.try_clone().expect("dup"));
    let mut command = Command::new("sh");
    command
        .args(["-c", "read -r go && exec \"$@\" </dev/null", "sh"])
        .args(words)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(file())
        .stderr(file());
    // A thread that has joined a pid namespace can start no other
    let (tell, hear) = mpsc::channel();
    let watchdog = thread::spawn(move || {
        let pid = hear.recv().expect("it is told");
        let hung = hear.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
        if hung {
            let _ = kill(pid, Signal::SIGKILL);
        }
        hung
    });
    let (calls, status) = sandbox.inside(move || {
        let mut child = command.spawn().expect("sh");
        let pid = Pid::from_raw(child.id() as i32);
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(pid, options).expect("ptrace");
        let go = child.stdin.as_mut().expect("it is a pipe");
        go.write_all(b"go\n").expect("it reads");
        tell.send(pid).expect("it hears");
        follow(pid, fault)
    });
    let hung = watchdog.join().expect("it ends");
    let mut text = String::new();
    said.rewind().expect("rewind");
    said.read_to_string(&mut text).expect("it is text");
    Traced {
        calls,
        code: match status {
            WaitStatus::Exited(_, code) => Some(code),
            _ => None,
        },
        hung,
        said: text,
    }
}

/// From stop to stop, until the process has ended. The threads that are in a call are
/// known by the order of stops: one when it begins, one when it ends.
fn follow(pid: Pid, fault: Fault) -> (Vec<i64>, WaitStatus) {
    let (mut calls, mut in_call, mut failing) = (Vec::new(), Vec::new(), Vec::new());
    let mut begun = false;
    // Other tests have children too
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        let stop = waitpid(None, Some(flags)).expect("waitpid");
        let (thread, signal) = match stop {
            WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..) => {
                if thread == pid {
                    return (calls, stop);
                }
                continue;
            }
            WaitStatus::PtraceEvent(thread, _, libc::PTRACE_EVENT_EXEC) => {
                // The end of execve(2) follows
                begun = true;
                in_call.push(thread);
                (thread, None)
            }
            WaitStatus::PtraceSyscall(thread) if begun => {
                match in_call.iter().position(|other| *other == thread) {
                    Some(place) => {
                        in_call.swap_remove(place);
                        if let Some(place) = failing.iter().position(|other| *other == thread)
                            && let Fault::Fail(_, errno) = fault
                        {
                            failing.swap_remove(place);
                            answer(thread, errno);
                        }
                    }
                    None => {
                        in_call.push(thread);
                        let number = calls.len();
                        calls.push(call(thread));
                        match fault {
                            Fault::Kill(point) if point == number => {
                                let _ = kill(pid, Signal::SIGKILL);
                            }
                            Fault::Fail(point, errno)
                                if point == number && can_fail(thread, errno) =>
                            {
                                prevent(thread);
                                failing.push(thread);
                            }
                            _ => {}
                        }
                    }
                }
                (thread, None)
            }
            WaitStatus::Stopped(thread, Signal::SIGTRAP | Signal::SIGSTOP) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            WaitStatus::PtraceEvent(thread, ..) | WaitStatus::PtraceSyscall(thread) => {
                (thread, None)
            }
            _ => continue,
        };
        // ESRCH: it has been killed
        let _ = ptrace::syscall(thread, signal);
    }
}

fn call(thread: Pid) -> i64 {
    ptrace::getregs(thread).map_or(-1, |registers| registers.orig_rax as i64)
}

/// Whether an error of a call of this number proves nothing. It does not for the process's own memory, threads'
/// beginnings, ends and waits for each other, and random numbers: there the C library or
/// the Rust library ends the process, as it must. (That it can end anywhere is what the
/// kills show.) Nor for what tokio and std take to be there: that epoll and poll wait, that
/// a process can have a pair of sockets, that the eight bytes come through by which a thread
/// wakes another, or a child says that it could not run its program, that a lock can be let go. A close(2) that is not
/// made leaves open what the kernel never leaves open.
pub fn never_fails(call: i64) -> bool {
    const NEVER: [i64; 20] = [
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_arch_prctl,
        libc::SYS_getrandom,
        libc::SYS_socketpair,
        libc::SYS_poll,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    NEVER.contains(&call)
}

fn can_fail(thread: Pid, errno: Errno) -> bool {
    let Ok(registers) = ptrace::getregs(thread) else {
        return false;
    };
    let call = registers.orig_rax as i64;
    let eight = [libc::SYS_read, libc::SYS_write, libc::SYS_recvfrom];
    let wakes = eight.contains(&call) && registers.rdx == 8;
    let waits = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait].contains(&call);
    let lets_go = call == libc::SYS_flock && registers.rsi == libc::LOCK_UN as u64;
    let never = never_fails(call) || wakes || lets_go;
    !never && (!waits || errno == Errno::EINTR)
}

/// The kernel knows no call of this number.
fn prevent(thread: Pid) {
    if let Ok(mut registers) = ptrace::getregs(thread) {
        registers.orig_rax = u64::MAX;
        let _ = ptrace::setregs(thread, registers);
    }
}

fn answer(thread: Pid, errno: Errno) {
    if let Ok(mut registers) = ptrace::getregs(thread) {
        registers.rax = -(errno as i64) as u64;
        let _ = ptrace::setregs(thread, registers);
    }
}
