//! Observing, for `doctor`, whether the host also sets up a NIC of the namespace: ifupdown, netifrc,
//! dhcpcd, NetworkManager or a DHCP client. Only what names the NIC counts. A manager that takes any
//! NIC releases one that is moved.

use std::fs;
use std::path::{Path, PathBuf};

use crate::conf::files::{list_plain, read_plain};
use crate::model::{Netns, State};
use crate::system::process::{self, Running};

/// DHCP clients that are called with the names of links.
const CLIENTS: [&str; 3] = ["udhcpc", "dhcpcd", "dhclient"];

/// The NICs of the namespace that the host also sets up, with the place or the process that says
/// so.
pub fn set_up(etc: &Path, want: &State) -> Vec<(String, String)> {
    let inside = want.links.iter().filter(|link| link.netns == Netns::This);
    let devices = inside.filter(|link| link.kind.is_moved());
    let devices = devices.map(|link| link.other_name().as_str());
    let all = running();
    devices
        .filter_map(|device| {
            let place = by_ifupdown(etc, device)
                .or_else(|| by_netifrc(etc, device))
                .or_else(|| by_client(&all, device))
                .or_else(|| by_dhcpcd(etc, &all, device))
                .or_else(|| by_network_manager(etc, &all, device))?;
            Some((device.to_string(), place))
        })
        .collect()
}

/// The programs on the host that set up links.
fn running() -> Vec<Running<'static>> {
    let host = process::netns_of_caller();
    let programs = [&CLIENTS[..], &["NetworkManager"]].concat();
    let mut all = process::running(&programs);
    all.retain(|one| host.is_some() && process::netns_of(one.pid) == host);
    all
}

fn runs(all: &[Running], program: &str) -> bool {
    all.iter().any(|one| one.program == program)
}

/// The line of interfaces(5) that starts the device at boot or when it appears.
fn by_ifupdown(etc: &Path, device: &str) -> Option<String> {
    let main = etc.join("network/interfaces");
    let more = list_plain(&etc.join("network/interfaces.d"), "");
    [main].into_iter().chain(more).find_map(|file| {
        let starts = |words: &[&str]| {
            let is_start = matches!(words, ["auto" | "allow-auto" | "allow-hotplug", ..]);
            is_start && words.contains(&device)
        };
        line_that(&file, starts)
    })
}

/// The service of netifrc that starts the device in a runlevel.
fn by_netifrc(etc: &Path, device: &str) -> Option<String> {
    let runlevels = etc.join("runlevels").read_dir().ok()?;
    let services = runlevels
        .flatten()
        .map(|runlevel| runlevel.path().join(format!("net.{device}")));
    let mut started = services.filter(|service| service.symlink_metadata().is_ok());
    started.next().map(|service| service.display().to_string())
}

/// A DHCP client that was called for the device.
fn by_client(all: &[Running], device: &str) -> Option<String> {
    let mut clients = all.iter().filter(|one| CLIENTS.contains(&one.program));
    let client = clients.find(|one| one.words.iter().any(|word| word == device))?;
    Some(format!("the process {} ({})", client.pid, client.program))
}

/// The line of dhcpcd.conf(5) that names the device, if dhcpcd runs and does not skip it.
fn by_dhcpcd(etc: &Path, all: &[Running], device: &str) -> Option<String> {
    let file = etc.join("dhcpcd.conf");
    let names = |key: &'static str| {
        move |words: &[&str]| {
            let (first, rest) = words.split_first().unwrap_or((&"", &[]));
            *first == key && rest.contains(&device)
        }
    };
    if !runs(all, "dhcpcd") || line_that(&file, names("denyinterfaces")).is_some() {
        return None;
    }
    let allowed = line_that(&file, names("allowinterfaces"));
    allowed.or_else(|| line_that(&file, names("interface")))
}

/// The connection of NetworkManager that is for the device and starts by itself, if NetworkManager
/// runs and manages the device.
fn by_network_manager(etc: &Path, all: &[Running], device: &str) -> Option<String> {
    let etc = etc.join("NetworkManager");
    let more = list_plain(&etc.join("conf.d"), ".conf");
    let unmanaged = format!("interface-name:{device}");
    let is_unmanaged = |file: PathBuf| {
        read_plain(&file).lines().any(|line| {
            let list = line.trim().strip_prefix("unmanaged-devices");
            list.is_some_and(|list| {
                list.split(['=', ';', ','])
                    .any(|one| one.trim() == unmanaged)
            })
        })
    };
    let mut files = [etc.join("NetworkManager.conf")].into_iter().chain(more);
    if !runs(all, "NetworkManager") || files.any(is_unmanaged) {
        return None;
    }
    let connections = fs::read_dir(etc.join("system-connections")).ok()?;
    let mut paths: Vec<_> = connections.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let of_device = |path: &&PathBuf| {
        let text = read_plain(path);
        let says = |said: &str| text.lines().any(|line| line.replace(' ', "") == said);
        says(&format!("interface-name={device}")) && !says("autoconnect=false")
    };
    paths
        .iter()
        .find(of_device)
        .map(|path| path.display().to_string())
}

/// The place of the first line whose words are such.
fn line_that(file: &Path, is_such: impl Fn(&[&str]) -> bool) -> Option<String> {
    let text = read_plain(file);
    let words = |line: &str| is_such(&line.split_whitespace().collect::<Vec<_>>());
    let line = text.lines().position(words)?;
    Some(format!("{}:{}", file.display(), line + 1))
}
