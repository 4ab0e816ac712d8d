//! Finds what the settings of two namespaces both take from the host: a device, or the name of a
//! link there.

use super::{Want, problem};
use crate::model::{Link, Netns};
use crate::name::LinkName;
use crate::source::Problem;

/// Each problem has its place in the settings of the later namespace, and names the place in those
/// of the earlier one. It is no error: the two may never be up at the same time.
pub fn claimed_twice(wants: &[Want]) -> Vec<(&Want, Problem)> {
    let mut problems = Vec::new();
    for (n, later) in wants.iter().enumerate() {
        for link in taken(later) {
            let earlier = wants[..n].iter();
            let mut same = earlier.flat_map(|want| {
                taken(want)
                    .filter(|other| is_same(link, other))
                    .map(move |other| (want, other))
            });
            if let Some((want, other)) = same.next() {
                problems.push((later, taken_twice(link, want, other)));
            }
        }
    }
    problems
}

/// What the settings take from the host: devices, and names of new links.
fn taken(want: &Want) -> impl Iterator<Item = &Link> {
    let links = want.state.links.iter();
    links.filter(|link| is_device(link) || link.netns == Netns::Host)
}

fn is_device(link: &Link) -> bool {
    link.netns == Netns::This && link.kind.is_moved()
}

fn is_same(one: &Link, other: &Link) -> bool {
    match (&one.device, &other.device) {
        (Some(one), Some(other)) => one.value == other.value,
        (None, None) => {
            is_device(one) == is_device(other) && name_on_host(one) == name_on_host(other)
        }
        _ => false,
    }
}

fn name_on_host(link: &Link) -> &LinkName {
    match link.netns {
        Netns::This => link.other_name(),
        _ => &link.name.value,
    }
}

fn taken_twice(link: &Link, want: &Want, other: &Link) -> Problem {
    let on_host = name_on_host(link);
    let what = match is_device(link) {
        true if *on_host == link.name.value => "a device that".into(),
        true => format!("{on_host} on the host, which"),
        false => "a name on the host that".into(),
    };
    let by = other.name.origin.as_ref();
    let by = by.map_or_else(|| "its settings".into(), ToString::to_string);
    let wrong = format!("is {what} {} also takes, by {by}", want.name);
    let remedy = "only one of the two namespaces can be up; to have both up, choose another one in one of the two files";
    problem(&link.name, wrong, remedy.into())
}
