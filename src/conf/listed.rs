//! A link that `netns_links` lists, with its settings.

use super::value::{Piece, Setting};
use crate::definitions::settings::Var;
use crate::name::LinkName;
use crate::source::Sourced;

/// A link of the namespace, with its settings.
#[derive(Debug)]
pub struct Listed {
    /// The name of the link. `lo` has no origin, unless `netns_links` lists it.
    pub name: Sourced<LinkName>,
    pub(super) settings: Vec<(Var, Setting)>,
}

impl Listed {
    pub(super) fn new(name: Sourced<LinkName>) -> Self {
        let settings = Vec::new();
        Listed { name, settings }
    }

    /// The setting of this link with this key, unless it is empty.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        get(&self.settings, key)
    }

    /// The words of the setting with this key. Empty if it is not set.
    pub fn words(&self, key: &str) -> Vec<Piece<'_>> {
        self.get(key).map(Setting::words).unwrap_or_default()
    }

    /// The lines of the setting with this key. Empty if it is not set.
    pub fn lines(&self, key: &str) -> Vec<Piece<'_>> {
        self.get(key).map(Setting::lines).unwrap_or_default()
    }

    /// All settings of this link that are not empty.
    pub fn settings(&self) -> impl Iterator<Item = &(Var, Setting)> {
        let settings = self.settings.iter();
        settings.filter(|(_, setting)| !setting.is_empty())
    }
}

pub(super) fn get<'a>(settings: &'a [(Var, Setting)], name: &str) -> Option<&'a Setting> {
    let found = settings.iter().find(|(var, _)| var.name == name);
    found.map(|(_, setting)| setting).filter(|s| !s.is_empty())
}

pub(super) fn add(settings: &mut Vec<(Var, Setting)>, var: Var, setting: Setting) {
    if get(settings, var.name).is_none() {
        settings.retain(|(other, _)| other.name != var.name);
        settings.push((var, setting));
    }
}
