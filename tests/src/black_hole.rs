//! A network that can be cut without a word: no FIN, no RST, no ICMP.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace behind a cable of its own (ip-netns(8), veth(4)); it goes with this value. Needs root.
#[derive(Debug)]
pub struct BlackHole {
    name: String,
    near: Ipv4Addr,
    far: Ipv4Addr,
}

impl BlackHole {
    /// Another one for each call, whatever other processes have.
    ///
    /// # Panics
    /// Where it cannot be made, with what `ip` says.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        // 198.18.0.0/15, which is for tests of networks (RFC 2544), in parts of four addresses.
        let part = (process.wrapping_mul(8) + number) % (1 << 15);
        let address = |host: u32| Ipv4Addr::from(0xC612_0000 + part * 4 + host);
        let hole = Self { name: format!("rc{process}x{number}"), near: address(1), far: address(2) };
        let Self { name, near, far } = &hole;
        let (here, there) = (format!("{name}n"), format!("{name}f"));
        // One of a process that was killed, with this process's id.
        let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        for arguments in [
            format!("netns add {name}"),
            format!("link add {here} type veth peer name {there} netns {name}"),
            format!("address add {near}/30 dev {here}"),
            format!("link set {here} up"),
            format!("-n {name} address add {far}/30 dev {there}"),
            format!("-n {name} link set {there} up"),
        ] {
            ip(&arguments);
        }
        hole
    }

    /// This side's address.
    #[must_use]
    pub const fn near(&self) -> IpAddr {
        IpAddr::V4(self.near)
    }

    /// The other side's address.
    #[must_use]
    pub const fn far(&self) -> IpAddr {
        IpAddr::V4(self.far)
    }

    /// Runs `work` on the other side: sockets that it makes stay there.
    ///
    /// # Panics
    /// Where `work` does, or the namespace is gone.
    pub fn on_the_far_side<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/var/run/netns/{}", self.name)).expect("the namespace");
        std::thread::scope(|scope| {
            let there = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root's right");
                work()
            });
            there.join().expect("work on the far side")
        })
    }

    /// From now on nothing comes through, and nobody is told.
    ///
    /// # Panics
    /// Where `ip` fails.
    pub fn cut(&self) {
        ip(&format!("-n {0} link set {0}f down", self.name));
    }

    /// The opposite of [`Self::cut`].
    ///
    /// # Panics
    /// Where `ip` fails.
    pub fn mend(&self) {
        ip(&format!("-n {0} link set {0}f up", self.name));
    }
}

impl Default for BlackHole {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn ip(arguments: &str) {
    let output =
        Command::new("ip").args(arguments.split(' ')).output().expect("the program ip (Debian package iproute2)");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
