//! Ctrl-C, SIGTERM and a closed terminal, as a question that long work asks now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on these signals end the demonstration in order.
///
/// # Errors
/// The handler cannot be set.
pub fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::Relaxed))?;
    Ok(())
}

/// Whether one came.
#[must_use]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Sleeps, but not beyond an interrupt.
pub fn sleep(time: Duration) {
    let deadline = Instant::now() + time;
    while !requested() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50).min(deadline.saturating_duration_since(Instant::now())));
    }
}
