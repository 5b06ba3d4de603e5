//! How long statements take while something else goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::raw::Client;

/// What each of the clients' statements took while `meanwhile` ran, sorted; `pause` between two of a client, since an
/// application's come now and then.
///
/// # Panics
/// Where one fails.
pub fn latencies(clients: &mut [Client], pause: Duration, meanwhile: impl FnOnce()) -> Vec<Duration> {
    let over = AtomicBool::new(false);
    let time = |client: &mut Client| {
        let mut taken = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let started = Instant::now();
            assert_eq!(client.run("select 1").value(), "1");
            taken.push(started.elapsed());
            client.transcript.clear();
            std::thread::sleep(pause);
        }
        taken
    };
    let mut taken: Vec<Duration> = std::thread::scope(|scope| {
        let time = &time;
        let timing: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || time(client))).collect();
        meanwhile();
        over.store(true, Ordering::Relaxed);
        timing.into_iter().flat_map(|timing| timing.join().expect("the session goes on")).collect()
    });
    taken.sort_unstable();
    taken
}
