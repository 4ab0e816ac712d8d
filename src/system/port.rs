//! Whether a port of the host is free.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use crate::model::nat::{Proto, Publish};

/// The port of these that somebody on the host listens on already. It is tried, for there is
/// no other way to know; nothing is left of that.
pub fn taken(publish: &Publish, mut ports: impl Iterator<Item = u16>) -> Option<u16> {
    let taken = |address: &SocketAddr| {
        let bound = bind(*address, publish.proto);
        bound.is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse)
    };
    ports.find(|port| publish.sockets(*port).iter().any(taken))
}

fn bind(address: SocketAddr, proto: Proto) -> io::Result<()> {
    let (kind, protocol) = match proto {
        Proto::Tcp => (Type::STREAM, Protocol::TCP),
        Proto::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // What is left of connections that have ended is in nobody's way
    socket.set_reuse_address(proto == Proto::Tcp)?;
    socket.bind(&address.into())
}
