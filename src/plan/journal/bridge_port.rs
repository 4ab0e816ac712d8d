//! The journal of ports: what they were told, until they leave their bridge.

use super::Journal;
use crate::definitions::links::PORT;
use crate::model::LinkRef;
use crate::model::link::bridge_port::{Vlan, Vlans};
use crate::model::link::options::Options;
use crate::name::LinkName;
use crate::plan::link::bridge_port::is_bridge;
use crate::source::Sourced;

impl Journal {
    pub(super) fn note_master(&mut self, link: &LinkRef, master: Option<&LinkName>) {
        let made = self.own_link(link);
        made.master = master.cloned().map(Sourced::without_origin);
        made.port = None;
        if !is_bridge(made) {
            made.vlans.clear();
        }
    }

    /// What a port is going to be told. What goes back to the kernel's own is until then
    /// what it was.
    pub(super) fn note_port(&mut self, link: &LinkRef, change: &Options) {
        for (option, value) in change {
            if option.kernels_own() != Some(value.value) {
                let port = self
                    .own_link(link)
                    .port
                    .get_or_insert_with(|| Options::of(PORT));
                port.set(option, value.clone());
            }
        }
    }

    /// It has been told: what the kernel has by itself is nothing of ours.
    pub(super) fn port_done(&mut self, link: &LinkRef, change: &Options) {
        self.note_port(link, change);
        let port = &mut self.own_link(link).port;
        if let Some(told) = port {
            told.retain(|option, _| {
                let given = change.get(option.word);
                given.is_none_or(|given| option.kernels_own() != Some(given))
            });
        }
        port.take_if(|port| port.is_empty());
    }

    pub(super) fn note_vlans(&mut self, link: &LinkRef, row: &Vlans) {
        self.forget_vlans(link, row);
        let vlans = &mut self.own_link(link).vlans;
        let ours = row.each().filter(|vlan| *vlan != Vlan::DEFAULT);
        vlans.extend(ours.map(Sourced::without_origin));
        vlans.sort_by_key(|vlan| vlan.value.id);
    }

    pub(super) fn forget_vlans(&mut self, link: &LinkRef, row: &Vlans) {
        let row = row.first.id..=row.last;
        let vlans = &mut self.own_link(link).vlans;
        vlans.retain(|vlan| !row.contains(&vlan.value.id));
    }
}
