//! The journal's entries for bridge ports. They last until the port leaves its bridge.

use super::Journal;
use crate::definitions::links::PORT;
use crate::definitions::option::Opt;
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

    pub(super) fn note_port(&mut self, link: &LinkRef, change: &Options) {
        let port = &mut self.own_link(link).port;
        let ours = port.get_or_insert_with(|| Options::of(PORT));
        ours.note(change, Opt::kernels_own);
        port.take_if(|port| port.is_empty());
    }

    /// Note the options again: when the port joined its bridge in the meantime, the entry was
    /// removed.
    pub(super) fn port_done(&mut self, link: &LinkRef, change: &Options) {
        self.note_port(link, change);
        let port = &mut self.own_link(link).port;
        port.iter_mut()
            .for_each(|ours| ours.forget_returned(change));
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
