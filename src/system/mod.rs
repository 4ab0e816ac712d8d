//! The system around the kernel: namespaces as files, processes, logins, the init system, and the
//! other programs that netns-setup runs. Nothing here uses netlink.

pub mod cgroup;
pub mod container;
pub mod dhcp;
pub mod dns;
pub mod file_lock;
pub mod firewall;
pub mod holders;
pub mod init;
pub mod inotify;
pub mod login;
pub mod nat_table;
pub mod netns;
pub mod occupants;
pub mod pidfd;
pub mod process;
pub mod procfs;
pub mod program;
pub mod resolv_conf;
pub mod sockets;
pub mod spawn;
pub mod syslog;
pub mod thread;
