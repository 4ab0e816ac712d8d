//! The table of the namespace on the host: loaded before its links come up, and taken
//! away when they are gone, for it keeps closed what they need open.

use super::{Journal, Plan, Step};
use crate::model::Table;
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn table(&mut self) {
        let (want, have) = (self.want, self.have);
        if let Some(table) = &want.table
            && have.table.as_ref() != Some(table)
        {
            let step = Step::LoadTable(Box::new(table.value.clone()));
            self.change(step, table.asked.clone());
        }
    }

    pub(super) fn take_table(&mut self) {
        if self.want.table.is_none() && self.have.table.is_some() {
            self.change(Step::DropTable, None);
        }
    }
}

impl Journal {
    /// Note what nft lists of the table that has been loaded on the host.
    pub fn note_listed(&mut self, listed: Option<String>) {
        if let Some(table) = &mut self.made.table {
            table.value.listed = listed;
        }
    }

    /// Its ports are ours from now on, and those of the one before until it is loaded.
    pub(super) fn note_table(&mut self, new: &Table) {
        self.made.table = Some(Sourced::without_origin(Table {
            listed: None,
            ..new.clone()
        }));
    }
}
