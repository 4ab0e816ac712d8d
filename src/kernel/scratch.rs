//! A network namespace without a name, in which something is tried out: it is gone with
//! who holds it, and nothing of the machine's own is touched by what is done there.

use std::collections::BTreeSet;
use std::fs::File;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo};

use super::netlink::query::all_links;
use super::netlink::socket::{RequestKind, Requests};
use super::{Kernel, Socket, decode};
use crate::model::Netns;
use crate::name::{LinkName, NetnsName};
use crate::os_error::OsError;
use crate::system::thread::on_a_thread;

/// What stands in for a link: the first that this kernel has.
const STAND_INS: [&str; 3] = ["dummy", "bridge", "veth"];

impl Kernel {
    /// A scratch namespace in the place of the one of this name, with stand-ins for these
    /// links: rules that name a link are refused where there is none.
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
        let socket = Socket {
            netns: new,
            requests,
        };
        kernel.sockets.insert(Netns::This, socket);
        Ok(kernel)
    }

    /// The names of all links that are inside.
    pub fn links_inside(&mut self) -> Result<BTreeSet<LinkName>, OsError> {
        let links = all_links(self.requests(&Netns::This)?)?;
        Ok(links
            .iter()
            .filter_map(decode::name)
            .map(|(_, name)| name)
            .collect())
    }
}

/// Which type it is says nothing to a firewall. One that is there, `lo` among them, stands
/// for itself.
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
