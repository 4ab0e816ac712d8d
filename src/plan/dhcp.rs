//! DHCP clients: started after everything else is set up, and stopped before anything is removed.

use super::{Extras, Journal, Plan, Step};
use crate::model::DhcpClient;
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn clients(&mut self) {
        let (want, have) = (self.want, self.have);
        for client in &want.clients {
            if !have.clients.contains(client) {
                let step = Step::StartDhcp(client.value.clone());
                self.change(step, client.origin.clone());
            }
        }
    }

    pub(super) fn take_clients(&mut self) {
        let (want, have, journal) = (self.want, self.have, self.journal);
        // A link has only one client. A client with other settings replaces it
        let anew = |link| want.clients.iter().any(|other| other.value.link == link);
        for client in &journal.ours.clients {
            let goes = self.rest == Extras::Remove || anew(client.value.link.clone());
            if goes && have.clients.contains(client) && !want.clients.contains(client) {
                self.change(Step::StopDhcp(client.value.clone()), None);
            }
        }
    }
}

impl Journal {
    pub(super) fn note_client(&mut self, client: &DhcpClient) {
        self.ours
            .clients
            .retain(|other| other.value.link != client.link);
        self.ours
            .clients
            .push(Sourced::without_origin(client.clone()));
    }
}
