//! The system's monotonic clock as a plain number: what every statement asks twice, and [`std::time::Instant`] answers
//! with checks that cost as much as the question.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment before this process began.
#[must_use]
pub fn nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative on a monotonic clock.
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}
