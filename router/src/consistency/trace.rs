//! What a finished statement means for the reads that come after it.

use crate::sql::{Access, Effects, Statement, Verb};

/// How a statement's reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With OK, or a result's terminator.
    Ok,
    /// With ERR, which tells neither GTIDs nor what was shown before it.
    Err,
    /// The connection broke, or the reply was not read to its end.
    Broken,
}

/// What a statement leaves to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The GTIDs that came with it name what it wrote.
    pub is_tracked: bool,
    /// It has shown data to the client, or written without a name for it: later reads must not see less.
    pub has_shown: bool,
}

impl Trace {
    /// Of `statement`, run at any server. `has_gtids`: its OK packets named GTIDs. `blind`: the proxy's trackers are off
    /// on that connection, since the client set its own.
    #[must_use]
    pub fn of(statement: &Statement, ended: Ended, has_gtids: bool, blind: bool) -> Self {
        let may_have_run_anything =
            statement.verb == Verb::Several || statement.effects.contains(Effects::UNKNOWN_ROUTINE);
        let is_tracked = has_gtids && ended == Ended::Ok;
        // What wrote under a name has shown nothing beyond it, as a rule.
        let has_shown = if is_tracked && !may_have_run_anything { false } else { shows(statement, ended, blind) };
        Self { is_tracked, has_shown }
    }
}

fn shows(statement: &Statement, ended: Ended, blind: bool) -> bool {
    match (statement.access, statement.verb) {
        (Access::Read | Access::Node, _) => true,
        // About the statement before, which has left its own trace; a SELECT may read data beside that.
        (Access::Previous, verb) => verb == Verb::Select,
        // A transaction's end writes, under a name that only an OK tells.
        (_, Verb::Commit) => blind || ended != Ended::Ok,
        (_, Verb::Begin | Verb::Rollback | Verb::Savepoint | Verb::Use | Verb::Empty | Verb::Kill) => false,
        // SET @a=(SELECT …) reads; whatever else only changes the session shows no data.
        (Access::Session, _) => statement.effects.contains(Effects::USER_VARIABLES),
        (Access::Primary, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::sql::{Lexing, classify};

    fn trace(sql: &str, ended: Ended, has_gtids: bool) -> (bool, bool) {
        let statement = classify(sql.as_bytes(), &Lexing::default(), &Catalogue::unknown());
        let trace = Trace::of(&statement, ended, has_gtids, false);
        (trace.is_tracked, trace.has_shown)
    }

    #[test]
    fn f6_f7_writes_are_known_by_their_gtids_or_owed() {
        assert_eq!(trace("INSERT INTO t VALUES (1)", Ended::Ok, true), (true, false));
        assert_eq!(trace("INSERT INTO t VALUES (1)", Ended::Ok, false), (false, true));
        assert_eq!(trace("INSERT INTO t VALUES (1)", Ended::Err, true), (false, true));
        assert_eq!(trace("CREATE TABLE x (a INT)", Ended::Ok, true), (true, false));
        assert_eq!(trace("CALL p()", Ended::Ok, true), (true, true));
        assert_eq!(trace("INSERT INTO t VALUES (1); SELECT * FROM t", Ended::Ok, true), (true, true));
        assert_eq!(trace("COMMIT", Ended::Ok, true), (true, false));
        assert_eq!(trace("COMMIT", Ended::Ok, false), (false, false));
        assert_eq!(trace("COMMIT", Ended::Broken, false), (false, true));
    }

    #[test]
    fn f3_whatever_shows_data_is_owed_and_session_statements_show_none() {
        for sql in [
            "SELECT * FROM t",
            "SELECT * FROM t FOR UPDATE",
            "SHOW TABLES",
            "SET @a = (SELECT MAX(id) FROM t)",
            "SELECT ROW_COUNT(), a FROM t",
        ] {
            assert_eq!(trace(sql, Ended::Ok, false), (false, true), "{sql}");
        }
        for sql in ["BEGIN", "ROLLBACK", "SET NAMES utf8mb4", "USE shop", "SET autocommit=0", "SHOW WARNINGS"] {
            assert_eq!(trace(sql, Ended::Ok, false), (false, false), "{sql}");
        }
    }

    #[test]
    fn c27_with_the_clients_own_trackers_a_commit_is_owed() {
        let statement = classify(b"COMMIT", &Lexing::default(), &Catalogue::unknown());
        assert!(Trace::of(&statement, Ended::Ok, false, true).has_shown);
    }
}
