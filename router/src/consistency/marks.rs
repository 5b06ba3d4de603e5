//! Where the primary was when: a heartbeat made of positions, without a table to write to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Position;

/// The primary's positions over the last probes, each with the last time at which the primary had no more than that.
///
/// A replica that has executed what the primary had executed at 12:00:00 is, at 12:00:03, at most three seconds behind:
/// the age of the newest mark that it covers. The figure is as fine as the probes are frequent; a replica that covers
/// the newest mark is as near as can be told, and counts with 0.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Oldest first; each is further than the one before.
    marks: VecDeque<(Duration, Arc<Position>)>,
}

impl Marks {
    /// Marks that are remembered. The newest half stands as close as the probes, the older ones ever further apart: some
    /// 190 probes are in sight.
    pub const MAX: usize = 64;

    /// The primary had executed `position` when it was asked at `asked_at`.
    pub fn add(&mut self, position: &Arc<Position>, asked_at: Duration) {
        if **position == Position::Unknown {
            return;
        }
        if let Some((time, last)) = self.marks.back_mut()
            && last == position
        {
            *time = asked_at.max(*time);
            return;
        }
        if self.marks.back().is_some_and(|(_, last)| !last.is_covered_by(position)) {
            // It went back: another primary, or one that lost something. The old marks say nothing about it.
            self.marks.clear();
        }
        if self.marks.len() == Self::MAX {
            // Every second one is kept, the newest among them.
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 0
            });
        }
        self.marks.push_back((asked_at, position.clone()));
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How old the state is that a server with `executed` shows at `now`: at most this; at least this where it covers no
    /// mark (then the figure grows as time passes). None where nothing is known.
    #[must_use]
    pub fn age(&self, executed: &Position, now: Duration) -> Option<Duration> {
        if *executed == Position::Unknown || self.marks.is_empty() {
            return None;
        }
        let covered = self.marks.iter().rposition(|(_, position)| position.is_covered_by(executed));
        match covered {
            Some(newest) if newest + 1 == self.marks.len() => Some(Duration::ZERO),
            Some(newest) => Some(now.saturating_sub(self.marks[newest].0)),
            None => Some(now.saturating_sub(self.marks[0].0)),
        }
    }
}
