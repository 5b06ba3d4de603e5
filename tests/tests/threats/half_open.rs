//! A flood of connections that never log in (threats.md 5): 50,000 within 60 s, of which as many stay open as the
//! proxy's limits let in; sessions do not feel it, and memory is bounded.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rolecall_tests::raw::Client;
use rolecall_tests::{Proxy, ProxyOptions, latencies, short_or_full, tell};

use crate::ground::{Witness, ground, right};

/// Connections that one flooder holds: below the hard limit of open files that machines usually have.
const EACH: u32 = 12_500;
/// Sessions whose statements are timed.
const SESSIONS: usize = 2;
/// Half-open connections may add so much to each: a page of its buffer, its task, its entry in the list of sessions.
const BYTES: u64 = 12 << 10;

/// Flooders that start together and share the connections and the time.
struct Flood(Vec<(Child, BufReader<std::process::ChildStdout>)>);

impl Flood {
    fn start(proxy: &Proxy, connections: u32, within: Duration) -> Self {
        let flooders = connections.div_ceil(EACH);
        let of = |number: u32| {
            let mut flooder = Command::new(env!("CARGO_BIN_EXE_flooder"));
            flooder.arg(proxy.address().to_string()).arg((connections / flooders).to_string());
            flooder.arg(within.as_secs_f64().to_string()).arg((number + 1).to_string());
            let mut child = flooder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the flooder starts");
            let output = BufReader::new(child.stdout.take().expect("a pipe"));
            (child, output)
        };
        Self((0..flooders).map(of).collect())
    }

    /// Waits until all connections have been made.
    fn made(&mut self) -> String {
        let line = |(_, output): &mut (Child, BufReader<_>)| {
            let mut line = String::new();
            output.read_line(&mut line).expect("a line");
            assert!(line.contains("connections"), "a flooder failed: {line:?}");
            line.trim().to_owned()
        };
        self.0.iter_mut().map(line).collect::<Vec<_>>().join(", ")
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        for (child, _) in &mut self.0 {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// How long sessions' statements take while `meanwhile` runs: 50 % and 99 % of them at most so long.
fn latency(clients: &mut [Client], meanwhile: impl FnOnce()) -> (Duration, Duration, usize) {
    let taken = latencies(clients, Duration::from_micros(500), meanwhile);
    (taken[taken.len() / 2], taken[taken.len() * 99 / 100], taken.len())
}

#[test]
fn a_flood_of_50000_half_open_connections_leaves_sessions_alone_and_memory_bounded() {
    // The same rate in both forms. In full as many are let in as the proxy's own limit of open files allows.
    let (connections, seconds, let_in) = short_or_full((4000, 4.8, 2000), (50_000, 60.0, 15_000));
    let within = Duration::from_secs_f64(seconds);
    let limits = format!(
        "{{unauthenticated: {let_in}, unauthenticated_per_address: 1000, handshake_timeout: 90s, max_sessions: 16384}}"
    );
    let options = ProxyOptions { limits, configuration: "workers: 2\n".into(), ..ProxyOptions::default() };
    let mut told = Vec::new();
    // A busy machine may disturb one of the two measurements, but hardly each time: the best of three counts.
    for _ in 0..3 {
        let proxy = Proxy::start([&ground().server], &options);
        let mut witness = Witness::new(&proxy);
        let mut clients: Vec<Client> = (0..SESSIONS).map(|_| proxy.login(&right())).collect();
        let quiet = latency(&mut clients, || std::thread::sleep(within / 2));
        let before = proxy.forget_peak();
        let mut flood = Flood::start(&proxy, connections, within);
        let mut made = String::new();
        let flooded = latency(&mut clients, || made = flood.made());
        let grown = proxy.memory().peak.saturating_sub(before);
        witness.goes_on();
        drop(flood);
        let line = format!(
            "{made}: a statement takes {:?}, 99 % within {:?} ({} statements); quiet {:?} and {:?} ({}); {} KiB more \
             memory at the peak with {let_in} let in",
            flooded.0,
            flooded.1,
            flooded.2,
            quiet.0,
            quiet.1,
            quiet.2,
            grown >> 10
        );
        tell(&line);
        assert!(grown < let_in * BYTES + (2 << 20), "{line}");
        let again = Instant::now() + Duration::from_secs(20);
        while Client::login(proxy.address(), &right()).is_err() {
            assert!(Instant::now() < again, "no logins after the flood");
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy.expect_no_panic();
        told.push(line);
        // Twice as long, and 1 ms for the tests that run beside this one.
        if flooded.1 <= quiet.1 * 2 + Duration::from_millis(1) {
            return;
        }
    }
    panic!("sessions feel the flood: {told:#?}");
}
