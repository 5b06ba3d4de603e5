//! The numbers of one source: sorted ranges that neither overlap nor touch.

use super::MAX_NUMBER;

/// Transactions `first` to `last`, both included; `1 <= first <= last <=` [`MAX_NUMBER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    first: u64,
    last: u64,
}

/// A sorted list of intervals with at least one number between each two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Intervals(Vec<Interval>);

// === impl Interval ===

impl Interval {
    /// `first` to `last`; None where no server could have numbered so.
    #[must_use]
    pub const fn new(first: u64, last: u64) -> Option<Self> {
        if 1 <= first && first <= last && last <= MAX_NUMBER { Some(Self { first, last }) } else { None }
    }

    /// The first number.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The last number.
    #[must_use]
    pub const fn last(self) -> u64 {
        self.last
    }

    /// How many numbers.
    const fn len(self) -> u64 {
        self.last - self.first + 1
    }

    /// Overlaps with `other`, or stands directly beside it. No sum overflows: numbers end two below 2^63.
    const fn joins(self, other: Self) -> bool {
        self.first <= other.last + 1 && other.first <= self.last + 1
    }
}

// === impl Intervals ===

impl Intervals {
    pub(super) fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    /// Adds `new`. The usual cases, the number after the last one and one that is there already, do not allocate.
    pub(super) fn insert(&mut self, new: Interval) {
        if let Some(end) = self.0.last_mut()
            && end.first <= new.first
            && end.joins(new)
        {
            end.last = end.last.max(new.last);
            return;
        }
        let start = self.0.partition_point(|old| old.last + 1 < new.first);
        let joined = self.0[start..].iter().take_while(|old| old.joins(new)).count();
        let end = start + joined;
        let Some(outer) = self.0.get(start..end).filter(|old| !old.is_empty()) else {
            self.0.insert(start, new);
            return;
        };
        let last = outer[joined - 1].last.max(new.last);
        self.0[start] = Interval { first: outer[0].first.min(new.first), last };
        self.0.drain(start + 1..end);
    }

    /// How many intervals there would be at most after [`Self::insert`] of `new`: exact for what extends an interval.
    pub(super) fn grows_by(&self, new: Interval) -> usize {
        let start = self.0.partition_point(|old| old.last + 1 < new.first);
        usize::from(!self.0.get(start).is_some_and(|old| old.joins(new)))
    }

    /// Adds all of `other` in one walk over both.
    pub(super) fn union(&mut self, other: &Self) {
        if let [only] = other.0[..] {
            self.insert(only);
            return;
        }
        if self.contains(other) {
            return;
        }
        let mut merged: Vec<Interval> = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let Some(next) = match (left.peek(), right.peek()) {
            (Some(one), Some(two)) if one.first <= two.first => left.next(),
            (_, Some(_)) => right.next(),
            (Some(_), None) => left.next(),
            (None, None) => None,
        } {
            match merged.last_mut() {
                Some(end) if end.joins(*next) => end.last = end.last.max(next.last),
                _ => merged.push(*next),
            }
        }
        self.0 = merged;
    }

    /// Whether every number of `other` is here.
    pub(super) fn contains(&self, other: &Self) -> bool {
        self.contains_all(&other.0)
    }

    /// The same for some of its intervals.
    pub(super) fn contains_all(&self, wanted: &[Interval]) -> bool {
        wanted.iter().all(|wanted| {
            let at = self.0.partition_point(|own| own.last < wanted.last);
            self.0.get(at).is_some_and(|own| own.first <= wanted.first)
        })
    }

    /// How many of the numbers here are absent from `other`.
    pub(super) fn missing_from(&self, other: &Self) -> u64 {
        self.0.iter().map(|own| own.len() - other.overlap(*own)).fold(0, u64::saturating_add)
    }

    /// How many numbers.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|own| own.len()).fold(0, u64::saturating_add)
    }

    fn overlap(&self, range: Interval) -> u64 {
        let start = self.0.partition_point(|own| own.last < range.first);
        let shared = self.0[start..].iter().take_while(|own| own.first <= range.last);
        shared.map(|own| own.last.min(range.last) - own.first.max(range.first) + 1).sum()
    }
}
