//! Counters without locked instructions: each has one writer, and the scrape reads them with relaxed loads.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::label::Label;

/// A counter with one writing thread. A second writer would lose counts (never memory safety).
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A value that goes up and down, with one writing thread.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// A counter for each value of a label. `N` is `L::ALL.len()`.
#[derive(Debug)]
pub struct Counters<L, const N: usize>([Counter; N], PhantomData<L>);

/// Upper bounds of the buckets of durations, in microseconds.
pub const BOUNDS_MICROSECONDS: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 60_000_000,
];

/// A distribution of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BOUNDS_MICROSECONDS.len() + 1],
    nanoseconds: Counter,
}

// === impl Counter ===

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`. A plain load and store: see the type's contract.
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

// === impl Gauge ===

impl Gauge {
    /// One more.
    pub fn increment(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// One less.
    pub fn decrement(&self) {
        self.0.store(self.0.load(Relaxed).saturating_sub(1), Relaxed);
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

// === impl Counters ===

impl<L: Label, const N: usize> Default for Counters<L, N> {
    fn default() -> Self {
        const { assert!(N == L::ALL.len(), "a counter for each value of the label") };
        Self(std::array::from_fn(|_| Counter::default()), PhantomData)
    }
}

impl<L: Label, const N: usize> Counters<L, N> {
    /// The counter of `label`.
    #[must_use]
    pub fn of(&self, label: L) -> &Counter {
        &self.0[label.index()]
    }

    /// Adds one to the counter of `label`.
    pub fn increment(&self, label: L) {
        self.of(label).increment();
    }
}

// === impl Histogram ===

impl Histogram {
    /// Notes one duration.
    pub fn observe(&self, duration: Duration) {
        self.observe_nanoseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The same, as a number.
    pub fn observe_nanoseconds(&self, nanoseconds: u64) {
        // A bucket holds what is at most its bound.
        let bucket = BOUNDS_MICROSECONDS.partition_point(|bound| bound * 1_000 < nanoseconds);
        self.buckets[bucket].increment();
        self.nanoseconds.add(nanoseconds);
    }

    /// Adds this histogram to what has been read from others.
    pub(super) fn add_to(&self, sum: &mut Distribution) {
        for (total, bucket) in sum.buckets.iter_mut().zip(&self.buckets) {
            *total += bucket.value();
        }
        sum.nanoseconds = sum.nanoseconds.wrapping_add(self.nanoseconds.value());
    }
}

/// Histograms of several workers added up.
#[derive(Debug, Default)]
pub(super) struct Distribution {
    pub buckets: [u64; BOUNDS_MICROSECONDS.len() + 1],
    pub nanoseconds: u64,
}
