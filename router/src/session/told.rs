//! What servers tell, unasked, of the answers to questions about a session's last statement.

use rolecall_protocol::StatusFlags;
use rolecall_protocol::command::Command;
use rolecall_protocol::response::{ErrPacket, OkHeader, OkPacket};

use crate::sql::{Effects, Flavour, Statement, Verb};

/// ER_BAD_FIELD_ERROR, ER_PARSE_ERROR, ER_NO_SUCH_TABLE, ER_XAER_RMFAIL (tables are not opened behind XA END): the statement was
/// refused before it ran.
const NOTHING_EXECUTED: [u16; 4] = [1054, 1064, 1146, 1399];

/// A SET of this and no more.
const ONLY_SETS: Effects = Effects::SETS_VARIABLES.union(Effects::SETS_FLAGS);

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
    pub(super) fn observe_ok(&mut self, ok: &OkPacket, statement: &Statement, rows: u64, flavour: Flavour) {
        if statement.asks_previous() && statement.verb == Verb::Administration {
            // GET DIAGNOSTICS leaves all as it was.
            return;
        }
        let is_result = ok.header == OkHeader::Eof;
        self.row_count = if is_result { Some(-1) } else { i64::try_from(ok.affected_rows).ok() };
        self.found_rows = match statement.verb {
            Verb::Select if is_result && returns_all(statement) && !ok.status.contains(StatusFlags::CURSOR_EXISTS) => {
                Some(rows)
            }
            Verb::Set if ONLY_SETS.contains(statement.effects) => self.found_rows,
            Verb::Use | Verb::Begin | Verb::Commit | Verb::Rollback | Verb::Savepoint => self.found_rows,
            // XA, LOCK TABLES, UNLOCK TABLES, FLUSH: only what returns rows counts them.
            Verb::Administration if !is_result => self.found_rows,
            // MySQL runs it as a SELECT of one row.
            Verb::Do if !statement.has_query => match flavour {
                Flavour::Mysql => Some(1),
                Flavour::Mariadb => self.found_rows,
            },
            // Views may have subqueries, so DML tells nothing by its text.
            _ => None,
        };
        // What keeps them tells of none: they are asked for where there may be some.
        let keeps = !matches!(statement.verb, Verb::Dml | Verb::Ddl);
        self.may_have_conditions = ok.warnings > 0 || (keeps && self.may_have_conditions);
    }

    /// The numbers are those of the statement before; the conditions are as [`conditions_behind`] says, besides its own.
    pub(super) const fn observe_prepared(&mut self, warnings: u16, flavour: Flavour) {
        let keeps = matches!(flavour, Flavour::Mariadb);
        self.may_have_conditions = warnings > 0 || (keeps && self.may_have_conditions);
    }

    /// FOUND_ROWS() is still the last successful SELECT's on MySQL, and on MariaDB where nothing was executed.
    pub(super) fn observe_err(&mut self, err: &ErrPacket, statement: &Statement, flavour: Flavour) {
        let is_one = statement.verb != Verb::Several && !statement.effects.contains(Effects::UNKNOWN_ROUTINE);
        let is_kept = is_one && (flavour == Flavour::Mysql || NOTHING_EXECUTED.contains(&err.code));
        let found_rows = self.found_rows.filter(|_| is_kept);
        *self = Self { row_count: Some(-1), found_rows, may_have_conditions: true };
    }
}

/// What a command that succeeded has made of the conditions that were there before it (measured on MySQL 9.7 and MariaDB
/// 10.11, 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionsBehind {
    /// They are gone.
    Cleared,
    /// They are as they were.
    Kept,
    /// One or the other: MariaDB keeps them where no table is opened.
    Unknown,
}

/// See [`ConditionsBehind`]. Questions about the conditions are not meant.
#[must_use]
pub fn conditions_behind(command: Command, statement: &Statement, flavour: Flavour) -> ConditionsBehind {
    match command {
        Command::InitDb | Command::Ping | Command::Statistics | Command::SetOption => ConditionsBehind::Kept,
        _ if flavour == Flavour::Mysql => ConditionsBehind::Cleared,
        Command::StmtPrepare => ConditionsBehind::Kept,
        _ => match statement.verb {
            Verb::Use | Verb::Begin | Verb::Commit | Verb::Rollback | Verb::Savepoint => ConditionsBehind::Kept,
            Verb::Set if ONLY_SETS.contains(statement.effects) => ConditionsBehind::Kept,
            Verb::Dml | Verb::Ddl => ConditionsBehind::Cleared,
            _ => ConditionsBehind::Unknown,
        },
    }
}

