//! Parses `netns_pre_up` and the other hooks into commands. The commands themselves are not
//! checked.

use crate::conf::{Setting, Settings};
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

/// Commands for `sh -c` on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Runs before anything is done. If it fails, nothing is done.
    pub pre_up: Option<Sourced<String>>,
    /// Runs when the namespace is ready.
    pub post_up: Option<Sourced<String>>,
    /// Runs before anything is taken down.
    pub pre_down: Option<Sourced<String>>,
    /// Runs when everything is taken down.
    pub post_down: Option<Sourced<String>>,
    /// `post_up_IF` of each link. Runs when the link was created or moved in, and the namespace is
    /// ready.
    pub links: Vec<(LinkName, Sourced<String>)>,
    /// `post_down_IF` of each link. Runs when the device has returned to the host.
    pub given_back: Vec<(LinkName, Sourced<String>)>,
}

pub(super) fn hooks(settings: &Settings, problems: &mut Vec<Problem>) -> Hooks {
    let command = |setting: &Setting| {
        let whole = setting.whole();
        whole.at(whole.text.to_string())
    };
    let hook = |name| settings.get(name).map(command);
    let mut of_links = |key: &str, wrong: &str, instead: &str| {
        let mut links = Vec::new();
        for listed in &settings.links {
            let Some(setting) = listed.get(key) else {
                continue;
            };
            let name = &listed.name.value;
            match name.as_str() {
                "lo" => problems.push(setting.whole().problem(
                    wrong,
                    format!("write {instead} instead: lo is there with the namespace"),
                )),
                _ => links.push((name.clone(), command(setting))),
            }
        }
        links
    };
    Hooks {
        pre_up: hook("netns_pre_up"),
        post_up: hook("netns_post_up"),
        pre_down: hook("netns_pre_down"),
        post_down: hook("netns_post_down"),
        links: of_links(
            "post_up",
            "is for a link that is made or moved in",
            "netns_post_up",
        ),
        given_back: of_links(
            "post_down",
            "is for a device that goes back to the host",
            "netns_post_down",
        ),
    }
}
