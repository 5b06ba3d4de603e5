//! The current snapshot, as workers see it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use rolecall_router::topology::{ServerId, ServerReport, Topology};
use tokio::sync::{mpsc, watch};

use super::positions::Positions;
use super::source::SourceHealth;

/// Reports that may wait for the prober; more than this many at once say nothing new.
const REPORTS: usize = 256;

/// What a session saw of a server that makes a probe worth while at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerError {
    /// No connection could be made.
    Unreachable,
    /// A connection broke.
    Lost,
    /// It refuses writes as a read-only or stopping server does (1290, 1836, 3032, 3100, 4094, 1053).
    RefusesWrites,
}

/// What is known beyond the snapshot, for readiness, metrics and people.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Every server's label, health and last answer.
    pub servers: Vec<ServerReport>,
    /// How the source of servers is doing.
    pub source: SourceHealth,
    /// What the account that asks the servers may not see, and what that costs. Empty when all is seen.
    pub missing: Vec<String>,
}

/// Read access to the current snapshot; clones are cheap, workers keep one each.
#[derive(Debug, Clone)]
pub struct TopologyHandle {
    current: Arc<ArcSwap<Topology>>,
    generation: watch::Receiver<u64>,
    reports: mpsc::Sender<(ServerId, ServerError)>,
    observed: Arc<ArcSwap<Observed>>,
    positions: Positions,
}

/// Write access: one task publishes snapshots and receives reports.
#[derive(Debug)]
pub struct TopologyPublisher {
    current: Arc<ArcSwap<Topology>>,
    generation: watch::Sender<u64>,
    /// Reports from sessions, for immediate probes.
    pub reports: mpsc::Receiver<(ServerId, ServerError)>,
    observed: Arc<ArcSwap<Observed>>,
    positions: Positions,
}

impl TopologyHandle {
    /// A handle over the empty topology, and its publisher.
    #[must_use]
    pub fn new() -> (Self, TopologyPublisher) {
        let current = Arc::new(ArcSwap::from_pointee(Topology::empty()));
        let (generation, seen) = watch::channel(0);
        let (sender, receiver) = mpsc::channel(REPORTS);
        let observed = Arc::new(ArcSwap::from_pointee(Observed::default()));
        let positions = Positions::new();
        let handle = Self {
            current: Arc::clone(&current),
            generation: seen,
            reports: sender,
            observed: Arc::clone(&observed),
            positions: positions.clone(),
        };
        (handle, TopologyPublisher { current, generation, reports: receiver, observed, positions })
    }

    /// The current snapshot; no lock, no wait.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Topology>> {
        self.current.load()
    }

    /// Where snapshots are published, for those who keep the last one.
    #[must_use]
    pub fn snapshots(&self) -> Arc<ArcSwap<Topology>> {
        Arc::clone(&self.current)
    }

    /// How far the servers are.
    #[must_use]
    pub const fn positions(&self) -> &Positions {
        &self.positions
    }

    /// What is known beyond the snapshot; at most a probe's interval old.
    #[must_use]
    pub fn observed(&self) -> Arc<Observed> {
        self.observed.load_full()
    }

    /// Waits until the snapshot is newer than `generation`. Cancel safe.
    pub async fn newer_than(&self, generation: u64) {
        let mut seen = self.generation.clone();
        // An error means that the publisher is gone: the process is ending, and nothing will change any more.
        if seen.wait_for(|now| *now > generation).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells the prober that something is wrong with a server; never waits.
    pub fn report(&self, server: ServerId, error: ServerError) {
        let _ = self.reports.try_send((server, error));
    }
}

impl TopologyPublisher {
    /// How far the servers are.
    pub const fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Makes `observed` what [`TopologyHandle::observed`] returns.
    pub fn observe(&self, observed: Observed) {
        self.observed.store(Arc::new(observed));
    }

    /// Makes `topology` the current snapshot.
    pub fn publish(&self, topology: Topology) {
        let generation = topology.generation;
        self.positions.keep(&topology);
        self.current.store(Arc::new(topology));
        self.generation.send_replace(generation);
    }
}