const fn returns_all(statement: &Statement) -> bool {
    !statement.returns_part && !statement.effects.contains(Effects::FOUND_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::sql::{Lexing, classify};

    fn behind(command: Command, sql: &str, flavour: Flavour) -> ConditionsBehind {
        let lexing = Lexing { flavour, ..Lexing::default() };
        conditions_behind(command, &classify(sql.as_bytes(), &lexing, &Catalogue::unknown()), flavour)
    }

    #[test]
    fn q16_what_administration_leaves_of_found_rows() {
        for (sql, header, mysql, mariadb) in [
            ("XA START 'a'", OkHeader::Ok, Some(3), Some(3)),
            ("LOCK TABLES t READ", OkHeader::Ok, Some(3), Some(3)),
            ("HANDLER t READ FIRST", OkHeader::Eof, None, None),
            ("DO 1, 2", OkHeader::Ok, Some(1), Some(3)),
            ("DO (SELECT a FROM t)", OkHeader::Ok, None, None),
            ("DO 1 IN (TABLE t)", OkHeader::Ok, None, None),
            ("DO 1 IN (WITH q AS (SELECT 1) SELECT * FROM q)", OkHeader::Ok, None, None),
            ("DO 1 IN (VALUES ROW(1))", OkHeader::Ok, None, None),
            ("INSERT INTO t VALUES (1)", OkHeader::Ok, None, None),
        ] {
            for (flavour, left) in [(Flavour::Mysql, mysql), (Flavour::Mariadb, mariadb)] {
                let lexing = Lexing { flavour, ..Lexing::default() };
                let statement = classify(sql.as_bytes(), &lexing, &Catalogue::unknown());
                let mut told = Told { found_rows: Some(3), ..Told::default() };
                told.observe_ok(&OkPacket { header, ..OkPacket::default() }, &statement, 1, flavour);
                assert_eq!(told.found_rows, left, "{sql}");
            }
        }
    }

    /// MariaDB keeps them: they went unsaved when the connection changed hands behind a preparation.
    #[test]
    fn q16_what_a_preparation_leaves_of_conditions() {
        for (before, warnings, mysql, mariadb) in
            [(false, 0, false, false), (true, 0, false, true), (false, 1, true, true), (true, 1, true, true)]
        {
            for (flavour, left) in [(Flavour::Mysql, mysql), (Flavour::Mariadb, mariadb)] {
                let mut told = Told { row_count: Some(-1), found_rows: Some(3), may_have_conditions: before };
                told.observe_prepared(warnings, flavour);
                assert_eq!(told, Told { row_count: Some(-1), found_rows: Some(3), may_have_conditions: left });
            }
        }
    }

    #[test]
    fn q16_what_errors_leave_of_found_rows() {
        for (code, sql, mysql, mariadb) in [
            (1146, "SELECT * FROM nothing", Some(3), Some(3)),
            (1054, "SELECT nothing FROM t", Some(3), Some(3)),
            (1064, "SELECT FROM WHERE", Some(3), Some(3)),
            (1399, "SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1", Some(3), Some(3)),
            // A subquery with two rows: MariaDB has counted.
            (1242, "SELECT a, (SELECT 1 UNION SELECT 2) FROM t", Some(3), None),
            (1146, "SELECT 1; SELECT * FROM nothing", None, None),
        ] {
            for (flavour, left) in [(Flavour::Mysql, mysql), (Flavour::Mariadb, mariadb)] {
                let lexing = Lexing { flavour, ..Lexing::default() };
                let statement = classify(sql.as_bytes(), &lexing, &Catalogue::unknown());
                let mut told = Told { found_rows: Some(3), ..Told::default() };
                let error = rolecall_protocol::error_code::ErrorCode {
                    code,
                    ..rolecall_protocol::error_code::ErrorCode::NO_SERVER
                };
                told.observe_err(&ErrPacket::new(error, ""), &statement, flavour);
                assert_eq!(told, Told { row_count: Some(-1), found_rows: left, may_have_conditions: true }, "{sql}");
            }
        }
    }

    #[test]
    fn q16_what_servers_keep_of_conditions() {
        use ConditionsBehind::{Cleared, Kept, Unknown};
        for (command, sql, mysql, mariadb) in [
            (Command::SetOption, "", Kept, Kept),
            (Command::InitDb, "", Kept, Kept),
            (Command::StmtPrepare, "SELECT 1", Cleared, Kept),
            (Command::Query, "SELECT 1", Cleared, Unknown),
            (Command::Query, "SHOW GRANTS", Cleared, Unknown),
            (Command::Query, "SET sql_select_limit = 5", Cleared, Kept),
            (Command::Query, "SET @a = (SELECT a FROM t)", Cleared, Unknown),
            (Command::Query, "COMMIT", Cleared, Kept),
            // With a subquery it opens tables.
            (Command::Query, "DO RELEASE_LOCK('a')", Cleared, Unknown),
            (Command::Query, "INSERT INTO t VALUES (1)", Cleared, Cleared),
        ] {
            assert_eq!(behind(command, sql, Flavour::Mysql), mysql, "{command:?} {sql}");
            assert_eq!(behind(command, sql, Flavour::Mariadb), mariadb, "{command:?} {sql}");
        }
    }
}
