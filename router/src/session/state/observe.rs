//! What replies tell of a session.

use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::session_track::SessionStateChange;
use rolecall_protocol::{ProtocolError, StatusFlags};

use super::{SessionState, Warnings};
use crate::session::diff::{BY_NAMES, CHARACTER_SET, COLLATION};
use crate::session::tracking::{is_harmless, is_replayed};
use crate::session::{Pins, View};
use crate::sql::{Access, Effects, Flavour, Statement, Verb, is_flag};
use crate::topology::ServerId;

/// Bytes of GTIDs that one command's OK packets may name.
const GTIDS_LIMIT: usize = 64 * 1024;

/// ER_PARSE_ERROR
const PARSE_ERROR: u16 = 1064;

/// What one reply told, for the caller's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// Pins that are new.
    pub pinned: Pins,
}

impl SessionState {
    /// One OK packet of `statement`'s reply from `server`, whose connection believes `view`; `rows` came before it in its
    /// result.
    ///
    /// # Errors
    /// Session-state changes that cannot be read: the connection's state is not known then.
    pub fn observe_ok(
        &mut self,
        server: ServerId,
        view: &mut View,
        ok: &OkPacket,
        statement: &Statement,
        rows: u64,
    ) -> Result<Observed, ProtocolError> {
        self.last = Some(server);
        self.told.observe_ok(ok, statement, rows, self.lexing.flavour);
        if self.doubt_flags(ok, statement) {
            self.bump(view);
        }
        self.observe_status(view, ok.status);
        self.warnings = Warnings::Known(ok.warnings);
        let was_open = self.transaction.is_some();
        let in_transaction = ok.status.contains(StatusFlags::IN_TRANS) && !crate::left_out!("transaction");
        self.transaction = in_transaction.then_some(server);
        self.uncertain = None;
        // On MariaDB no report is to come: it stays until somebody asks.
        let has_failed = self.lexing.flavour == Flavour::Mysql && self.hidden_code_at.take().is_some();
        let may_be_hidden_codes = has_failed || statement.verb == Verb::Dml;
        if self.pins.intersects(Pins::ONE_SHOT | Pins::FOUND_ROWS) {
            let ends_one =
                was_open || matches!(statement.verb, Verb::Commit | Verb::Rollback) || self.tells_of_gtids(ok);
            self.end_passing_pins(statement, ends_one && self.transaction.is_none());
        }
        if statement.verb == Verb::Savepoint && !in_transaction && !self.is_autocommit() {
            // It is part of the transaction that the next statement begins, though no status tells of it.
            self.pin(Pins::ONE_SHOT, server);
        }
        if ok.state_changes.is_empty() && statement.effects.is_empty() {
            return Ok(Observed::default());
        }
        let before = self.pins;
        let unexplained = if statement.effects.contains(Effects::PASSING_VALUES) {
            // What it reports has passed. What holds comes with a later OK (sessions.md 2).
            false
        } else {
            // DEALLOCATE is one, too.
            self.observe_changes(view, ok, statement.effects, may_be_hidden_codes)? && statement.verb != Verb::Prepared
        };
        // Of several statements in one text the first OK tells nothing of the last.
        if statement.effects.contains(Effects::UNLOCKS) && statement.verb != Verb::Several {
            self.unpin(Pins::TABLE_LOCK);
        }
        self.note_effects(server, statement);
        if unexplained {
            self.pin(Pins::UNEXPLAINED, server);
        }
        Ok(Observed { pinned: self.pins - before })
    }

    /// MariaDB: whether flags may have been set of which the report names another one, or none (`SET autocommit = 0` and then
    /// another flag is reported as autocommit).
    fn doubt_flags(&mut self, ok: &OkPacket, statement: &Statement) -> bool {
        if self.lexing.flavour != Flavour::Mariadb || ok.state_changes.is_empty() {
            return false;
        }
        let is_toggled = (ok.status ^ self.status).contains(StatusFlags::AUTOCOMMIT);
        let is_reported = |change| match change {
            SessionStateChange::SystemVariable { name, .. } => {
                is_flag(name, Flavour::Mariadb) || (name == b"autocommit" && !is_toggled)
            }
            _ => false,
        };
        let is_in_doubt = statement.effects.contains(Effects::SETS_FLAGS) || ok.changes().flatten().any(is_reported);
        if is_in_doubt {
            self.flags_unread_at = self.last;
        }
        is_in_doubt
    }

