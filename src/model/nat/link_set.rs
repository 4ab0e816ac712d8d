//! A set of links in the syntax of nft(8).

use crate::name::LinkName;

pub(super) fn set<'a>(links: impl IntoIterator<Item = &'a LinkName>) -> String {
    let links: Vec<_> = links
        .into_iter()
        .map(|link| format!("\"{link}\""))
        .collect();
    match links.as_slice() {
        [one] => one.clone(),
        many => format!("{{ {} }}", many.join(", ")),
    }
}
