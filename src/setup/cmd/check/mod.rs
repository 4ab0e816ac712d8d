//! `check`: reads the settings and the rule files that they name, and loads the rules into a
//! scratch namespace. Reports what this machine lacks, and files that the other verbs would not
//! trust; neither is an error. `missing` looks for what is lacking.

mod missing;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::conf::files::untrusted;
use crate::exec::could_mount;
use crate::model::Tool;
use crate::model::build::{Want, claimed_twice};
use crate::setup::error::Result;
use crate::setup::{Call, firewall, report};
use crate::system::program;

/// Warn of files that the other verbs do not trust, and of what two of the namespaces take from the
/// host, such as one device.
pub fn warn(call: &Call, wants: &[Want]) {
    let mut reported = BTreeSet::new();
    for want in wants {
        for problem in files(call, want).iter().filter_map(|file| untrusted(file)) {
            let lines = report::lines(&problem);
            if reported.insert(lines.clone()) {
                call.events.warning(&want.name, lines);
            }
        }
    }
    for (want, problem) in claimed_twice(wants) {
        call.events.warning(&want.name, report::lines(&problem));
    }
}

/// Report what is missing here, and test the rule files. Errors in the settings have been reported
/// before.
pub fn check(call: &Call, want: &Want) -> Result {
    // The settings of another machine say nothing of this one
    if !call.trust.is_of_anybody() && !call.quiet {
        for missing in missing::on_this_machine(want) {
            let lines = report::obstacle_lines(&missing);
            call.events.warning(&want.name, lines);
        }
    }
    if !call.trust.is_of_anybody() && geteuid().is_root() {
        could_mount(&want.name.as_c(), want.overlay)?;
    }
    let mut want = want.clone();
    let is_installed = |tool: Tool| program::is_installed(tool.program());
    let rules = &mut want.state.firewall;
    rules.retain(|rules| rules.value.tool.has_file() && is_installed(rules.value.tool));
    let is_untrusted = files(call, &want)
        .iter()
        .any(|file| untrusted(file).is_some());
    if !want.state.firewall.is_empty() && is_untrusted {
        let lines = firewall::untested(&want, "others than root can write to its files");
        call.events.warning(&want.name, lines);
        return Ok(());
    }
    firewall::test(call, &want)
}

/// The settings of a namespace, and the files that they name.
fn files(call: &Call, want: &Want) -> Vec<PathBuf> {
    let settings = ["netns".into(), format!("netns.{}", want.name)];
    let settings = settings.iter().map(|file| call.conf_dir.join(file));
    let rules = want.state.firewall.iter();
    let rules = rules.map(|rules| PathBuf::from(&rules.value.file));
    let tunnels = want.state.links.iter();
    let tunnels =
        tunnels.filter_map(|link| Some(PathBuf::from(&link.wireguard.as_ref()?.value.file)));
    let named = rules.chain(tunnels).filter(|file| file.is_absolute());
    settings
        .filter(|file| Path::exists(file))
        .chain(named)
        .collect()
}
