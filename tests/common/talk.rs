//! Real sockets in the namespaces of a sandbox: a server that prints who has connected, and
//! clients.

// Each test file uses a part of this.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::common::{LIMIT, Sandbox, wait_until};
use crate::far::in_netns;

/// Run `work` in a namespace, or on the host (`""`).
pub fn at<T: Send>(sandbox: &Sandbox, netns: &str, work: impl FnOnce() -> T + Send) -> T {
    match netns {
        "" => sandbox.inside(work),
        netns => in_netns(sandbox, netns, work),
    }
}

/// Answer every connection and every datagram with `who` and the address it came from.
pub fn serve(sandbox: &Sandbox, netns: &str, port: u16, who: &'static str) {
    // One socket for both families
    let address = SocketAddr::new(IpAddr::from([0; 16]), port);
    let (tcp, udp) = at(sandbox, netns, || {
        (
            TcpListener::bind(address).unwrap(),
            UdpSocket::bind(address).unwrap(),
        )
    });
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let from = stream.peer_addr().unwrap().ip().to_canonical();
            let _ = (&stream).write_all(format!("{who} {from}").as_bytes());
        }
    });
    answer(udp, who);
}

/// Answers every datagram.
pub fn answer(socket: UdpSocket, who: &'static str) {
    thread::spawn(move || {
        let mut bytes = [0; 16];
        while let Ok((_, from)) = socket.recv_from(&mut bytes) {
            let text = format!("{who} {}", from.ip().to_canonical());
            // If this answer has no route, the next one may have one
            let _ = socket.send_to(text.as_bytes(), from);
        }
    });
}

/// The answer of a TCP server; empty if it cannot be reached.
pub fn ask(sandbox: &Sandbox, netns: &str, to: &str, port: u16) -> String {
    ask_at(sandbox, netns, SocketAddr::new(to.parse().unwrap(), port))
}

pub fn ask_at(sandbox: &Sandbox, netns: &str, address: SocketAddr) -> String {
    at(sandbox, netns, || {
        let mut text = String::new();
        let stream = TcpStream::connect_timeout(&address, Duration::from_millis(700));
        if let Ok(mut stream) = stream {
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let _ = stream.read_to_string(&mut text);
        }
        text
    })
}

/// Checks the answer of a TCP server, with retries: if a link has just come up, the first
/// packet may be lost.
#[track_caller]
pub fn hears(sandbox: &Sandbox, netns: &str, to: &str, port: u16, expected: &str) {
    let mut said = String::new();
    let heard = wait_until(LIMIT, || {
        said = ask(sandbox, netns, to, port);
        said == expected
    });
    assert!(
        heard,
        "{netns} heard {said:?} from {to} {port}, expected {expected:?}"
    );
}

/// The answer of a UDP server; empty if it cannot be reached.
pub fn ask_udp(sandbox: &Sandbox, netns: &str, from: u16, to: &str, port: u16) -> String {
    let to = SocketAddr::new(to.parse().unwrap(), port);
    let any: IpAddr = if to.is_ipv4() { "0.0.0.0" } else { "::" }.parse().unwrap();
    at(sandbox, netns, || {
        let socket = UdpSocket::bind((any, from)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(700)))
            .unwrap();
        let mut bytes = [0; 64];
        let _ = socket.send_to(b"who", to);
        let read = socket.recv_from(&mut bytes).map_or(0, |(n, _)| n);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    })
}
