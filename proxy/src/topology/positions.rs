//! How far the servers are: probes and sessions note what they have seen, all workers read it.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use rolecall_router::consistency::{Board, Bounds, Position, Progress};
use rolecall_router::topology::{ServerId, Topology};

/// The servers' positions, and the clock by which answers are older or newer than reads.
#[derive(Debug, Clone)]
pub struct Positions {
    board: Arc<ArcSwap<Board>>,
    origin: Instant,
}

impl Positions {
    pub(super) fn new() -> Self {
        Self { board: Arc::default(), origin: Instant::now() }
    }

    /// The board, for those who keep the last one.
    #[must_use]
    pub fn board(&self) -> Arc<ArcSwap<Board>> {
        Arc::clone(&self.board)
    }

    /// Nanoseconds by the clock of [`rolecall_router::consistency::Causality`].
    #[must_use]
    pub fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }

    /// `server` answered a question that was sent at `asked`.
    pub fn note(&self, server: ServerId, bounds: Bounds, asked: Instant) {
        let progress = Progress::new(server, bounds, self.nanoseconds(asked));
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
