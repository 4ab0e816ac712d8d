//! The journal's entries for firewall rules, as text.

use super::section_writer::SectionWriter;
use crate::ini::Properties;
use crate::model::{Ruleset, Tool};
use crate::plan::{Journal, Loading};
use crate::source::Sourced;

/// Write a section for each tool.
pub fn write(text: &mut SectionWriter, journal: &Journal) {
    for rules in &journal.ours.firewall {
        let rules = &rules.value;
        text.section(format_args!("rules {}", rules.tool));
        text.append("file", &rules.file);
        let tables = rules.tables.iter();
        tables.for_each(|table| text.append("table", table));
        let held = rules.links_by_index.iter();
        held.for_each(|(link, index)| text.append("held", format_args!("{link} {index}")));
        let loading = journal.loading.as_ref();
        if let Some(loading) = loading.filter(|loading| loading.tool == rules.tool) {
            text.append("loading", "yes");
            let others = loading.others.iter();
            others.for_each(|table| text.append("other", table));
        }
    }
}

/// Read one section. The inverse of [`write()`].
pub fn read(journal: &mut Journal, words: &[&str], properties: &Properties) -> Result<(), String> {
    let rules = read_rules(words, properties)?;
    if properties.get("loading") == Some("yes") {
        journal.loading = Some(Loading {
            tool: rules.tool,
            others: properties.get_all("other").map(String::from).collect(),
        });
    }
    journal.ours.firewall.push(Sourced::without_origin(rules));
    Ok(())
}

/// The rules without their text, which is in a separate file beside the journal.
fn read_rules(words: &[&str], section: &Properties) -> Result<Ruleset, String> {
    let word = words.get(1).copied().unwrap_or_default();
    let tool = Tool::ALL.into_iter().find(|tool| tool.word() == word);
    let held = section.get_all("held").map(|held| {
        let (link, index) = held.split_once(' ').unwrap_or_default();
        let index = index.parse().map_err(|_| format!("an index {held:?}"))?;
        Ok((link.parse()?, index))
    });
    Ok(Ruleset {
        tool: tool.ok_or_else(|| format!("rules of {word:?}"))?,
        file: section.get("file").unwrap_or_default().into(),
        text: String::new(),
        tables: section.get_all("table").map(String::from).collect(),
        links_by_index: held.collect::<Result<_, String>>()?,
        outlived: false,
    })
}
