//! MariaDB's replication position: per domain, the last transaction.

use std::fmt;

use thiserror::Error;

/// A list of GTIDs `domain-server-sequence` with at most one per domain: `@@gtid_binlog_pos`, `@@gtid_current_pos`,
/// `@@gtid_slave_pos`, `@@last_gtid`. Within a domain sequence numbers only grow, as long as one server at a time writes
/// to it, and all of a domain is applied in order: the last number stands for all before it.
///
/// <https://mariadb.com/docs/server/ha-and-performance/standard-replication/gtid>
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MariadbPosition {
    /// Sorted by domain.
    domains: Vec<MariadbGtid>,
}

/// The last transaction of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MariadbGtid {
    /// `gtid_domain_id`
    pub domain: u32,
    /// `server_id` of the server where it was first committed. It says nothing about order.
    pub server: u32,
    /// The sequence number.
    pub sequence: u64,
}

/// Why a text is not taken as a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MariadbGtidError {
    /// Not `domain-server-sequence[,…]`, from this byte on.
    #[error("not a list of MariaDB's GTIDs from byte {0} on")]
    Malformed(usize),
    /// More than [`MariadbPosition::MAX_DOMAINS`] domains.
    #[error("more than {} replication domains", MariadbPosition::MAX_DOMAINS)]
    TooLarge,
}

impl MariadbPosition {
    /// Domains in a position.
    pub const MAX_DOMAINS: usize = 256;

    /// Reads a list. As in the server no blanks are allowed, numbers have 32, 32 and 64 bits, and a domain that is named
    /// twice counts with its highest number (measured on MariaDB 11.8: MASTER_GTID_WAIT).
    ///
    /// # Errors
    /// [`MariadbGtidError`]
    pub fn parse(text: &[u8]) -> Result<Self, MariadbGtidError> {
        let mut position = Self::default();
        position.insert_text(text)?;
        Ok(position)
    }

    /// Adds what [`Self::parse`] would read, without a position in between.
    ///
    /// # Errors
    /// [`MariadbGtidError`]; then some of it has been added and some not.
    pub fn insert_text(&mut self, text: &[u8]) -> Result<(), MariadbGtidError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut at = 0;
        for part in text.split(|byte| *byte == b',') {
            let gtid = MariadbGtid::parse(part).ok_or(MariadbGtidError::Malformed(at))?;
            self.insert(gtid)?;
            at += part.len() + 1;
        }
        Ok(())
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// Moves on to `gtid`, if that is further. A domain that is there already costs no allocation.
    ///
    /// # Errors
    /// [`MariadbGtidError::TooLarge`], and the position is as it was.
    pub fn insert(&mut self, gtid: MariadbGtid) -> Result<(), MariadbGtidError> {
        match self.domains.binary_search_by_key(&gtid.domain, |own| own.domain) {
            Ok(at) if self.domains[at].sequence < gtid.sequence => self.domains[at] = gtid,
            Ok(_) => {}
            // Nothing has the number 0: it is where a domain begins.
            Err(_) if gtid.sequence == 0 => {}
            Err(_) if self.domains.len() >= Self::MAX_DOMAINS => return Err(MariadbGtidError::TooLarge),
            Err(at) => self.domains.insert(at, gtid),
        }
        Ok(())
    }

    /// Moves on to whatever is further in `other`, domain by domain.
    ///
    /// # Errors
    /// [`MariadbGtidError::TooLarge`]; then some of `other` has been taken and some not.
    pub fn merge(&mut self, other: &Self) -> Result<(), MariadbGtidError> {
        other.domains.iter().try_for_each(|gtid| self.insert(*gtid))
    }

    /// Whether this position is as far as `wanted` in every domain of `wanted`: what MASTER_GTID_WAIT waits for.
    #[must_use]
    pub fn covers(&self, wanted: &Self) -> bool {
        wanted.domains.iter().all(|gtid| self.sequence(gtid.domain) >= gtid.sequence)
    }

    /// How many sequence numbers of this position `executed` has not reached; u64::MAX stands for that and more.
    #[must_use]
    pub fn missing_from(&self, executed: &Self) -> u64 {
        let missing = self.domains.iter().map(|own| own.sequence.saturating_sub(executed.sequence(own.domain)));
        missing.fold(0, u64::saturating_add)
    }

    fn sequence(&self, domain: u32) -> u64 {
        let found = self.domains.binary_search_by_key(&domain, |own| own.domain);
        found.map_or(0, |at| self.domains[at].sequence)
    }
}

