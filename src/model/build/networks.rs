//! Finds the networks that contain an address. This is efficient for many lookups.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// Networks, each with the first value that was added for it.
pub(super) struct Networks<T>(BTreeMap<u8, BTreeMap<IpNet, (usize, T)>>);

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Networks(BTreeMap::new())
    }
}

impl<T> Networks<T> {
    /// Add a network. Does nothing if it is there already.
    pub(super) fn add(&mut self, network: IpNet, of: T) {
        let network = network.trunc();
        let count = self.0.values().map(BTreeMap::len).sum();
        let same_length = self.0.entry(network.prefix_len()).or_default();
        same_length.entry(network).or_insert((count, of));
    }

    /// The values of the networks that the address is in, in the order in which they were added.
    pub(super) fn with(&self, address: IpAddr) -> impl Iterator<Item = &T> {
        let found = self.0.iter().filter_map(|(length, networks)| {
            let network = IpNet::new(address, *length).ok()?.trunc();
            networks.get(&network)
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|(count, _)| *count);
        found.into_iter().map(|(_, of)| of)
    }
}
