//! Sets of MySQL's global transaction identifiers.
//!
//! The text form, measured on MySQL 9.7.4: `uuid:1-5:9:tag:1-3,\nuuid:…`. A tag stands in front of the intervals that
//! it belongs to, the untagged ones come first; UUIDs and tags are in lower case and sorted; intervals that overlap or
//! touch are merged. Numbers end at 2^63-2: the manual says 2^63-1, which the server refuses (error 1772).

mod intervals;
mod owned;
mod set;
mod source;
mod tail;
mod text;

#[cfg(test)]
mod tests;

pub use intervals::Interval;
pub use set::{GtidSet, TooLarge};
pub use source::{Source, Tag};
pub(super) use tail::Tail;
pub use text::GtidError;

/// The highest number that a server gives to a transaction.
pub const MAX_NUMBER: u64 = i64::MAX as u64 - 1;