impl MariadbGtid {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b'-');
        let mut next = || parts.next().and_then(number);
        let (domain, server, sequence) = (next()?, next()?, next()?);
        let (domain, server) = (u32::try_from(domain).ok()?, u32::try_from(server).ok()?);
        parts.next().is_none().then_some(Self { domain, server, sequence })
    }
}

impl MariadbPosition {
    /// Appends the text. By hand, as [`super::gtid::GtidSet`] is written.
    ///
    /// # Errors
    /// What `out` says: a String never fails.
    pub fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut digits = itoa::Buffer::new();
        for (index, gtid) in self.domains.iter().enumerate() {
            if index > 0 {
                out.write_char(',')?;
            }
            out.write_str(digits.format(gtid.domain))?;
            out.write_char('-')?;
            out.write_str(digits.format(gtid.server))?;
            out.write_char('-')?;
            out.write_str(digits.format(gtid.sequence))?;
        }
        Ok(())
    }
}

/// As servers write it, sorted by domain.
impl fmt::Display for MariadbPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

/// Decimal digits and nothing else, at least one.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(text: &str) -> MariadbPosition {
        MariadbPosition::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn lists_are_read_as_the_server_reads_them() {
        for (given, canonical) in [
            ("", ""),
            ("0-3-3", "0-3-3"),
            ("5-3-7,0-3-3,2-3-1", "0-3-3,2-3-1,5-3-7"),
            ("0-3-1,0-4-2", "0-4-2"),
            ("0-4-2,0-3-1", "0-4-2"),
            ("00-3-1", "0-3-1"),
            ("0-3-0", ""),
            ("4294967295-4294967295-18446744073709551615", "4294967295-4294967295-18446744073709551615"),
        ] {
            assert_eq!(position(given).to_string(), canonical, "{given}");
        }
        for (bad, at) in [
            ("junk", 0),
            ("0-3-1,", 6),
            (" 0-3-1 , 5-3-1", 0),
            ("0-3-1,5-3", 6),
            ("0-3-1-2", 0),
            ("0--3-1", 0),
            ("4294967296-1-1", 0),
            ("0-4294967296-1", 0),
            ("0-3-18446744073709551616", 0),
            ("0-3-+1", 0),
        ] {
            assert_eq!(MariadbPosition::parse(bad.as_bytes()), Err(MariadbGtidError::Malformed(at)), "{bad}");
        }
    }

    #[test]
    fn too_many_domains_are_no_position() {
        let list = |count| (0..count).map(|domain| format!("{domain}-1-1")).collect::<Vec<_>>().join(",");
        let mut full = position(&list(MariadbPosition::MAX_DOMAINS));
        let more = list(MariadbPosition::MAX_DOMAINS + 1);
        assert_eq!(MariadbPosition::parse(more.as_bytes()), Err(MariadbGtidError::TooLarge));
        assert_eq!(full.merge(&position("9000-1-1")), Err(MariadbGtidError::TooLarge));
        assert_eq!(full.merge(&position("7-1-9")), Ok(()));
    }

    #[test]
    fn a_position_covers_what_is_not_further_whoever_wrote_it() {
        // Measured on MariaDB 11.8 with gtid_slave_pos 0-3-3: MASTER_GTID_WAIT('0-4-2') is 0, '0-3-4' times out.
        let reached = position("0-3-3,2-3-1");
        assert!(reached.covers(&position("0-4-2")));
        assert!(!reached.covers(&position("0-3-4")));
        assert!(!reached.covers(&position("0-3-1,7-1-1")));
        assert_eq!(position("0-3-9,7-1-2").missing_from(&reached), 8);
    }

    fn any_position() -> impl Strategy<Value = MariadbPosition> {
        prop::collection::vec((0_u32..4, 1_u32..3, 0_u64..6), 0..6).prop_map(|gtids| {
            let mut position = MariadbPosition::default();
            for (domain, server, sequence) in gtids {
                position.insert(MariadbGtid { domain, server, sequence }).expect("few domains");
            }
            position
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_merge_covers_both_and_nothing_beyond(one in any_position(), two in any_position(), three in any_position()) {
            let mut both = one.clone();
            both.merge(&two).expect("few domains");
            prop_assert!(both.covers(&one) && both.covers(&two));
            prop_assert_eq!(three.covers(&both), three.covers(&one) && three.covers(&two));
            prop_assert_eq!(one.covers(&two), two.missing_from(&one) == 0);
            prop_assert_eq!(MariadbPosition::parse(both.to_string().as_bytes()), Ok(both));
        }

        #[test]
        fn any_bytes_give_a_position_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = MariadbPosition::parse(&bytes);
        }
    }
}
