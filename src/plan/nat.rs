//! The namespace's nftables table on the host: loaded before the links come up, and deleted after
//! they are gone, because it blocks what they would open.

use super::{Journal, Plan, Step};
use crate::model::Table;
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn table(&mut self) {
        let (want, have) = (self.want, self.have);
        let differs = want.table != have.table;
        if let Some(table) = want.table.as_ref().filter(|_| differs) {
            let step = Step::LoadNatTable(Box::new(table.value.clone()));
            self.change(step, table.origin.clone());
        }
    }

    pub(super) fn take_table(&mut self) {
        if self.want.table.is_none() && self.have.table.is_some() {
            self.change(Step::DropNatTable, None);
        }
    }
}

impl Journal {
    /// Note the listing of the table by nft, after the table has been loaded on the host.
    pub fn note_listed(&mut self, listed: Option<String>) {
        if let Some(table) = &mut self.ours.table {
            table.value.listed = listed;
        }
    }

    /// Note a table before it is loaded. Its ports are ours from now on. Those of the table before
    /// it stay ours until it has been loaded.
    pub(super) fn note_table(&mut self, new: &Table) {
        self.ours.table = Some(Sourced::without_origin(Table {
            listed: None,
            ..new.clone()
        }));
    }
}
