//! DHCP clients: started when all else is there, ended before anything is taken away.

use super::{Extras, Journal, Plan, Step};
use crate::model::DhcpClient;
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn clients(&mut self) {
        let (want, have) = (self.want, self.have);
        for client in &want.clients {
            if !have.clients.contains(client) {
                let step = Step::StartClient(client.value.clone());
                self.change(step, client.asked.clone());
            }
        }
    }

    pub(super) fn take_clients(&mut self) {
        let (want, have, journal) = (self.want, self.have, self.journal);
        // One link has one client: where something else is said of it, that is another
        let anew = |link| want.clients.iter().any(|other| other.value.link == link);
        for client in &journal.made.clients {
            let goes = self.rest == Extras::Remove || anew(client.value.link.clone());
            if goes && have.clients.contains(client) && !want.clients.contains(client) {
                self.change(Step::StopClient(client.value.clone()), None);
            }
        }
    }
}

impl Journal {
    pub(super) fn note_client(&mut self, client: &DhcpClient) {
        self.made
            .clients
            .retain(|other| other.value.link != client.link);
        self.made
            .clients
            .push(Sourced::without_origin(client.clone()));
    }
}
