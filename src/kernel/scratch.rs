//! A network namespace without a name, for trying something out. It goes away with the process that
//! has it open, and nothing that is done in it affects the rest of the machine.

use std::collections::BTreeSet;
use std::fs::File;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo};

use super::netlink::query::all_links;
use super::netlink::socket::{RequestKind, Requests};
use super::{Kernel, Opened, decode};
use crate::model::Netns;
use crate::name::{LinkName, NetnsName};
use crate::os_error::OsError;
use crate::system::thread::on_a_thread;

/// The types of links that can stand in for another link. The first that the kernel supports is
/// used.
const STAND_INS: [&str; 3] = ["dummy", "bridge", "veth"];

impl Kernel {
    /// A scratch namespace in place of the namespace `netns`. It gets a stand-in for each of these
    /// links, because rules that name a missing link are rejected.
    pub fn scratch(netns: NetnsName, links: &BTreeSet<LinkName>) -> Result<Self, OsError> {
        let (new, mut requests) = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Ok((File::open("/proc/thread-self/ns/net")?, Requests::open()?))
        })?;
        for link in links {
            stand_in(&mut requests, link)?;
        }
        let mut kernel = Kernel::new(netns);
        kernel.source = Some(new.try_clone()?);
        let opened = Opened {
            netns: new,
            requests: Some(requests),
        };
        kernel.opened.insert(Netns::This, opened);
        Ok(kernel)
    }

    /// The names of all links in the namespace.
    pub fn links_inside(&mut self) -> Result<BTreeSet<LinkName>, OsError> {
        let links = all_links(self.requests(&Netns::This)?)?;
        Ok(links
            .iter()
            .filter_map(decode::name)
            .map(|(_, name)| name)
            .collect())
    }
}

/// Create a stand-in for a link. Its type does not matter to firewall rules. A link that exists
/// already, `lo` for example, needs none.
fn stand_in(requests: &mut Requests, name: &LinkName) -> Result<(), OsError> {
    let mut answer = Ok(());
    for kind in STAND_INS {
        let info = LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Other(kind.into()))]);
        let message = LinkUnspec::new_with_name(name.as_str()).append_extra_attribute(info);
        answer = requests.tell(
            RouteNetlinkMessage::NewLink(message.build()),
            RequestKind::Add,
        );
        match &answer {
            Err(no) if no.is(Errno::EEXIST) => return Ok(()),
            Err(no) if no.is(Errno::EOPNOTSUPP) => {}
            _ => break,
        }
    }
    answer
}
