//! What one worker counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use rolecall_router::session::Pins;
use rolecall_router::sql::{Statement, Verb};

use super::cell::{Counter, Counters, Gauge, Histogram};
use super::label::{CatchUp, ConnectOutcome, Destroyed, ErrorKind, Label, LoginOutcome, PINS, Target, VerbLabel};

/// What one worker counts. Only that worker's thread writes; anyone may read. On a cache line of its own, so that
/// workers do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerMetrics {
    pub(super) statements: [Counters<VerbLabel, 17>; 3],
    pub(super) durations: [Histogram; 3],
    /// Waits and questions for consistency's sake.
    pub catch_ups: Counters<CatchUp, 4>,
    /// Failures by kind.
    pub errors: Counters<ErrorKind, 3>,
    /// Sessions open now, logged in or not.
    pub sessions: Gauge,
    /// Sessions ever opened.
    pub sessions_opened: Counter,
    /// Attempts to connect to a server, by outcome.
    pub backend_connects: Counters<ConnectOutcome, 5>,
    /// Logins by outcome.
    pub logins: Counters<LoginOutcome, 5>,
    /// Connections that went from one session to another.
    pub handovers: Counter,
    /// Connections that were opened because of `pool.min_idle`.
    pub opened_in_advance: Counter,
    /// Statements that waited for a connection.
    pub waits: Counter,
    /// Statements for which none became free in time.
    pub wait_timeouts: Counter,
    /// Connections that were not handed on, by why.
    pub destroyed: Counters<Destroyed, 4>,
    /// Executions of prepared statements that another session had left on the connection.
    pub statements_reused: Counter,
    /// Prepared statements that connections did not have.
    pub statements_prepared: Counter,
    /// Those that were closed to make room.
    pub statements_closed: Counter,
    pub(super) held: Gauge,
    pub(super) holds: Histogram,
    pub(super) closed: Reasons,
    pub(super) pins: [Counter; PINS],
    pub(super) unknown: Reasons,
}

// === impl WorkerMetrics ===

impl WorkerMetrics {
    /// A statement is over: who answered it, what it was, and how long it took from its last byte to the reply's last
    /// byte, in nanoseconds.
    pub fn statement(&self, target: Target, verb: Verb, took: u64) {
        self.statements[target.index()].increment(VerbLabel(verb));
        self.durations[target.index()].observe_nanoseconds(took);
    }

    /// A session ended, for this reason.
    pub fn closed(&self, reason: &'static str) {
        self.closed.increment(reason);
    }

    /// A statement was not understood.
    pub fn unknown(&self, statement: &Statement) {
        self.unknown.increment(statement.why.0);
    }

    /// A session got these pins, which it did not have before.
    pub fn pinned(&self, new: Pins) {
        for (bit, counter) in self.pins.iter().enumerate() {
            if new.bits() & (1 << bit) != 0 {
                counter.increment();
            }
        }
    }
}

/// A statement waits for a server as long as this lives.
#[derive(Debug)]
pub struct Held {
    worker: Arc<WorkerMetrics>,
    since: Instant,
}

impl Held {
    /// The wait begins now.
    #[must_use]
    pub fn begin(worker: &Arc<WorkerMetrics>) -> Self {
        worker.held.increment();
        Self { worker: Arc::clone(worker), since: Instant::now() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.worker.held.decrement();
        self.worker.holds.observe(self.since.elapsed());
    }
}

/// Counters by reason, for reasons that are texts of the program. New ones take a slot; when all are taken, the rest
/// counts together.
#[derive(Debug)]
pub(super) struct Reasons {
    slots: [(OnceLock<&'static str>, AtomicU64); 48],
    other: AtomicU64,
    /// Held while a slot is taken: once for each reason in a worker's life.
    taking: Mutex<()>,
}

impl Default for Reasons {
    fn default() -> Self {
        Self { slots: std::array::from_fn(|_| Default::default()), other: AtomicU64::new(0), taking: Mutex::default() }
    }
}

impl Reasons {
    pub fn increment(&self, reason: &'static str) {
        let find = || self.slots.iter().find(|(name, _)| name.get().is_none_or(|name| *name == reason));
        if let Some((name, count)) = find()
            && name.get().is_some()
        {
            count.fetch_add(1, Relaxed);
            return;
        }
        let guard = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let count = find().map_or(&self.other, |(name, count)| {
            name.get_or_init(|| reason);
            count
        });
        count.fetch_add(1, Relaxed);
        drop(guard);
    }

    /// Reasons with their counts.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = self.slots.iter().filter_map(|(name, count)| Some((*name.get()?, count.load(Relaxed))));
        let other = self.other.load(Relaxed);
        named.chain((other > 0).then_some(("other", other)))
    }
}
