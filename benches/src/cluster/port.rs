//! Free ports.

use std::net::{IpAddr, SocketAddr, TcpListener};

use anyhow::{Context as _, bail};

/// Below the ephemeral range, so that no outgoing connection takes one between the look and the use.
const FIRST: u16 = 10_000;
const LAST: u16 = 30_000;

/// A port that is free on all of `addresses`; another one in each process.
///
/// # Errors
/// None is free.
pub fn free_port(addresses: &[IpAddr]) -> anyhow::Result<u16> {
    let mut random = u64::from(std::process::id()).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..2000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let port = FIRST + (random % u64::from(LAST - FIRST)) as u16;
        if is_free(addresses, port) {
            return Ok(port);
        }
    }
    bail!("no port between {FIRST} and {LAST} is free")
}

/// `wanted` where it is free on `address`, else another one.
///
/// # Errors
/// None is free.
pub fn port_or_free(address: IpAddr, wanted: u16) -> anyhow::Result<u16> {
    if is_free(&[address], wanted) { Ok(wanted) } else { free_port(&[address]).context("looking for a port") }
}

fn is_free(addresses: &[IpAddr], port: u16) -> bool {
    addresses.iter().all(|address| TcpListener::bind(SocketAddr::new(*address, port)).is_ok())
}
