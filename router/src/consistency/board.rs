//! What is known of all servers' positions: an immutable snapshot, swapped as a whole.

use super::{Position, Progress};
use crate::topology::ServerId;

/// The last [`Progress`] of each server. Servers are few: a list.
#[derive(Debug, Clone, Default)]
pub struct Board(Vec<Progress>);

impl Board {
    /// What is known of `server`.
    #[must_use]
    pub fn of(&self, server: ServerId) -> Option<&Progress> {
        self.0.iter().find(|progress| progress.server == server)
    }

    /// The same board with a newer answer. What waits had proven of that server before is forgotten: it may have been
    /// restarted with less.
    #[must_use]
    pub fn with(&self, progress: Progress) -> Self {
        let others = self.0.iter().filter(|known| known.server != progress.server).cloned();
        Self(others.chain([progress.clone()]).collect())
    }

    /// The same board after a wait for `position` at `server` that was [`super::WaitAnswer::Reached`]. Of a server that
    /// has never answered a probe nothing is noted.
    #[must_use]
    pub fn reached(&self, server: ServerId, position: &Position) -> Self {
        let note = |known: &Progress| if known.server == server { known.reached(position) } else { known.clone() };
        Self(self.0.iter().map(note).collect())
    }

    /// The same board for these servers alone.
    #[must_use]
    pub fn only(&self, servers: impl Fn(ServerId) -> bool) -> Self {
        Self(self.0.iter().filter(|known| servers(known.server)).cloned().collect())
    }
}
