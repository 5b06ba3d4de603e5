//! How far a set's newest numbers have come since it was told: noted in place, by many threads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{GtidSet, Interval, Source};

/// The numbers of one source that follow the last one of a set, without a gap between.
///
/// It belongs to one set for good: another set's last number is another one. The source is that of the first numbers that
/// followed, which is the primary's of the time; of others nothing is kept.
#[derive(Debug, Default)]
pub(in crate::consistency) struct Tail {
    source: OnceLock<Source>,
    /// The last number, where it is behind the set's last one.
    last: AtomicU64,
}

/// What one set has that another one lacks.
pub(super) enum Beyond {
    Nothing,
    /// Numbers of one source from the other set's last interval on: the first of them may be there.
    End {
        source: Source,
        /// The last number that is there.
        known: u64,
        first: u64,
        last: u64,
    },
    More,
}

impl Beyond {
    /// `last` of `source`, which begins in or behind the other set's last interval `known`.
    pub(super) const fn end(source: &Source, known: Interval, last: Interval) -> Self {
        Self::End { source: *source, known: known.last(), first: last.first(), last: last.last() }
    }
}

impl Tail {
    /// `set` and this tail have `position` from now on. False, and nothing is noted, where that is more than a tail.
    pub(in crate::consistency) fn note(&self, set: &GtidSet, position: &GtidSet) -> bool {
        match position.beyond(set) {
            Beyond::Nothing => true,
            Beyond::End { source, known, first, last } => {
                // The last number only grows: what follows it now follows it later, too.
                let follows = first <= known.max(self.last.load(Ordering::Relaxed)) + 1;
                let is_noted = follows && *self.source.get_or_init(|| source) == source;
                if is_noted {
                    self.last.fetch_max(last, Ordering::Relaxed);
                }
                is_noted
            }
            Beyond::More => false,
        }
    }

    /// Whether `set` and this tail have all of `position`.
    pub(in crate::consistency) fn covers(&self, set: &GtidSet, position: &GtidSet) -> bool {
        match position.beyond(set) {
            Beyond::Nothing => true,
            Beyond::End { source, last, .. } => {
                self.source.get() == Some(&source) && last <= self.last.load(Ordering::Relaxed)
            }
            Beyond::More => false,
        }
    }

    /// How many transactions of `position` neither `set` nor this tail has.
    pub(in crate::consistency) fn missing(&self, set: &GtidSet, position: &GtidSet) -> u64 {
        match (position.beyond(set), self.end()) {
            (Beyond::Nothing, _) => 0,
            (Beyond::End { source, known, first, last }, end) => {
                let tail = end.filter(|(own, _)| *own == source).map_or(0, |(_, last)| last);
                last.saturating_sub(known.max(tail).max(first - 1))
            }
            (Beyond::More, Some((source, last))) => position.missing_from(&set.clone().extended(&source, last)),
            (Beyond::More, None) => position.missing_from(set),
        }
    }

    /// The source and the last number, where there is any.
    pub(in crate::consistency) fn end(&self) -> Option<(Source, u64)> {
        let last = self.last.load(Ordering::Relaxed);
        self.source.get().filter(|_| last > 0).map(|source| (*source, last))
    }
}
