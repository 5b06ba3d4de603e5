//! Ports for servers, below the range from which the system takes the ports of outgoing connections.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port on `address` that nothing listened on a moment ago. Another process may still take it first, so that who
/// starts a server retries with another.
///
/// # Panics
/// When a thousand ports were all taken.
#[must_use]
pub fn free_port(address: Ipv4Addr) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 17_000) as u16;
    for _ in 0..1000 {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((address, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on {address} from {FIRST}");
}

const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;
