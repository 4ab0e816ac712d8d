//! `netns_pre_up` and its sisters in, the commands that the coming and going of the
//! namespace runs out. What sh makes of them is not looked at.

use crate::conf::{Setting, Settings};
use crate::place::At;

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
}

pub(super) fn hooks(settings: &Settings) -> Hooks {
    let hook = |name| {
        let whole = settings.get(name).map(Setting::whole)?;
        Some(whole.at(whole.text.to_string()))
    };
    Hooks {
        pre_up: hook("netns_pre_up"),
        post_up: hook("netns_post_up"),
        pre_down: hook("netns_pre_down"),
        post_down: hook("netns_post_down"),
    }
}
