//! Waiting until the IPv6 addresses that were asked for can be bound: the kernel first
//! asks the network whether they are taken (RFC 4862, 5.4), about a second long.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_route::address::AddressFlags;
use rtnetlink::packet_route::link::LinkFlags;
use rtnetlink::{Handle, MulticastGroup};

use super::{Kernel, Refusal, read};
use crate::model::{Address, Link, LinkAt, State, Where};
use crate::place::At;

/// How the addresses came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Another host has them: they will not work.
    pub taken: Vec<(LinkAt, At<Address>)>,
    /// Not known yet when the time was up.
    pub waiting: Vec<(LinkAt, At<Address>)>,
}

impl Kernel {
    /// Wait, `limit` at most, for the IPv6 addresses of the links inside, as far as those
    /// have carrier: without it, the kernel waits for ever.
    pub fn settle(&mut self, want: &State, limit: Duration) -> Result<Settled, Refusal> {
        let settled = self.wait(want, limit);
        self.unless_broken(settled)
    }

    fn wait(&mut self, want: &State, limit: Duration) -> Result<Settled, Refusal> {
        let links: Vec<_> = want.links.iter().filter(waits).collect();
        if links.is_empty() {
            return Ok(Settled::default());
        }
        let handle = self.socket(&Where::Inside)?.handle.clone();
        let inside = self.open(&Where::Inside)?;
        // Told first, asked then: what changes in between is not missed
        let (_telling, mut events) = self.connect(&inside, &[MulticastGroup::Ipv6Ifaddr])?;
        self.runtime.block_on(async {
            let mut settled = look(&handle, &links).await?;
            let asking = async {
                while settled.taken.is_empty() && !settled.waiting.is_empty() {
                    if events.next().await.is_none() {
                        return Err(std::io::Error::other("the kernel tells no more").into());
                    }
                    settled = look(&handle, &links).await?;
                }
                Ok::<_, Refusal>(())
            };
            match tokio::time::timeout(limit, asking).await {
                Ok(done) => done.map(|()| settled),
                Err(_) => look(&handle, &links).await,
            }
        })
    }
}

fn waits(link: &&Link) -> bool {
    let global = |a: &At<Address>| matches!(a.value.ip(), std::net::IpAddr::V6(ip) if !ip.is_unicast_link_local());
    link.at == Where::Inside && link.addresses.iter().any(global)
}

async fn look(handle: &Handle, links: &[&Link]) -> Result<Settled, Refusal> {
    let mut settled = Settled::default();
    for link in links {
        let found = super::look::link_named(handle, &link.name.value).await?;
        let Some(found) = found.filter(|m| m.header.flags.contains(LinkFlags::LowerUp)) else {
            continue;
        };
        let mut request = handle.address().get();
        request.message_mut().header.index = found.header.index;
        let mut reply = request.execute().boxed_local();
        while let Some(message) = reply.try_next().await? {
            let Some(there) = read::address(&message, false) else {
                continue;
            };
            let Some(asked) = link.addresses.iter().find(|a| a.value == there) else {
                continue;
            };
            let entry = (link.link_at(), asked.clone());
            let flags = read::flags(&message);
            if flags.contains(AddressFlags::Dadfailed) {
                settled.taken.push(entry);
            } else if flags.contains(AddressFlags::Tentative) {
                settled.waiting.push(entry);
            }
        }
    }
    Ok(settled)
}
