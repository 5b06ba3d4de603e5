//! What the session's connection holds by name: a pin ends when the last of it is let go.

use std::collections::{BTreeMap, BTreeSet};

use super::Pins;
use crate::sql::HeldChange;

/// The pins that end with the last name.
const BY_NAME: Pins = Pins::TEMPORARY_TABLE.union(Pins::NAMED_LOCK).union(Pins::TEXT_PREPARED);

/// Names that are remembered; a session that holds more stays pinned.
const LIMIT: usize = 256;

/// Temporary tables, named locks and statements prepared by text, as far as statements named them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// By schema and name.
    tables: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// How often each was taken.
    locks: BTreeMap<Vec<u8>, u32>,
    /// Statements prepared by text, with the text where it is known.
    prepared: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Something else may have changed what is held: these pins last until the session is reset.
    unclear: Pins,
}

impl Held {
    /// A statement was accepted in a session whose default schema is `schema`; gives the pins that end.
    pub fn changed(&mut self, change: HeldChange, schema: &[u8]) -> Pins {
        let full = |(named, table): (Option<Vec<u8>>, Vec<u8>)| (named.unwrap_or_else(|| schema.to_vec()), table);
        match change {
            HeldChange::CreatesTable(table) => {
                self.tables.insert(full(table));
            }
            HeldChange::DropsTables(tables) => {
                for table in tables {
                    self.tables.remove(&full(table));
                }
                return self.ended(Pins::TEMPORARY_TABLE, self.tables.is_empty());
            }
            HeldChange::TakesLock(lock) => *self.locks.entry(lock).or_default() += 1,
            HeldChange::ReleasesLock(lock) => {
                if let Some(count) = self.locks.get_mut(&lock) {
                    *count -= 1;
                    if *count == 0 {
                        self.locks.remove(&lock);
                    }
                }
                return self.ended(Pins::NAMED_LOCK, self.locks.is_empty());
            }
            HeldChange::ReleasesAllLocks => {
                self.locks.clear();
                self.unclear -= Pins::NAMED_LOCK;
                return Pins::NAMED_LOCK;
            }
            HeldChange::EndsXa => return Pins::XA,
            HeldChange::Prepares { name, text } => {
                self.prepared.insert(name, text);
            }
            HeldChange::Deallocates(name) => {
                self.prepared.remove(&name);
                return self.ended(Pins::TEXT_PREPARED, self.prepared.is_empty());
            }
        }
        if self.tables.len() + self.locks.len() + self.prepared.len() > LIMIT {
            self.unclear |= BY_NAME;
            self.prepared.clear();
        }
        Pins::empty()
    }

    /// What became of these is not told by names.
    pub fn lose_sight(&mut self, pins: Pins) {
        self.unclear |= pins & BY_NAME;
    }

    /// The text of the statement that was prepared under this name.
    pub fn text(&self, name: &[u8]) -> Option<&[u8]> {
        self.prepared.get(name)?.as_deref().filter(|_| !self.unclear.contains(Pins::TEXT_PREPARED))
    }

    fn ended(&self, pin: Pins, nothing_left: bool) -> Pins {
        if nothing_left && !self.unclear.contains(pin) { pin } else { Pins::empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> (Option<Vec<u8>>, Vec<u8>) {
        (None, name.into())
    }

    #[test]
    fn c13_the_pin_ends_with_the_last_table() {
        let mut held = Held::default();
        assert_eq!(held.changed(HeldChange::CreatesTable(table("a")), b"s"), Pins::empty());
        assert_eq!(held.changed(HeldChange::CreatesTable((Some("s".into()), "b".into())), b"other"), Pins::empty());
        assert_eq!(
            held.changed(HeldChange::DropsTables(vec![table("a")]), b"other"),
            Pins::empty(),
            "another schema's"
        );
        assert_eq!(held.changed(HeldChange::DropsTables(vec![table("a")]), b"s"), Pins::empty(), "b is left");
        assert_eq!(held.changed(HeldChange::DropsTables(vec![table("b")]), b"s"), Pins::TEMPORARY_TABLE);
        held.lose_sight(Pins::TEMPORARY_TABLE);
        assert_eq!(held.changed(HeldChange::DropsTables(vec![table("c")]), b"s"), Pins::empty());
    }

    #[test]
    fn d_the_pin_ends_with_the_last_statement_prepared_by_text() {
        let prepares = |name: &str| HeldChange::Prepares { name: name.into(), text: Some(b"SELECT 1".to_vec()) };
        let mut held = Held::default();
        held.changed(prepares("a"), b"");
        held.changed(prepares("b"), b"");
        assert_eq!(held.text(b"a"), Some(b"SELECT 1".as_slice()));
        assert_eq!(held.changed(HeldChange::Deallocates(b"a".to_vec()), b""), Pins::empty());
        assert_eq!(held.text(b"a"), None);
        assert_eq!(held.changed(HeldChange::Deallocates(b"b".to_vec()), b""), Pins::TEXT_PREPARED);
        held.lose_sight(Pins::TEXT_PREPARED);
        held.changed(prepares("a"), b"");
        assert_eq!(held.text(b"a"), None, "it may be another's");
        assert_eq!(held.changed(HeldChange::Deallocates(b"a".to_vec()), b""), Pins::empty());
    }

    #[test]
    fn c19_a_lock_that_was_taken_twice_is_held_until_it_is_released_twice() {
        let mut held = Held::default();
        for _ in 0..2 {
            held.changed(HeldChange::TakesLock("'a'".into()), b"");
        }
        assert_eq!(held.changed(HeldChange::ReleasesLock("'a'".into()), b""), Pins::empty());
        assert_eq!(held.changed(HeldChange::ReleasesLock("'a'".into()), b""), Pins::NAMED_LOCK);
        held.lose_sight(Pins::NAMED_LOCK);
        held.changed(HeldChange::TakesLock("'a'".into()), b"");
        assert_eq!(held.changed(HeldChange::ReleasesLock("'a'".into()), b""), Pins::empty());
        assert_eq!(held.changed(HeldChange::ReleasesAllLocks, b""), Pins::NAMED_LOCK);
    }
}
