//! `wireguard_IF` in, the files to read out. Reading them is not this stage's.

use super::problem;
use crate::conf::{Listed, Settings};
use crate::model::Link;
use crate::name::LinkName;
use crate::place::{At, Problem};

/// wg(8)'s file of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireguardFile {
    /// The link.
    pub link: LinkName,
    /// Its path.
    pub path: At<String>,
}

/// Of the links that are there to be told.
pub(super) fn files(
    settings: &Settings,
    links: &[Link],
    problems: &mut Vec<Problem>,
) -> Vec<WireguardFile> {
    let is_one = |listed: &&Listed| {
        let link = links
            .iter()
            .find(|l| l.name.value == listed.name.value && l.kind.word() == "wireguard");
        link.is_some()
    };
    let mut files = Vec::new();
    for listed in settings.links.iter().filter(is_one) {
        let (name, suffix) = (&listed.name, listed.name.value.suffix());
        match listed.get("wireguard") {
            None if !settings.complete => {}
            None => problems.push(problem(
                name,
                format!("is a wireguard without wireguard_{suffix}"),
                format!(
                    "write wireguard_{suffix}=\"/etc/wireguard/{name}.conf\", and its keys there"
                ),
            )),
            Some(setting) => {
                let path = setting.whole();
                if !path.text.starts_with('/') || path.text.contains(char::is_whitespace) {
                    problems.push(path.problem(
                        "is not the path of a file",
                        format!("expected one that begins with / and has no blanks, such as /etc/wireguard/{name}.conf"),
                    ));
                }
                files.push(WireguardFile {
                    link: name.value.clone(),
                    path: path.at(path.text.to_string()),
                });
            }
        }
    }
    files
}
