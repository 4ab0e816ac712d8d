//! Runs a program under ptrace(2), and kills it or makes a call fail at one of its system
//! calls. Returns how the program ended. The test chooses the program and judges the
//! result.
//!
//! The calls of all threads are counted, from the first one after execve(2). Programs
//! that it starts are not traced: they continue when it is killed, as they would without
//! ptrace.

// The child is waited for by its process id.
#![allow(clippy::expect_used, clippy::panic, clippy::zombie_processes)]

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::{PATH, Sandbox};

/// The fault at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The program is killed before it makes the call of this number.
    Kill(usize),
    /// The call with this index is not made, and fails.
    Fail(usize, Errno),
}

/// A system call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its number (x86-64's).
    pub number: i64,
    /// Something outside of the program may differ after the call. A wait counts, because other
    /// processes continue meanwhile.
    pub changes: bool,
    /// The place in the program from which the call was made, as a number; 0 if there is a
    /// fault.
    pub site: u64,
    /// The file that the call creates or removes by name; `None` if there is a fault.
    pub file: Option<String>,
}

/// How it ended.
#[derive(Debug)]
pub struct Traced {
    /// The system calls, in their order.
    pub calls: Vec<Call>,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// It had to be killed, because it did not end.
    pub hung: bool,
    /// Its standard output and error.
    pub said: String,
}

/// The time limit. Far more than it needs, even on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(300);

/// The number of calling functions that identify the place of a call: those of the libraries,
/// and several of ours. The stack also contains words of functions that have returned, so one
/// place may count as several, but hardly ever several as one.
const DEPTH: usize = 24;

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
    // A thread that has joined a pid namespace can start no other thread
    let (tell, hear) = mpsc::channel();
    let watchdog = thread::spawn(move || {
        let pid = hear.recv().expect("it is told");
        let hung = hear.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
        if hung {
            let _ = kill(pid, Signal::SIGKILL);
        }
        hung
    });
    // Processes have other ids in the sandbox
    let proc = File::open("/proc").expect("/proc");
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
        follow(pid, fault, &proc)
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

/// From stop to stop, until the process has ended. Whether a thread is in a call follows from
/// the order of stops: one when a call begins, one when it ends.
fn follow(pid: Pid, fault: Fault, proc: &File) -> (Vec<Call>, WaitStatus) {
    let (mut calls, mut in_call, mut failing) = (Vec::new(), Vec::new(), Vec::new());
    let mut begun = false;
    let mut program = None;
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
                program = (fault == Fault::None).then(|| Program::of(pid, proc));
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
                        calls.push(call(thread, program.as_ref()));
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
        // ESRCH: it was killed
        let _ = ptrace::syscall(thread, signal);
    }
}

/// The program in memory.
struct Program {
    memory: File,
    /// Where its instructions are.
    text: Range<u64>,
}

impl Program {
    fn of(pid: Pid, proc: &File) -> Program {
        let open = |file: &str| {
            let path = format!("{pid}/{file}");
            File::from(openat(proc, &*path, OFlag::O_RDONLY, Mode::empty()).expect("it lives"))
        };
        let mut maps = String::new();
        open("maps").read_to_string(&mut maps).expect("it is text");
        let text = |line: &str| {
            let (range, rest) = line.split_once(' ')?;
            let (begin, end) = range.split_once('-')?;
            let address = |word| u64::from_str_radix(word, 16).ok();
            let is = rest.starts_with("r-x") && line.ends_with("/netns-setup");
            Some(address(begin)?..address(end)?).filter(|_| is)
        };
        Program {
            memory: open("mem"),
            text: maps.lines().find_map(text).expect("it has instructions"),
        }
    }

    fn text_at(&self, address: u64) -> String {
        let mut bytes = vec![0; 256];
        let length = self.memory.read_at(&mut bytes, address).unwrap_or(0);
        let text = bytes[..length].split(|byte| *byte == 0).next();
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }

