//! The rule files that settings name: read with the same trust as the settings themselves,
//! for root runs what they say; and tried out before anything depends on them.

use std::collections::BTreeSet;
use std::path::Path;

use nix::unistd::geteuid;

use super::{complain, report};
use crate::conf::files::read_rules;
use crate::exit;
use crate::kernel::{Kernel, Refusal};
use crate::model::build::{RuleFile, Want};
use crate::model::{Rules, Where};
use crate::name::LinkName;
use crate::place::{At, Problem};
use crate::plan::Step;

/// The rules. A file that no setting names need not be there.
pub fn read(files: &[RuleFile]) -> Result<Vec<At<Rules>>, Vec<Problem>> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let place = file.path.asked.as_ref().map(|asked| asked.place.clone());
        match read_rules(Path::new(&file.path.value)) {
            Ok(None) if place.is_none() => {}
            Ok(None) => problems.push(Problem {
                place,
                wrong: format!(
                    "netns_{}=\"{}\": there is no such file",
                    file.tool, file.path
                ),
                remedy: "write the rules there, or take the setting away".into(),
            }),
            Ok(Some(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => all.push(At {
                    value: rules(file, text),
                    asked: file.path.asked.clone(),
                }),
                Err(_) => problems.push(Problem {
                    place,
                    wrong: format!("{} is not text in UTF-8", file.path),
                    remedy: format!("expected rules for {}", file.tool),
                }),
            },
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(problems)
    }
}

fn rules(file: &RuleFile, text: String) -> Rules {
    Rules {
        tool: file.tool,
        file: file.path.value.clone(),
        text,
        tables: Vec::new(),
    }
}

/// Whether a new namespace would take the rules: they are loaded in a scratch one. The exit
/// code; what cannot be tried is said, and counts as right.
pub fn test(want: &Want) -> u8 {
    if want.state.rules.is_empty() {
        return exit::DONE;
    }
    if !geteuid().is_root() {
        return untested(want, "only root can load rules");
    }
    let links = match links(want) {
        Ok(links) => links,
        Err(_) => return untested(want, "the namespace that they are for is not there"),
    };
    let mut kernel = match Kernel::scratch(want.name.clone(), &links) {
        Ok(kernel) => kernel,
        Err(no) => return untested(want, &format!("no scratch namespace can be made ({no})")),
    };
    let mut code = exit::DONE;
    for rules in &want.state.rules {
        let step = Step::LoadRules {
            new: Box::new(rules.value.clone()),
            old: None,
        };
        if let Err(no) = kernel.make(&step) {
            let remedy = format!("correct {}; nothing was changed", rules.value.file);
            let remedy = report::asked(rules.asked.as_deref(), &remedy);
            code = complain(&[report::printable(&no.to_string()), remedy], exit::WRONG);
        }
    }
    code
}

/// The links that rules can name: those that the settings ask for, and in the namespace of
/// somebody else's those that are there.
fn links(want: &Want) -> Result<BTreeSet<LinkName>, Refusal> {
    let inside = want
        .state
        .links
        .iter()
        .filter(|link| link.at == Where::Inside);
    let mut links: BTreeSet<LinkName> = inside.map(|link| link.name.value.clone()).collect();
    if want.attach.is_some() {
        links.extend(Kernel::new(want.name.clone()).links_inside()?);
    }
    Ok(links)
}

fn untested(want: &Want, why: &str) -> u8 {
    let lines = [
        format!(
            "{}: its rule files were read, and not tried out: {why}",
            want.name
        ),
        format!("type netns-setup check {} as root, on the host", want.name),
    ];
    complain(&lines, exit::DONE)
}
