//! What the settings of a namespace need and this machine lacks: NICs, programs and modules of the
//! kernel. Changes nothing, and loads no module.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::kernel::{Kernel, has_ipv6};
use crate::model::build::Want;
use crate::model::{Link, Netns, State, Tool};
use crate::plan::{Obstacle, missing_device};
use crate::setup::resolve_devices::resolve_devices;
use crate::setup::store;
use crate::source::Sourced;
use crate::system::{dhcp, program};

/// Each thing that is missing.
pub fn on_this_machine(want: &Want) -> Vec<Obstacle> {
    let mut all = nics(want).unwrap_or_default();
    all.extend(dhcp_client(want));
    all.extend(programs(want));
    all.extend(modules(want, Path::new("/lib/modules")));
    all.extend(ipv6(want).filter(|_| !has_ipv6()));
    all
}

/// The NICs that neither the host nor the namespace has. `None` if the caller may not see that.
fn nics(want: &Want) -> Option<Vec<Obstacle>> {
    let journal = store::journal(&want.name).ok()?;
    let mut kernel = Kernel::new(want.name.clone());
    let there = kernel.cards().ok()?;
    let mut state = want.state.clone();
    let mut missing = resolve_devices(&mut state, &journal, &mut kernel).ok()?;
    let is_inside = |link: &Link| {
        let mut inside = there.iter().filter(|other| other.netns == Netns::This);
        inside.any(|other| other.name == link.name)
    };
    let nics = state.links.iter();
    let nics = nics.filter(|link| link.netns == Netns::This && link.kind.is_moved());
    // A device that was looked for by its address is among the missing ones already
    for link in nics.filter(|link| link.device.is_none() && !is_inside(link)) {
        if !kernel.host_has(link.other_name()).ok()? {
            missing.push(missing_device(link));
        }
    }
    Some(missing)
}

fn dhcp_client(want: &Want) -> Option<Obstacle> {
    let client = want.state.clients.first()?;
    if dhcp::installed().is_some() {
        return None;
    }
    let wrong = "there is no DHCP client on this machine".into();
    Some(missing(
        client,
        wrong,
        "install dhcpcd, or busybox with its udhcpc",
    ))
}

/// The programs that load rules.
fn programs(want: &Want) -> Vec<Obstacle> {
    let rules = want.state.firewall.iter();
    let mut needed: Vec<(&str, Sourced<()>)> = rules
        .map(|rules| (rules.value.tool.program(), rules.with(())))
        .collect();
    if let Some(nat) = &want.nat {
        let published = nat.publish.first().map(|publish| publish.with(()));
        let asked = nat.uplinks.as_ref().map(|uplinks| uplinks.with(()));
        let asked = asked.or(published).unwrap_or(Sourced::without_origin(()));
        needed.push((Tool::Nftables.program(), asked));
    }
    let mut known = BTreeSet::new();
    needed.retain(|(program, _)| known.insert(*program) && !program::is_installed(program));
    let needed = needed.iter().map(|(program, asked)| {
        let wrong = format!("there is no program {program} on this machine");
        missing(asked, wrong, "install the package that has it")
    });
    needed.collect()
}

/// The types of links that the running kernel has neither built in nor as a module. None if its
/// modules are not listed here.
fn modules(want: &Want, folder: &Path) -> Vec<Obstacle> {
    let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") else {
        return Vec::new();
    };
    let folder = folder.join(release.trim());
    let lists = ["modules.alias", "modules.builtin.modinfo"];
    let lists = lists.map(|list| fs::read(folder.join(list)));
    let [Ok(modules), Ok(built_in)] = &lists else {
        return Vec::new();
    };
    let has = |kind: &str| {
        let alias = match kind {
            // Created by opening its file. Some kernels have no other alias for it
            "tun" => "devname:net/tun".into(),
            kind => format!("rtnl-link-{kind}"),
        };
        let is = |word: &[u8]| word == alias.as_bytes();
        modules.split(u8::is_ascii_whitespace).any(is)
            || built_in
                .split(|byte| *byte == 0)
                .filter_map(|entry| entry.split(|byte| *byte == b'=').nth(1))
                .any(is)
            || Path::new("/sys/module").join(module_of(kind)).exists()
    };
    let is_made = |link: &&Link| kind_of(link).is_some_and(|kind| !has(kind));
    let mut known = BTreeSet::new();
    let links = want.state.links.iter().filter(is_made);
    let links = links.filter(|link| known.insert(link.kind.word().to_string()));
    let types = links.map(|link| {
        let wrong = format!(
            "{} is a {}, and this kernel has no module for that",
            link.name,
            link.kind.word()
        );
        missing(
            &link.name,
            wrong,
            "install the modules of the running kernel, or one that has it",
        )
    });
    types.collect()
}

/// The word of the kernel for the type of a link that is created.
fn kind_of(link: &Link) -> Option<&str> {
    match link.kind.word() {
        "physical" | "wireless" | "loopback" => None,
        "tap" | "tun" => Some("tun"),
        word => Some(word),
    }
}

/// The module that a kernel without a list of its built-in modules shows in `/sys/module`.
fn module_of(kind: &str) -> &str {
    match kind {
        "vlan" => "8021q",
        "bond" => "bonding",
        kind => kind,
    }
}

/// The first setting that needs IPv6, if the kernel has none.
fn ipv6(want: &Want) -> Option<Obstacle> {
    let State {
        links,
        routes,
        rules,
        sysctls,
        ..
    } = &want.state;
    let addresses = links.iter().flat_map(|link| &link.addresses);
    let addresses = addresses.filter(|address| address.value.ip().is_ipv6());
    let routes = routes
        .iter()
        .filter(|route| route.value.dst.addr().is_ipv6());
    let rules = rules.iter().filter(|rule| rule.value.v6);
    let sysctls = sysctls.iter().filter(|sysctl| sysctl.value.key.is_ipv6());
    let mut all = (addresses.map(|one| one.with(())))
        .chain(routes.map(|one| one.with(())))
        .chain(rules.map(|one| one.with(())))
        .chain(sysctls.map(|one| one.with(())));
    let asked = all.next()?;
    Some(missing(
        &asked,
        "this kernel has no IPv6".into(),
        "boot it without ipv6.disable=1, or remove IPv6 from the settings",
    ))
}

fn missing<T>(asked: &Sourced<T>, wrong: String, remedy: &str) -> Obstacle {
    Obstacle {
        origin: asked.origin.clone(),
        wrong,
        remedy: remedy.into(),
        missing: None,
    }
}
