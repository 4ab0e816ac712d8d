//! Parses `home_IF`, the final namespace of a link: this namespace or the host.

use super::Maker;
use crate::conf::Listed;
use crate::model::Netns;
use crate::model::build::dhcp;

impl Maker<'_> {
    /// The final namespace of the link. Reports settings that a link of the host cannot have.
    pub(crate) fn home(&mut self, listed: &Listed) -> Netns {
        let Some(setting) = listed.get("home") else {
            return Netns::This;
        };
        let word = setting.whole();
        if word.text != "host" {
            let expected = "expected host, or nothing for a link of this namespace";
            self.problems.push(word.problem("is not known", expected));
            return Netns::This;
        }
        for key in ["master", "port", "vlans", "rules"] {
            if let Some(setting) = listed.get(key) {
                let wrong = format!("has no effect for {}, which is the host's", listed.name);
                let remedy = format!("remove the line, or home_{}", listed.name.value.suffix());
                self.problems.push(setting.whole().problem(wrong, remedy));
            }
        }
        let words = listed.words("config");
        let leased = words
            .iter()
            .find(|word| matches!(word.text, "auto" | dhcp::WORD));
        if let Some(word) = leased {
            let wrong = format!("is not possible for {}, which is the host's", listed.name);
            self.problems
                .push(word.problem(wrong, "expected addresses, such as 192.0.2.10/24"));
        }
        Netns::Host
    }
}

/// Whether the link is created from this namespace and belongs to the host.
pub(crate) fn at_host(listed: &Listed) -> bool {
    let home = listed.get("home");
    home.is_some_and(|home| home.whole().text == "host")
}
