//! Reading the rule files that settings name: with the same trust as the settings
//! themselves, for root runs what they say.

use std::path::Path;

use crate::conf::files::read_rules;
use crate::model::Rules;
use crate::model::build::RuleFile;
use crate::place::{At, Problem};

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
