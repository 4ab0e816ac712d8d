//! Computes what remains of a route when some of its links are removed. The kernel removes a
//! multipath route completely with the first of its links, and a route with a source address
//! together with that address.

use std::net::IpAddr;

use super::{Hop, Route};
use crate::model::Link;
use crate::name::LinkName;

impl Route {
    /// Whether the route is removed or changed when this link is removed.
    pub fn needs(&self, link: &Link) -> bool {
        let own = |src| link.addresses.iter().any(|a| a.value.ip() == src);
        self.links().any(|name| *name == link.name.value) || self.src.is_some_and(own)
    }

    /// The route with only those paths whose links remain, and without a source address that is
    /// removed. `None` if no path remains.
    pub fn without(
        &self,
        stays: impl Fn(&LinkName) -> bool,
        has: impl Fn(IpAddr) -> bool,
    ) -> Option<Route> {
        let mut ways = self.ways();
        ways.retain(|way| way.dev.as_ref().is_none_or(&stays));
        let several = ways.len() > 1;
        let mut ways = ways.into_iter();
        let Hop {
            dev,
            via,
            weight,
            onlink,
        } = ways.next()?;
        Some(Route {
            dev,
            via,
            // The kernel stores no weight for a single path
            weight: if several { weight } else { 1 },
            onlink,
            more: ways.collect(),
            src: self.src.filter(|src| has(*src)),
            ..self.clone()
        })
    }

    /// Whether this route is what remained of `before`, and is unchanged since.
    pub fn is_left_of(&self, before: &Route) -> bool {
        let all = before.ways();
        let way = |way: &Hop| all.iter().any(|w| (&w.dev, w.via) == (&way.dev, way.via));
        let bare = |route: &Route| Route {
            dev: None,
            via: None,
            weight: 1,
            onlink: false,
            more: Vec::new(),
            src: None,
            ..route.clone()
        };
        self.ways().iter().all(way)
            && (self.src.is_none() || self.src == before.src)
            && bare(self) == bare(before)
    }

    /// Whether the text form is complete: parsing it results in the same route.
    pub fn is_said_whole(&self) -> bool {
        let read = Route::parse_from_kernel(&self.to_string());
        read.is_ok_and(|read| {
            Route {
                netns: self.netns.clone(),
                ..read
            } == *self
        })
    }
}
