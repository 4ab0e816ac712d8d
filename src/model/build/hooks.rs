//! `netns_pre_up` and its sisters in, the commands that the coming and going of the
//! namespace runs out. What sh makes of them is not looked at.

use crate::conf::{Setting, Settings};
use crate::name::LinkName;
use crate::source::{At, Problem};

/// Commands for `sh -c`, on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before anything is done; if it fails, nothing is.
    pub pre_up: Option<At<String>>,
    /// When the namespace is ready.
    pub post_up: Option<At<String>>,
    /// Before anything is taken down.
    pub pre_down: Option<At<String>>,
    /// When all is taken down.
    pub post_down: Option<At<String>>,
    /// When a link has been made or moved in, and the namespace is ready.
    pub links: Vec<(LinkName, At<String>)>,
}

pub(super) fn hooks(settings: &Settings, problems: &mut Vec<Problem>) -> Hooks {
    let command = |setting: &Setting| {
        let whole = setting.whole();
        whole.at(whole.text.to_string())
    };
    let hook = |name| settings.get(name).map(command);
    let mut links = Vec::new();
    for listed in &settings.links {
        let Some(setting) = listed.get("post_up") else {
            continue;
        };
        let name = &listed.name.value;
        match name.as_str() {
            "lo" => problems.push(setting.whole().problem(
                "is for a link that is made or moved in",
                "write netns_post_up instead: lo is there with the namespace",
            )),
            _ => links.push((name.clone(), command(setting))),
        }
    }
    Hooks {
        pre_up: hook("netns_pre_up"),
        post_up: hook("netns_post_up"),
        pre_down: hook("netns_pre_down"),
        post_down: hook("netns_post_down"),
        links,
    }
}
