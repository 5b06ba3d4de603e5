//! What servers tell, unasked, of the answers to questions about a session's last statement.

use rolecall_protocol::StatusFlags;
use rolecall_protocol::response::{OkHeader, OkPacket};

use crate::sql::{Effects, Statement, Verb};

/// The answers, as far as replies tell them (measured on MySQL 9.7 and MariaDB 10.11, 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// ROW_COUNT(); None: the connection knows.
    pub row_count: Option<i64>,
    /// FOUND_ROWS(); None: the connection knows.
    pub found_rows: Option<u64>,
    /// Whether SHOW WARNINGS may show anything.
    pub may_have_conditions: bool,
}

impl Default for Told {
    /// Right after a login.
    fn default() -> Self {
        Self { row_count: Some(0), found_rows: Some(0), may_have_conditions: false }
    }
}

impl Told {
    /// `rows` came in the result that this OK ends.
    pub(super) fn observe_ok(&mut self, ok: &OkPacket, statement: &Statement, rows: u64) {
        let is_result = ok.header == OkHeader::Eof;
        self.row_count = if is_result { Some(-1) } else { i64::try_from(ok.affected_rows).ok() };
        self.found_rows = match statement.verb {
            Verb::Select if is_result && returns_all(statement) && !ok.status.contains(StatusFlags::CURSOR_EXISTS) => {
                Some(rows)
            }
            Verb::Set if Effects::SETS_VARIABLES.contains(statement.effects) => self.found_rows,
            Verb::Use | Verb::Begin | Verb::Commit | Verb::Rollback | Verb::Savepoint => self.found_rows,
            _ => None,
        };
        self.may_have_conditions = ok.warnings > 0 || (keeps_conditions(statement) && self.may_have_conditions);
    }

    pub(super) const fn observe_err(&mut self) {
        *self = Self { row_count: Some(-1), found_rows: None, may_have_conditions: true };
    }
}

/// Whether a statement may leave the conditions as they are: questions do, and on MariaDB all that opens no table.
#[must_use]
pub const fn keeps_conditions(statement: &Statement) -> bool {
    !matches!(statement.verb, Verb::Dml | Verb::Ddl)
}

const fn returns_all(statement: &Statement) -> bool {
    !statement.returns_part && !statement.effects.contains(Effects::FOUND_ROWS)
}
