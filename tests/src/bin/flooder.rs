//! Opens connections and leaves them alone: `flooder ADDRESS COUNT SECONDS FIRST`. They come evenly within SECONDS from
//! the addresses 127.1.FIRST.1 and on, a thousand from each, and stay open until standard input ends. It is a process of
//! its own, since one may have only so many open files.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

/// Connections from one address.
const FROM_EACH: u32 = 1000;
/// Connections between two looks at the clock.
const BATCH: u32 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, count, seconds, first] = &arguments[..] else { panic!("flooder ADDRESS COUNT SECONDS FIRST") };
    let address: SocketAddr = address.parse().expect("an address");
    let count: u32 = count.parse().expect("a number");
    let within: Duration = Duration::from_secs_f64(seconds.parse().expect("seconds"));
    let first: u8 = first.parse().expect("a number below 256");
    let pid = std::process::id().to_string();
    let files = format!("--nofile={}:", count + 100);
    let raised = Command::new("prlimit").args(["--pid", &pid, &files]).status().expect("prlimit runs");
    assert!(raised.success(), "raising the limit of open files to {count}");
    let started = Instant::now();
    let mut held = Vec::new();
    for number in 0..count {
        let source = Ipv4Addr::new(127, 1, first, 1 + (number / FROM_EACH) as u8);
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((source, 0)).into()).expect("an address of this machine");
        socket.connect(&address.into()).expect("a connection");
        held.push(socket);
        if number % BATCH == 0 {
            std::thread::sleep((within * number / count).saturating_sub(started.elapsed()));
        }
    }
    println!("{} connections within {:.1?}", held.len(), started.elapsed());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
