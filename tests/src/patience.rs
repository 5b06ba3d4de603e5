//! Waiting for what another process does.

use std::time::{Duration, Instant};

/// Asks until the answer is yes, for 20 s.
///
/// # Panics
/// Where it never is.
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_within(Duration::from_secs(20), what, holds);
}

/// The same for `limit`.
///
/// # Panics
/// Where it never is.
pub fn wait_within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
