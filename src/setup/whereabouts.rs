//! Where a device is that the host does not have: in another namespace, into which netns-setup or
//! another program has moved it.

use super::store;
use crate::kernel::Kernel;
use crate::model::{Link, Netns};
use crate::name::NetnsName;
use crate::plan::{Journal, MissingDevice};
use crate::system::netns;

/// What is wrong, and the hint. `None` if no namespace has the device. Namespaces that cannot be
/// read are skipped.
pub fn find(device: &MissingDevice) -> Option<(String, String)> {
    let names = netns::names().filter_map(|name| name.parse::<NetnsName>().ok());
    names.into_iter().find_map(|name| in_netns(&name, device))
}

fn in_netns(name: &NetnsName, device: &MissingDevice) -> Option<(String, String)> {
    let journal = store::journal(name).unwrap_or_default();
    let inside = Kernel::new(name.clone()).cards().ok()?;
    let mut inside = inside.iter().filter(|link| link.netns == Netns::This);
    let link = inside.find(|link| is(link, device, &journal))?;
    let link = &link.name;
    Some(match journal.before.inside(&link.value) {
        Some(before) => (
            match before.name.value == link.value {
                true => format!("{link} is in the namespace {name}"),
                false => format!("{} is in the namespace {name}, as {link}", before.name),
            },
            format!(
                "run netns-setup down {name}, which gives it back, or remove it from one of the two settings"
            ),
        ),
        None => (
            format!("{link} is in the namespace {name}"),
            format!(
                "run netns-exec {name} -- ip link set {link} netns 1, which moves it to the host, or correct the setting"
            ),
        ),
    })
}

/// Whether the link inside is the device. By a name alone, only a device with a permanent hardware
/// address is recognized: every container has an eth0, which is one end of a veth pair.
fn is(link: &Link, device: &MissingDevice, journal: &Journal) -> bool {
    let before = journal.before.inside(&link.name.value);
    match device {
        MissingDevice::Named(name) => match before {
            Some(before) => before.name.value == *name,
            None => link.device.is_some() && link.name.value == *name,
        },
        MissingDevice::Known(wanted) => {
            let known = link.known().or_else(|| before?.known());
            known.is_some_and(|known| wanted.is(&known))
        }
    }
}