    /// Status flags decide over trackers: autocommit and the loss of the schema are told by them where trackers are
    /// silent (MariaDB's `SET @@autocommit`, DROP DATABASE on both).
    fn observe_status(&mut self, view: &mut View, status: StatusFlags) {
        if (status ^ self.status).contains(StatusFlags::AUTOCOMMIT) {
            let value: &[u8] = if status.contains(StatusFlags::AUTOCOMMIT) { b"ON" } else { b"OFF" };
            self.put_variable(view, b"autocommit", value);
            self.bump(view);
        }
        if status.contains(StatusFlags::DB_DROPPED) && !self.schema.is_empty() {
            self.schema.clear();
            view.schema.clear();
            self.bump(view);
        }
        self.status = status;
    }

    /// The statement ended in an error, which tells neither status nor state (sessions.md 1): until the next OK the
    /// session stays where it is. A word that no server knows has done nothing.
    pub fn observe_err(&mut self, server: ServerId, statement: &Statement, err: &ErrPacket) {
        self.last = Some(server);
        self.told.observe_err(err, statement, self.lexing.flavour);
        self.warnings = Warnings::KnownTo(server);
        if statement.effects.contains(Effects::UNKNOWN_WORD) && err.code == PARSE_ERROR {
            return;
        }
        // Without autocommit a statement that fails has begun a transaction, which no ERR tells.
        let may_begin = !self.is_autocommit();
        let leaves = !statement.effects.difference(Effects::READS_INSERT_ID).is_empty();
        // What a trigger set before it failed is told with the next OK (trap C28).
        let runs_triggers = statement.verb == Verb::Dml;
        if runs_triggers {
            self.hidden_code_at = Some(server);
        }
        if self.transaction.is_some() || may_begin || leaves || runs_triggers || statement.verb == Verb::Several {
            self.uncertain = (!crate::left_out!("doubt")).then_some(server);
            self.note_effects_of_failed(server, statement);
        }
    }

    /// A statement that failed has made no table, taken no table's lock and so on, if its text is all that ran.
    fn note_effects_of_failed(&mut self, server: ServerId, statement: &Statement) {
        let is_seen_through = statement.verb != Verb::Several && !statement.effects.contains(Effects::UNKNOWN_ROUTINE);
        let not_there = match is_seen_through {
            true => Pins::OF_SUCCESS,
            false => Pins::empty(),
        };
        let pins = Pins::of(statement) - not_there;
        if !pins.is_empty() {
            self.pin(pins, server);
        }
    }

    /// Takes over what trackers report; says whether state changed that neither they nor `effects` explain. `may_be_hidden_codes`:
    /// code that sets a variable of the system's may have set user variables, too, which have no report of their own.
    fn observe_changes(
        &mut self,
        view: &mut View,
        ok: &OkPacket,
        effects: Effects,
        may_be_hidden_codes: bool,
    ) -> Result<bool, ProtocolError> {
        let mut changed = false;
        // Whether other connections have to be told something: not so for GTIDs, which each write brings.
        let mut is_different = false;
        let (mut collation, mut character_sets) = (false, 0);
        let mut explained = effects.intersects(!(Effects::READ_ONLY | Effects::READS_INSERT_ID))
            || std::mem::take(&mut self.expects_state_change);
        for change in ok.changes() {
            match change? {
                SessionStateChange::SystemVariable { name, value } => {
                    explained |= !may_be_hidden_codes || !is_replayed(name);
                    if name == b"last_gtid" {
                        self.note_gtids(value);
                    }
                    collation |= name == COLLATION;
                    character_sets |= character_set_bit(name);
                    if is_replayed(name) {
                        is_different = true;
                        self.note_variable(name, value);
                        view.variables.insert(name.into(), value.into());
                    } else if name.starts_with(b"session_track_") {
                        is_different = true;
                        self.tracking.own = true;
                        self.last.into_iter().for_each(|server| self.pin(Pins::OPAQUE_STATE, server));
                    } else if !is_harmless(name) {
                        self.last.into_iter().for_each(|server| self.pin(Pins::OPAQUE_STATE, server));
                    }
                }
                SessionStateChange::Schema(schema) => {
                    (explained, is_different) = (true, true);
                    self.schema = schema.to_vec();
                    view.schema = schema.to_vec();
                }
                SessionStateChange::StateChange(true) => changed = true,
                SessionStateChange::Gtids(gtids) => self.note_gtids(gtids),
                SessionStateChange::StateChange(false)
                | SessionStateChange::TransactionCharacteristics(_)
                | SessionStateChange::TransactionState(_)
                | SessionStateChange::Unknown { .. } => {}
            }
        }
        if !collation && character_sets & character_set_bit(CHARACTER_SET) != 0 {
            let collation = if character_sets == SET_NAMES { self.by_names() } else { Vec::new() };
            self.put_variable(view, COLLATION, &collation);
        }
        if is_different {
            self.bump(view);
        }
        Ok(changed && !explained)
    }