    /// The functions that a call was made from, as their return addresses.
    fn site(&self, number: i64, stack: u64) -> u64 {
        let mut bytes = vec![0; 16 << 10];
        let length = self.memory.read_at(&mut bytes, stack).unwrap_or(0);
        let words = bytes[..length].chunks_exact(8);
        let words = words.map(|word| u64::from_ne_bytes(word.try_into().expect("eight")));
        let returns = words.filter(|word| self.text.contains(word));
        let mut site = DefaultHasher::new();
        number.hash(&mut site);
        for at in returns.take(DEPTH) {
            (at - self.text.start).hash(&mut site);
        }
        site.finish()
    }
}
fn call(thread: Pid, program: Option<&Program>) -> Call {
    let Ok(registers) = ptrace::getregs(thread) else {
        return Call {
            number: -1,
            changes: true,
            site: 0,
            file: None,
        };
    };
    let number = registers.orig_rax as i64;
    let opens = match number {
        libc::SYS_open => Some(registers.rsi),
        libc::SYS_openat => Some(registers.rdx),
        _ => None,
    };
    let makes = (libc::O_CREAT | libc::O_TRUNC) as u64;
    let reads = opens.is_some_and(|flags| flags & makes == 0);
    Call {
        number,
        changes: !reads && !is_own(number),
        site: program.map_or(0, |program| program.site(number, registers.rsp)),
        file: match number {
            libc::SYS_rename => program.map(|program| program.text_at(registers.rsi)),
            libc::SYS_unlink => program.map(|program| program.text_at(registers.rdi)),
            _ => None,
        },
    }
}

/// Whether a call with this number only reads, or changes nothing outside the program. What the
/// program holds (open files, locks, sockets) is released when it is killed.
fn is_own(call: i64) -> bool {
    const OWN: [i64; 51] = [
        libc::SYS_access,
        libc::SYS_bind,
        libc::SYS_chdir,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_eventfd2,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_fcntl,
        libc::SYS_flock,
        libc::SYS_fstat,
        libc::SYS_fstatfs,
        libc::SYS_fsync,
        libc::SYS_getcwd,
        libc::SYS_getdents64,
        libc::SYS_geteuid,
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_getsid,
        libc::SYS_getsockname,
        libc::SYS_getsockopt,
        libc::SYS_gettid,
        libc::SYS_getuid,
        libc::SYS_inotify_init1,
        libc::SYS_lseek,
        libc::SYS_newfstatat,
        libc::SYS_pidfd_open,
        libc::SYS_pipe2,
        libc::SYS_prctl,
        libc::SYS_pread64,
        libc::SYS_prlimit64,
        libc::SYS_read,
        libc::SYS_readlink,
        libc::SYS_readlinkat,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_rt_sigprocmask,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_setns,
        libc::SYS_setsockopt,
        libc::SYS_signalfd4,
        libc::SYS_socket,
        libc::SYS_stat,
        libc::SYS_statx,
        libc::SYS_uname,
        libc::SYS_unshare,
    ];
    let waits = [libc::SYS_poll, libc::SYS_restart_syscall].contains(&call);
    OWN.contains(&call) || never_fails(call) && !waits
}

/// Whether an error of a call of this number proves nothing. It does not for the process's own memory, threads'
/// beginnings, ends and waits for each other, and random numbers: there the C library or
/// the Rust library ends the process, as it must. (That it can end anywhere is what the
/// kills show.) Nor for what tokio and std take to be there: that epoll and poll wait, that
/// a process can have a pair of sockets, that the eight bytes come through by which a thread
/// wakes another, or a child says that it could not run its program, that a lock can be let go, that a umask can be set. A close(2) that is not
/// made leaves open what the kernel never leaves open.
pub fn never_fails(call: i64) -> bool {
    const NEVER: [i64; 21] = [
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
        libc::SYS_umask,
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

/// Replace the number of the call by one that the kernel does not know.
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
