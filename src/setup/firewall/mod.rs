//! The rule files that settings name. They are checked like the settings, because root runs them,
//! and tested before anything depends on them.

mod include;
mod sets;

use std::collections::BTreeSet;
use std::path::Path;

use nix::unistd::geteuid;

use self::include::EtcView;
use super::error::{Error, Result};
use super::{Call, report};
use crate::conf::Trust;
use crate::conf::files::{may_be_there, read_rules};
use crate::kernel::Kernel;
use crate::model::build::{RuleFile, Want};
use crate::model::{Netns, Ruleset, Tool};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::plan::Step;
use crate::source::{Problem, Sourced};
use crate::state_dir;

/// The rule files that this caller cannot read, each with the reason. A file in the default place
/// need not exist.
pub fn skipped(want: &Want, trust: Trust) -> Vec<(RuleFile, &'static str)> {
    let why = |file: &RuleFile| {
        let path = existing_file(file).ok()?;
        let may_miss = file.path.origin.is_none() && !may_be_there(Path::new(path));
        trust.skips(Path::new(path)).filter(|_| !may_miss)
    };
    let skipped = files(want).filter_map(|file| Some((file.clone(), why(file)?)));
    skipped.collect()
}

/// The rule files to look for: without those in the default place, if the namespace has no directory
/// there. That saves two dozen system calls for most namespaces.
fn files(want: &Want) -> impl Iterator<Item = &RuleFile> {
    let has_dir = may_be_there(&Path::new(state_dir::ETC).join(want.name.as_str()));
    let files = want.rule_files.iter();
    files.filter(move |file| has_dir || file.path.origin.is_some())
}

/// Read the rules. A file in the default place, which no setting names, need not exist.
pub fn read(want: &Want, trust: Trust) -> Result<Vec<Sourced<Ruleset>>, Vec<Problem>> {
    let view = EtcView {
        netns: &want.name,
        overlay: want.overlay,
        trust,
    };
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for file in files(want) {
        match read_one(file, &view) {
            Ok(rules) => all.extend(rules.map(|rules| file.path.with(rules))),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(problems)
    }
}

fn read_one(file: &RuleFile, view: &EtcView) -> Result<Option<Ruleset>, Vec<Problem>> {
    let place = file.path.origin.as_ref().map(|origin| origin.place.clone());
    let problem = |wrong: String, remedy: String| {
        vec![Problem {
            place: place.clone(),
            wrong,
            remedy,
        }]
    };
    let path = existing_file(file).map_err(|(wrong, remedy)| problem(wrong, remedy))?;
    if file.tool == Tool::Ipset && Path::new(path).is_dir() {
        let text = sets::of_dir(Path::new(path), view.trust)?;
        return Ok(Some(rules(file.tool, path, text)));
    }
    let Some(bytes) = read_rules(Path::new(path), view.trust).map_err(|e| vec![e])? else {
        return match place {
            None => Ok(None),
            Some(_) => Err(problem(
                format!("netns_{}=\"{path}\": there is no such file", file.tool),
                "write the rules there, or remove the setting".into(),
            )),
        };
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        problem(
            format!("{path} is not text in UTF-8"),
            format!("expected rules for {}", file.tool),
        )
    })?;
    let text = match file.tool {
        Tool::Nftables => include::expand(path, &text, view)?,
        _ => text,
    };
    Ok(Some(rules(file.tool, path, text)))
}

/// Choose the file that exists among the possible names, or the first name if none exists. Two
/// files are an error, because one of them would be ignored.
fn existing_file(file: &RuleFile) -> Result<&str, (String, String)> {
    let names = [&file.path.value].into_iter().chain(&file.others);
    let (there, untold): (Vec<_>, Vec<_>) = names
        .filter(|path| may_be_there(Path::new(path)))
        .partition(|path| Path::new(path).exists());
    if let Some(path) = untold.first() {
        return Ok(path);
    }
    let mut there = there.into_iter();
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => Err((
            format!("{one} and {other} both exist, and one of them would not be loaded"),
            format!("remove one, or write netns_{}=\"{one}\"", file.tool),
        )),
        (one, _) => Ok(one.unwrap_or(&file.path.value)),
    }
}

fn rules(tool: Tool, path: &str, text: String) -> Ruleset {
    Ruleset {
        tool,
        file: path.into(),
        text,
        tables: Vec::new(),
        links_by_index: Vec::new(),
        outlived: false,
    }
}

/// Test whether a new namespace would accept the rules, by loading them into a scratch namespace.
/// If that is not possible, it is reported and is no error.
pub fn test(call: &Call, want: &Want) -> Result {
    let of_files = |rules: &&Sourced<Ruleset>| rules.value.tool.has_file();
    let of_files: Vec<_> = want.state.firewall.iter().filter(of_files).collect();
    if of_files.is_empty() {
        return Ok(());
    }
    let mut kernel = match scratch(want) {
        Ok(kernel) => kernel,
        Err(why) => {
            call.events.warning(&want.name, untested(want, &why));
            return Ok(());
        }
    };
    let mut lines = Vec::new();
    for rules in of_files {
        let step = Step::LoadFirewall {
            new: Box::new(rules.value.clone()),
            old: None,
        };
        if let Err(e) = kernel.make(&step) {
            let remedy = format!("correct {}; nothing was changed", rules.value.file);
            let remedy = report::asked_for_by(rules.origin.as_deref(), &remedy);
            lines.extend([report::printable(&e.to_string()), remedy]);
        }
    }
    if lines.is_empty() {
        Ok(())
    } else {
        Err(Error::wrong(lines))
    }
}

/// A scratch namespace to load the rules into. The error says why there is none.
fn scratch(want: &Want) -> Result<Kernel, String> {
    if !geteuid().is_root() {
        return Err("only root can load rules".into());
    }
    let links = links(want).map_err(|_| "the namespace they are for does not exist")?;
    Kernel::scratch(want.name.clone(), &links)
        .map_err(|e| format!("cannot make a scratch namespace ({e})"))
}

/// The links that rules can name: those that the settings ask for and, in an attached namespace,
/// those that exist.
fn links(want: &Want) -> Result<BTreeSet<LinkName>, OsError> {
    let inside = want
        .state
        .links
        .iter()
        .filter(|link| link.netns == Netns::This);
    let mut links: BTreeSet<LinkName> = inside.map(|link| link.name.value.clone()).collect();
    if want.attach.is_some() {
        links.extend(Kernel::new(want.name.clone()).links_inside()?);
    }
    Ok(links)
}

/// The warning that the rules were not loaded.
pub fn untested(want: &Want, why: &str) -> [String; 2] {
    [
        format!(
            "{}: its rule files were read but not loaded: {why}",
            want.name
        ),
        format!("type netns-setup check {} as root, on the host", want.name),
    ]
}
