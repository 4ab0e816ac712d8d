//! Parses `netns_rules` and `rules_IF` into policy rules, each with its own line.

use std::collections::btree_map::{BTreeMap, Entry};

use super::where_said;
use crate::conf::{Piece, Setting, Settings};
use crate::model::rule::Action;
use crate::model::{Context, Rule};
use crate::source::{Problem, Sourced};

/// The policy rules: those of the namespace, then those of the links in their order.
pub(super) fn policy(
    settings: &Settings,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> Vec<Sourced<Rule>> {
    let of_links = settings.links.iter().map(|link| link.get("rules"));
    let all = [settings.get("netns_rules")].into_iter().chain(of_links);
    let lines = all.flatten().flat_map(Setting::lines);
    let mut found = Vec::new();
    let mut said = BTreeMap::new();
    // The lowest priority so far, for IPv4 and for IPv6
    let mut lowest = [32766, 32766];
    for piece in lines {
        match rule(&piece, context, &mut lowest) {
            Ok(rule) => {
                let rule = piece.at(rule);
                match said.entry(rule.value.clone()) {
                    Entry::Occupied(first) => problems.push(twice(&piece, first.get())),
                    Entry::Vacant(place) => drop(place.insert(rule.clone())),
                }
                found.push(rule);
            }
            Err(problem) => problems.push(problem),
        }
    }
    found
}

/// Parse a policy rule. Without a priority it gets the one that the kernel would choose: one less
/// than the lowest so far.
fn rule(piece: &Piece<'_>, context: &Context, lowest: &mut [u32; 2]) -> Result<Rule, Problem> {
    let rule = Rule::parse(piece.text, &context.names);
    let mut rule = rule.map_err(|error| piece.problem(error.wrong, error.remedy))?;
    let lowest = &mut lowest[usize::from(rule.v6)];
    let priority = rule.priority.unwrap_or(*lowest - 1);
    if priority == 0 {
        return Err(piece.problem(
            " would come before the first rule, because another rule has priority 1",
            "add priority NUMBER",
        ));
    }
    *lowest = priority.min(*lowest);
    rule.priority = Some(priority);
    match rule.action {
        Action::Goto(target) if target <= priority => Err(piece.problem(
            format!(": goto {target} goes back: the rule itself has priority {priority}"),
            "add a lower priority",
        )),
        _ => Ok(rule),
    }
}

fn twice(piece: &Piece<'_>, other: &Sourced<Rule>) -> Problem {
    piece.problem(
        "is given a second time",
        format!(
            "expected each rule once; keep this or {}",
            where_said(other, Some(&piece.origin.place))
        ),
    )
}
