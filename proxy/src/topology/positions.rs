//! How far the servers are: probes and sessions note what they have seen, all workers read it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rolecall_router::consistency::{Board, Bounds, Position, Progress};
use rolecall_router::topology::{ServerId, Topology};

/// What a probe was told of a server's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it was asked.
    pub asked_at: u64,
    /// What the server answered.
    pub bounds: Bounds,
    /// Since when the probes' connection has not broken.
    pub unbroken_since: u64,
}

/// The servers' positions. Times are [`crate::monotonic::nanoseconds`].
#[derive(Debug, Clone)]
pub struct Positions {
    board: Arc<ArcSwap<Board>>,
}

impl Positions {
    pub(super) fn new() -> Self {
        Self { board: Arc::default() }
    }

    /// The board, for those who keep the last one.
    #[must_use]
    pub fn board(&self) -> Arc<ArcSwap<Board>> {
        Arc::clone(&self.board)
    }

    /// `server` answered a session's question that was sent at `asked_at`.
    pub fn note(&self, server: ServerId, bounds: Bounds, asked_at: u64) {
        let progress = Progress::new(server, bounds, asked_at);
        self.replace(&progress, |known| known.unbroken_since);
    }

    /// The same of a probe's, on a connection that has not broken since `unbroken_since`.
    pub fn note_probe(&self, server: ServerId, Told { asked_at, bounds, unbroken_since }: Told) {
        let progress = Progress::new(server, bounds, asked_at).unbroken_since(unbroken_since);
        self.replace(&progress, |_| unbroken_since);
    }

    fn replace(&self, progress: &Progress, unbroken_since: impl Fn(&Progress) -> u64) {
        self.board.rcu(|board| {
            let Some(known) = board.of(progress.server) else { return Arc::new(board.with(progress.clone())) };
            // The session's answer may be newer than the probe's that comes in later.
            let newest = if known.asked_at > progress.asked_at { known } else { progress };
            Arc::new(board.with(newest.clone().unbroken_since(unbroken_since(known))))
        });
    }

    /// `server` has executed `position`.
    pub fn note_reached(&self, server: ServerId, position: &Position) {
        self.board.rcu(|board| board.reached(server, position));
    }

    /// Forgets servers that are gone.
    pub(super) fn keep(&self, topology: &Topology) {
        self.board.rcu(|board| board.only(|id| topology.server(id).is_some()));
    }
}
