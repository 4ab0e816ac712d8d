//! What `status` found that neither netns-setup nor the kernel made, as text.

use super::Status;
use crate::setup::cmd::status::made_by::MadeBy;

impl Status {
    /// Links, addresses, routes and policy rules of others.
    pub fn foreign(&self) -> Vec<String> {
        let mut found = Vec::new();
        for link in &self.links {
            if link.by == MadeBy::Others {
                found.push(format!("link {}", link.name));
                continue;
            }
            let theirs = link.addresses.iter().filter(|a| a.by == MadeBy::Others);
            found.extend(theirs.map(|a| format!("address {} of {}", a.address, link.name)));
        }
        let routes = self.routes.iter().filter(|r| r.by == MadeBy::Others);
        found.extend(routes.map(|r| format!("route {}", r.route)));
        let rules = self.rules.iter().filter(|rule| rule.by == MadeBy::Others);
        found.extend(rules.map(|rule| format!("rule {}", rule.rule)));
        found
    }
}
