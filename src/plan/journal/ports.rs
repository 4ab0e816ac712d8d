//! The journal of ports: what they were told, until they leave their bridge.

use super::Journal;
use crate::model::port::{PORT, Vlan, Vlans};
use crate::model::{LinkAt, Made, Where};
use crate::name::LinkName;
use crate::place::At;
use crate::plan::options::default;
use crate::plan::ports::is_bridge;

impl Journal {
    pub(super) fn note_master(&mut self, link: &LinkAt, master: Option<&LinkName>) {
        let made = self.made(link);
        made.master = master.cloned().map(At::nobody);
        made.port = None;
        if !is_bridge(made) {
            made.vlans.clear();
        }
    }

    /// What is said again as the kernel has it by itself is nothing of ours, when it has
    /// been said (`done`).
    pub(super) fn note_port(&mut self, link: &LinkAt, change: &Made, done: bool) {
        let made = self.made(link);
        let new = || Made::new(&PORT, Where::Inside);
        let mut port = made.port.take().unwrap_or_else(new);
        for (option, value) in &change.options {
            match default(option) == Some(value.value) {
                true if !done => {}
                true => port.options.retain(|(other, _)| other.word != option.word),
                false => port.set(option, value.clone()),
            }
        }
        made.port = Some(port).filter(|port| !port.options.is_empty());
    }

    pub(super) fn note_vlans(&mut self, link: &LinkAt, row: &Vlans) {
        self.forget_vlans(link, row);
        let vlans = &mut self.made(link).vlans;
        let ours = row.each().filter(|vlan| *vlan != Vlan::DEFAULT);
        vlans.extend(ours.map(At::nobody));
        vlans.sort_by_key(|vlan| vlan.value.id);
    }

    pub(super) fn forget_vlans(&mut self, link: &LinkAt, row: &Vlans) {
        let row = row.first.id..=row.last;
        let vlans = &mut self.made(link).vlans;
        vlans.retain(|vlan| !row.contains(&vlan.value.id));
    }
}
