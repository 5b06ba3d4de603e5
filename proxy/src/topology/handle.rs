//! The current snapshot, as workers see it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use rolecall_router::topology::{ServerId, Topology};
use tokio::sync::{mpsc, watch};

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

/// Read access to the current snapshot; clones are cheap, workers keep one each.
#[derive(Debug, Clone)]
pub struct TopologyHandle {
    current: Arc<ArcSwap<Topology>>,
    generation: watch::Receiver<u64>,
    reports: mpsc::Sender<(ServerId, ServerError)>,
}

/// Write access: one task publishes snapshots and receives reports.
#[derive(Debug)]
pub struct TopologyPublisher {
    current: Arc<ArcSwap<Topology>>,
    generation: watch::Sender<u64>,
    /// Reports from sessions, for immediate probes.
    pub reports: mpsc::Receiver<(ServerId, ServerError)>,
}

impl TopologyHandle {
    /// A handle over the empty topology, and its publisher.
    #[must_use]
    pub fn new() -> (Self, TopologyPublisher) {
        let current = Arc::new(ArcSwap::from_pointee(Topology::empty()));
        let (generation, seen) = watch::channel(0);
        let (sender, receiver) = mpsc::channel(REPORTS);
        let handle = Self { current: Arc::clone(&current), generation: seen, reports: sender };
        (handle, TopologyPublisher { current, generation, reports: receiver })
    }

    /// The current snapshot; no lock, no wait.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Topology>> {
        self.current.load()
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
    /// Makes `topology` the current snapshot.
    pub fn publish(&self, topology: Topology) {
        let generation = topology.generation;
        self.current.store(Arc::new(topology));
        self.generation.send_replace(generation);
    }
}
