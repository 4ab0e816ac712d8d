//! DHCP clients: started when all else is there, ended before anything is taken away.

use super::{Journal, Plan, Rest, Step};
use crate::model::Client;
use crate::place::At;

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
        if self.rest == Rest::Stays {
            return;
        }
        for client in &journal.made.clients {
            if have.clients.contains(client) && !want.clients.contains(client) {
                self.change(Step::StopClient(client.value.clone()), None);
            }
        }
    }
}

impl Journal {
    pub(super) fn note_client(&mut self, client: &Client) {
        self.made.clients.retain(|other| other.value != *client);
        self.made.clients.push(At::nobody(client.clone()));
    }
}
