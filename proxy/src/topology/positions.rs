//! How far the servers are: probes and sessions note what they have seen, all workers read it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rolecall_router::consistency::{Board, Bounds, Position, Progress};
use rolecall_router::topology::{ServerId, Topology};

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

    /// `server` answered a question that was sent at `asked_at`.
    pub fn note(&self, server: ServerId, bounds: Bounds, asked_at: u64) {
        let progress = Progress::new(server, bounds, asked_at);
        self.board.rcu(|board| {
            // The session's answer may be newer than the probe's that comes in later.
            let is_old = board.of(server).is_some_and(|known| known.asked_at > progress.asked_at);
            if is_old { Arc::clone(board) } else { Arc::new(board.with(progress.clone())) }
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
