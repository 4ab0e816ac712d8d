//! Parses `wireguard_IF` into the files to read. The files are not read here.

use super::home::at_host;
use crate::conf::{Listed, Settings};
use crate::model::Link;
use crate::model::build::problem;
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

/// The file of a link for wg(8) or wg-quick(8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireguardFile {
    /// The name of the link.
    pub link: LinkName,
    /// The path of the file.
    pub path: Sourced<String>,
    /// The link belongs to the host.
    pub at_host: bool,
}

/// The files to read before the settings are built, because they contain settings.
pub fn wireguard_files(settings: &Settings) -> Vec<WireguardFile> {
    let is_one = |listed: &&Listed| {
        let kind = listed.get("type");
        kind.is_some_and(|kind| kind.whole().text == "wireguard")
    };
    let file = |listed: &Listed| {
        let path = listed.get("wireguard")?.whole();
        is_path(path.text).then(|| WireguardFile {
            link: listed.name.value.clone(),
            path: path.at(path.text.to_string()),
            at_host: at_host(listed),
        })
    };
    let links = settings.links.iter().filter(is_one);
    links.filter_map(file).collect()
}

/// Check that every WireGuard link has a file.
pub(crate) fn check(settings: &Settings, links: &[Link], problems: &mut Vec<Problem>) {
    let is_one = |listed: &&Listed| {
        let link = links
            .iter()
            .find(|l| l.name.value == listed.name.value && l.kind.word() == "wireguard");
        link.is_some()
    };
    for listed in settings.links.iter().filter(is_one) {
        let (name, suffix) = (&listed.name, listed.name.value.suffix());
        match listed.get("wireguard") {
            None if !settings.complete => {}
            None => problems.push(problem(
                name,
                format!("is a wireguard without wireguard_{suffix}"),
                format!(
                    "write wireguard_{suffix}=\"/etc/wireguard/netns/{name}.conf\", and its keys there"
                ),
            )),
            Some(setting) => {
                let path = setting.whole();
                if !is_path(path.text) {
                    problems.push(path.problem(
                        "is not the path of a file",
                        format!("expected one that begins with / and has no blanks, such as /etc/wireguard/netns/{name}.conf"),
                    ));
                }
            }
        }
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(char::is_whitespace)
}
