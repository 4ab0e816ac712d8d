//! What is left of a route when some of its links go: the kernel drops a route of several
//! ways whole with the first of their links, and one with a source address with that.

use std::net::IpAddr;

use super::{Hop, Route};
use crate::model::Link;
use crate::name::LinkName;

impl Route {
    /// It goes, whole or in part, when this link does.
    pub fn needs(&self, link: &Link) -> bool {
        let own = |src| link.addresses.iter().any(|a| a.value.ip() == src);
        self.links().any(|name| *name == link.name.value) || self.src.is_some_and(own)
    }

    /// The route by those of its ways whose links stay, and without a source address that
    /// goes; nothing, if no way is left.
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
            // Of a single way, the kernel keeps none
            weight: if several { weight } else { 1 },
            onlink,
            more: ways.collect(),
            src: self.src.filter(|src| has(*src)),
            ..self.clone()
        })
    }

    /// It is what was left of that one, and nobody has made another of it since.
    pub fn is_left_of(&self, whole: &Route) -> bool {
        let all = whole.ways();
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
            && (self.src.is_none() || self.src == whole.src)
            && bare(self) == bare(whole)
    }

    /// Its text says all of it: who reads that has this very route.
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
