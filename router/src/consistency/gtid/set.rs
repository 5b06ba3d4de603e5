//! A set of transactions, bounded in size.

use thiserror::Error;

use super::intervals::Intervals;
use super::tail::Beyond;
use super::{Interval, Source};

/// A set of GTIDs: per source a sorted list of intervals.
///
/// Sources are sorted, too, and few: a server that was never cloned or promoted knows one. Nothing here allocates when
/// the number after a source's last one is added, which is what a session's next write does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GtidSet {
    sources: Vec<(Source, Intervals)>,
    /// Intervals of all sources together.
    intervals: usize,
}

/// A set would have more sources than [`GtidSet::MAX_SOURCES`] or more intervals than [`GtidSet::MAX_INTERVALS`]. Who
/// sees it must go on as if nothing were known: a set that lacks something is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("more than {} sources or {} intervals", GtidSet::MAX_SOURCES, GtidSet::MAX_INTERVALS)]
pub struct TooLarge;

impl GtidSet {
    /// UUIDs with their tags. A server collects one with each primary that it has ever followed.
    pub const MAX_SOURCES: usize = 256;
    /// Intervals of all sources together: some per applier thread where replicas commit out of order.
    pub const MAX_INTERVALS: usize = 4096;

    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { sources: Vec::new(), intervals: 0 }
    }

    /// Whether no transaction is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// How many transactions are here; u64::MAX stands for that and more.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.sources.iter().map(|(_, numbers)| numbers.count()).fold(0, u64::saturating_add)
    }

    /// Sources in order, with their intervals in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Source, &[Interval])> {
        self.sources.iter().map(|(source, numbers)| (source, numbers.as_slice()))
    }

    /// Adds transactions.
    ///
    /// # Errors
    /// [`TooLarge`], and the set is as it was.
    pub fn insert(&mut self, source: &Source, interval: Interval) -> Result<(), TooLarge> {
        // Almost every set has one source; comparing it is cheaper than searching.
        let found = match &self.sources[..] {
            [(only, _)] if only == source => Ok(0),
            many => many.binary_search_by(|(other, _)| other.cmp(source)),
        };
        match found {
            Ok(at) => {
                let numbers = &mut self.sources[at].1;
                if self.intervals >= Self::MAX_INTERVALS && numbers.grows_by(interval) > 0 {
                    return Err(TooLarge);
                }
                let before = numbers.as_slice().len();
                numbers.insert(interval);
                self.intervals = self.intervals + numbers.as_slice().len() - before;
            }
            Err(_) if self.sources.len() >= Self::MAX_SOURCES || self.intervals >= Self::MAX_INTERVALS => {
                return Err(TooLarge);
            }
            Err(at) => {
                let mut numbers = Intervals::default();
                numbers.insert(interval);
                self.sources.insert(at, (*source, numbers));
                self.intervals += 1;
            }
        }
        Ok(())
    }

    /// The source of all transactions, where there is one.
    pub(super) fn only_source(&self) -> Option<&Source> {
        match &self.sources[..] {
            [(only, _)] => Some(only),
            _ => None,
        }
    }

    /// Adds all that `other` has.
    ///
    /// # Errors
    /// [`TooLarge`]; then some of `other` has been added and some not.
    pub fn union(&mut self, other: &Self) -> Result<(), TooLarge> {
        for (source, theirs) in &other.sources {
            if let [only] = theirs.as_slice() {
                self.insert(source, *only)?;
                continue;
            }
            let at = match self.sources.binary_search_by(|(own, _)| own.cmp(source)) {
                Ok(at) => at,
                Err(_) if self.sources.len() >= Self::MAX_SOURCES => return Err(TooLarge),
                Err(at) => {
                    self.sources.insert(at, (*source, Intervals::default()));
                    at
                }
            };
            let numbers = &mut self.sources[at].1;
            let before = numbers.as_slice().len();
            numbers.union(theirs);
            self.intervals = self.intervals + numbers.as_slice().len() - before;
            if self.intervals > Self::MAX_INTERVALS {
                return Err(TooLarge);
            }
        }
        Ok(())
    }

    /// Whether every transaction of `other` is here.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let mut own = self.sources.iter();
        // Both lists are sorted: one walk over the two.
        other.sources.iter().all(|(source, wanted)| {
            own.find(|(candidate, _)| candidate >= source)
                .is_some_and(|(found, numbers)| found == source && numbers.contains(wanted))
        })
    }

    /// What this set has that `known` lacks.
    pub(super) fn beyond(&self, known: &Self) -> Beyond {
        // What a session waits for, as a rule: some numbers of the only source.
        if let ([(source, wanted)], [(found, numbers)]) = (&self.sources[..], &known.sources[..])
            && let ([last], [.., end]) = (wanted.as_slice(), numbers.as_slice())
            && end.first() <= last.first()
            && source == found
        {
            return match last.last() <= end.last() {
                true => Beyond::Nothing,
                false => Beyond::end(source, *end, *last),
            };
        }
        let mut beyond = Beyond::Nothing;
        let mut theirs = known.sources.iter();
        for (source, wanted) in &self.sources {
            let Some((found, numbers)) = theirs.find(|(candidate, _)| candidate >= source) else { return Beyond::More };
            if found != source {
                return Beyond::More;
            }
            if numbers.contains(wanted) {
                continue;
            }
            let ([.., end], [before @ .., last]) = (numbers.as_slice(), wanted.as_slice()) else { return Beyond::More };
            let follows = end.first() <= last.first() && numbers.contains_all(before);
            if !follows || !matches!(beyond, Beyond::Nothing) {
                return Beyond::More;
            }
            beyond = Beyond::end(source, *end, *last);
        }
        beyond
    }

    /// The same set, to which the numbers of `source` from the end of its last interval to `last` have come.
    pub(in crate::consistency) fn extended(mut self, source: &Source, last: u64) -> Self {
        let found = self.sources.iter_mut().find(|(own, _)| own == source);
        if let Some(numbers) = found.map(|(_, numbers)| numbers)
            && let Some(end) = numbers.as_slice().last()
            && let Some(interval) = Interval::new(end.first(), last.max(end.last()))
        {
            numbers.insert(interval);
        }
        self
    }

    /// How many transactions of this set are absent from `executed`: how far a server is behind it. u64::MAX stands for
    /// that and more.
    #[must_use]
    pub fn missing_from(&self, executed: &Self) -> u64 {
        let none = Intervals::default();
        let missing = self.sources.iter().map(|(source, wanted)| {
            let found = executed.sources.binary_search_by(|(other, _)| other.cmp(source));
            wanted.missing_from(found.map_or(&none, |at| &executed.sources[at].1))
        });
        missing.fold(0, u64::saturating_add)
    }
}
