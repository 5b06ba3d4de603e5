//! The text form of a set: reading and writing.

use std::fmt;

use thiserror::Error;

use super::{GtidSet, Interval, Source, Tag, TooLarge};

/// Why a text is not taken as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GtidError {
    /// Not the form of a GTID set, from this byte on.
    #[error("not a GTID set from byte {0} on")]
    Malformed(usize),
    /// A number that no server gives, or a range that ends before it begins, at this byte.
    #[error("no server gives the number at byte {0}")]
    OutOfRange(usize),
    /// It has the right form, and is over the limits.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl GtidSet {
    /// Reads a set: `@@gtid_executed`, the text of the GTID tracker, a token. Blanks may stand around commas and at both
    /// ends. Servers also take a UUID without numbers and a range that ends before it begins, as nothing; they are
    /// refused here, because a position that lacks something must not look like one.
    ///
    /// # Errors
    /// [`GtidError`]. What is allocated is bounded by the limits of a set, whatever the text says.
    pub fn parse(text: &[u8]) -> Result<Self, GtidError> {
        let mut set = Self::new();
        set.insert_text(text)?;
        Ok(set)
    }

    /// Adds what [`Self::parse`] would read, without a set in between.
    ///
    /// # Errors
    /// [`GtidError`]; then some of it has been added and some not.
    pub fn insert_text(&mut self, text: &[u8]) -> Result<(), GtidError> {
        if let Some((source, number)) = self.number_of_only_source(text) {
            return Ok(self.insert(&source, number)?);
        }
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let mut at = 0;
        for part in text.split(|byte| *byte == b',') {
            let blanks = part.len() - part.trim_ascii_start().len();
            self.parse_source(part.trim_ascii(), at + blanks)?;
            at += part.len() + 1;
        }
        Ok(())
    }

    /// The number in a text of one, of the only source that there is, as a server writes it: each write of a session brings one.
    fn number_of_only_source(&self, text: &[u8]) -> Option<(Source, Interval)> {
        let source = self.only_source().filter(|source| source.tag == Tag::NONE)?;
        let (name, [b':', digits @ ..]) = text.split_at_checked(Source::UUID_LENGTH)? else { return None };
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if !is_number || name != source.uuid_text(&mut Source::uuid_room()).as_bytes() {
            return None;
        }
        let number = parse_number(digits, 0).ok()?;
        Some((*source, Interval::new(number, number)?))
    }

    /// `uuid:[tag:]interval[:[tag:]interval]…`; `at` is where the part stands in the text.
    fn parse_source(&mut self, part: &[u8], at: usize) -> Result<(), GtidError> {
        let mut items = part.split(|byte| *byte == b':');
        let name = items.next().unwrap_or_default();
        let uuid = Source::uuid(name).ok_or(GtidError::Malformed(at))?;
        let mut source = Source { uuid, tag: Tag::NONE };
        let mut place = at + name.len() + 1;
        let mut waits_for_interval = true;
        for item in items {
            match item.first() {
                Some(b'0'..=b'9') => {
                    self.insert(&source, parse_interval(item, place)?)?;
                    waits_for_interval = false;
                }
                // A tag directly behind a tag would be one without intervals.
                Some(_) if source.tag == Tag::NONE || !waits_for_interval => {
                    source.tag = Tag::parse(item).ok_or(GtidError::Malformed(place))?;
                    waits_for_interval = true;
                }
                _ => return Err(GtidError::Malformed(place)),
            }
            place += item.len() + 1;
        }
        if waits_for_interval { Err(GtidError::Malformed(place.saturating_sub(1))) } else { Ok(()) }
    }

    /// Appends the text on one line, for statements and tokens.
    ///
    /// # Errors
    /// What `out` says: a String never fails.
    pub fn put_compact(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.write(out, ",")
    }

    /// By hand: every wait for a replica writes one, and `write!` costs as much as all the rest of it.
    fn write(&self, out: &mut impl fmt::Write, separator: &str) -> fmt::Result {
        let mut digits = itoa::Buffer::new();
        let mut previous = None;
        for (source, intervals) in self.iter() {
            if previous != Some(source.uuid) {
                out.write_str(if previous.is_some() { separator } else { "" })?;
                source.write_uuid(out)?;
                previous = Some(source.uuid);
            }
            if source.tag != Tag::NONE {
                out.write_char(':')?;
                out.write_str(source.tag.as_str())?;
            }
            for interval in intervals {
                out.write_char(':')?;
                out.write_str(digits.format(interval.first()))?;
                if interval.last() > interval.first() {
                    out.write_char('-')?;
                    out.write_str(digits.format(interval.last()))?;
                }
            }
        }
        Ok(())
    }
}

/// As servers write it: a comma and a new line between UUIDs.
impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, ",\n")
    }
}

/// `m[-n]`
fn parse_interval(text: &[u8], at: usize) -> Result<Interval, GtidError> {
    let (first, last) = match text.iter().position(|byte| *byte == b'-') {
        Some(dash) => (parse_number(&text[..dash], at)?, parse_number(&text[dash + 1..], at + dash + 1)?),
        None => {
            let number = parse_number(text, at)?;
            (number, number)
        }
    };
    Interval::new(first, last).ok_or(GtidError::OutOfRange(at))
}

/// Decimal digits and nothing else, at least one.
pub(super) fn parse_number(text: &[u8], at: usize) -> Result<u64, GtidError> {
    if text.is_empty() {
        return Err(GtidError::Malformed(at));
    }
    text.iter().enumerate().try_fold(0_u64, |number, (index, byte)| match byte {
        b'0'..=b'9' => number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u64::from(byte - b'0')))
            .ok_or(GtidError::OutOfRange(at)),
        _ => Err(GtidError::Malformed(at + index)),
    })
}
