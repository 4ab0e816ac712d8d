//! Pings a host: sends ICMP echo requests, and receives the answers (RFC 792, RFC 4443). It uses a
//! raw socket, because the ICMP socket that needs no privilege is disabled in a new namespace
//! (net.ipv4.ping_group_range).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use nix::libc::SOCK_RAW;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// The ICMP types of requests and answers.
const V4: (u8, u8) = (8, 0);
const V6: (u8, u8) = (128, 129);

/// A host that is pinged.
pub struct Ping {
    address: IpAddr,
    /// A raw socket. The type `UdpSocket` is used only to send and receive.
    socket: UdpSocket,
    sequence: u16,
    answered: bool,
}

impl Ping {
    /// Open a socket for pinging `address`, in the namespace of the calling thread.
    pub fn socket(address: IpAddr) -> io::Result<Socket> {
        let (domain, protocol) = match address {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = Socket::new(domain, Type::from(SOCK_RAW), Some(protocol))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// Ping this host over this socket. Must be called within a tokio runtime.
    pub fn new(address: IpAddr, socket: Socket) -> io::Result<Self> {
        Ok(Ping {
            address,
            socket: UdpSocket::from_std(socket.into())?,
            sequence: 0,
            answered: false,
        })
    }

    /// Whether this is the ping of `address` and has been answered.
    pub fn has_answered(&self, address: IpAddr) -> bool {
        self.address == address && self.answered
    }

    /// Send a request, unless the host has answered. Errors are ignored: without a route there is
    /// no answer either.
    pub async fn send(&mut self) {
        if self.answered {
            return;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let kind = if self.address.is_ipv4() { V4.0 } else { V6.0 };
        let mut packet = [&[kind, 0, 0, 0][..], &ours(), &self.sequence.to_be_bytes()].concat();
        if self.address.is_ipv4() {
            // The kernel computes the checksum of ICMPv6
            let sum = checksum(&packet).to_be_bytes();
            packet[2..4].copy_from_slice(&sum);
        }
        let to = SocketAddr::new(self.address, 0);
        let _ = self.socket.send_to(&packet, to).await;
    }

    /// Ready once, when the host has answered.
    pub fn poll_answer(&mut self, context: &mut Context) -> Poll<()> {
        let mut room = [0; 256];
        while !self.answered {
            let mut buffer = ReadBuf::new(&mut room);
            let Poll::Ready(from) = self.socket.poll_recv_from(context, &mut buffer) else {
                return Poll::Pending;
            };
            // An error (no such host, no such network) is not an answer
            let from = from.is_ok_and(|from| from.ip() == self.address);
            if from && self.is_answer(buffer.filled()) {
                self.answered = true;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Whether the packet answers one of our requests. A raw IPv4 socket also receives the IP
    /// header.
    fn is_answer(&self, packet: &[u8]) -> bool {
        let (kind, skip) = match self.address {
            IpAddr::V4(_) => (V4.1, packet.first().map_or(0, |b| usize::from(b & 15) * 4)),
            IpAddr::V6(_) => (V6.1, 0),
        };
        let packet = packet.get(skip..).unwrap_or_default();
        packet.first() == Some(&kind) && packet.get(4..6) == Some(&ours()[..])
    }
}

/// The ICMP identifier, which distinguishes answers to this process from others.
fn ours() -> [u8; 2] {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    [high, low]
}

/// The checksum of RFC 1071, for an even number of bytes.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks_exact(2);
    let sum: u32 = words
        .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(u16::MAX)
}
