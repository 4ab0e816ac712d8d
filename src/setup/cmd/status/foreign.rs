//! What `status` found that neither netns-setup nor the kernel made, as text.

use super::Status;
use crate::setup::cmd::status::made_by::MadeBy;

impl Status {
    /// Links, addresses, routes and policy rules of others. Addresses and routes of a `leased` link
    /// are left out: the network assigns them.
    pub fn foreign(&self, leased: impl Fn(&str) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for link in &self.links {
            if link.by == MadeBy::Others {
                found.push(format!("link {}", link.name));
                continue;
            }
            if leased(&link.name) {
                continue;
            }
            let theirs = link.addresses.iter().filter(|a| a.by == MadeBy::Others);
            found.extend(theirs.map(|a| format!("address {} of {}", a.address, link.name)));
        }
        for route in self.routes.iter().filter(|r| r.by == MadeBy::Others) {
            let mut words = route.route.split(' ');
            let dev = words.find(|word| *word == "dev").and_then(|_| words.next());
            if !dev.is_some_and(&leased) {
                found.push(format!("route {}", route.route));
            }
        }
        let rules = self.rules.iter().filter(|rule| rule.by == MadeBy::Others);
        found.extend(rules.map(|rule| format!("rule {}", rule.rule)));
        found
    }
}