    /// A SET NAMES without a collation, which took the session's default where that is one of its own (MySQL).
    fn by_names(&self) -> Vec<u8> {
        let is_utf8mb4 = self.variables.get(CHARACTER_SET).is_some_and(|charset| **charset == *b"utf8mb4");
        let default = self.variables.get(b"default_collation_for_utf8mb4".as_slice()).filter(|_| is_utf8mb4);
        [BY_NAMES, default.map_or(&[], |name| &**name)].concat()
    }

    /// One command may commit several times, and each of its OK packets may name some.
    fn note_gtids(&mut self, mut gtids: &[u8]) {
        if !self.gtids.is_empty() && !gtids.is_empty() {
            self.gtids.push(b',');
        }
        if self.gtids.len() + gtids.len() > GTIDS_LIMIT {
            // No list of GTIDs: nothing can be read from it, so that the write counts as one without a name.
            gtids = b"too many";
            self.gtids.clear();
        }
        self.gtids.extend_from_slice(gtids);
    }

    /// Ends what holds for the next statement only. `ended`: a transaction has certainly come to its end.
    fn end_passing_pins(&mut self, statement: &Statement, ended: bool) {
        // One-shot characteristics wait through whatever touches no table: SET, SHOW, UNLOCK INSTANCE, SELECT 1 …
        if ended {
            self.unpin(Pins::ONE_SHOT);
        }
        if statement.access != Access::Previous {
            self.unpin(Pins::FOUND_ROWS);
        }
    }

    /// Whether a transaction by itself has certainly ended. MySQL's GTIDs say so; affected rows do not (`SELECT 1 INTO @a`, CALL),
    /// nor do MariaDB's GTIDs: a write to a table without transactions leaves the one-shot characteristics (measured on 9.7,
    /// 10.11, 11.8).
    fn tells_of_gtids(&self, ok: &OkPacket) -> bool {
        self.lexing.flavour == Flavour::Mysql
            && ok
                .changes()
                .flatten()
                .any(|change| matches!(change, SessionStateChange::Gtids(gtids) if !gtids.is_empty()))
    }

    fn note_effects(&mut self, server: ServerId, statement: &Statement) {
        let pins = Pins::of(statement);
        if !pins.is_empty() {
            self.pin(pins, server);
        }
    }
}

/// The character sets that SET NAMES sets, as bits; 0 for any other variable.
fn character_set_bit(name: &[u8]) -> u8 {
    match name {
        CHARACTER_SET => 1,
        b"character_set_client" => 2,
        b"character_set_results" => 4,
        _ => 0,
    }
}

/// All of them at once.
const SET_NAMES: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::sql::{Lexing, classify};

    /// Whether one change in an OK packet makes other connections compare themselves with the session.
    fn moves(change: &SessionStateChange<'_>) -> bool {
        let lexing = Lexing::default();
        let mut session = SessionState::new(b"a".to_vec(), lexing, StatusFlags::AUTOCOMMIT);
        let mut ok = OkPacket { status: StatusFlags::AUTOCOMMIT, ..OkPacket::default() };
        change.put(&mut ok.state_changes);
        let statement = classify(b"INSERT INTO t VALUES (1)", &lexing, &Catalogue::unknown());
        let (mut view, before) = (View::default(), session.revision());
        session.observe_ok(ServerId(1), &mut view, &ok, &statement, 0).expect("well formed");
        assert_eq!(view.revision, session.revision(), "the connection itself has it");
        session.revision() != before
    }

    /// Every write brings GTIDs, and other connections need none of them.
    #[test]
    fn c4_other_connections_are_told_what_they_must_know_and_no_more() {
        use SessionStateChange::{Gtids, Schema, StateChange, SystemVariable};
        assert!(moves(&SystemVariable { name: b"sql_mode", value: b"" }));
        assert!(moves(&SystemVariable { name: b"character_set_client", value: b"latin1" }));
        assert!(moves(&SystemVariable { name: b"session_track_schema", value: b"ON" }));
        assert!(moves(&Schema(b"b")));
        assert!(!moves(&Gtids(b"3e11fa47-71ca-11e1-9e33-c80aa9429562:7")));
        assert!(!moves(&SystemVariable { name: b"last_gtid", value: b"0-1-7" }));
        assert!(!moves(&StateChange(true)));
    }
}
