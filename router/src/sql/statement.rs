//! The verdict on a statement.

use bitflags::bitflags;

use crate::consistency::Consistency;

/// Where a statement may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads data that every replica has; leaves nothing behind.
    Read,
    /// Reads what differs from server to server (SHOW STATUS, @@server_id, performance_schema): by policy the primary,
    /// so that answers are consistent within a session.
    Node,
    /// Asks for the outcome of the session's previous statement: the connection that ran it.
    Previous,
    /// Changes only the session (SET, USE, PREPARE of text …): runs where the session is, the primary by default.
    Session,
    /// Writes, locks, leaves state at the server, or is not understood: the primary.
    Primary,
}

/// What a statement is, as far as anything but logs cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// SELECT, TABLE, VALUES, WITH … SELECT
    Select,
    /// SHOW, DESCRIBE, EXPLAIN, HELP
    Show,
    /// INSERT, UPDATE, DELETE, REPLACE, LOAD, CALL …
    Dml,
    /// DO, which writes only by functions, and need not open a table.
    Do,
    /// CREATE, ALTER, DROP, TRUNCATE, RENAME, GRANT …
    Ddl,
    /// SET
    Set,
    /// USE
    Use,
    /// BEGIN, START TRANSACTION
    Begin,
    /// COMMIT
    Commit,
    /// ROLLBACK (whole)
    Rollback,
    /// SAVEPOINT, ROLLBACK TO, RELEASE SAVEPOINT
    Savepoint,
    /// PREPARE, EXECUTE, DEALLOCATE PREPARE
    Prepared,
    /// LOCK, UNLOCK, FLUSH, HANDLER, XA, and other administration
    Administration,
    /// KILL
    Kill,
    /// No statement: empty or comments only.
    Empty,
    /// Several statements in one text.
    Several,
    /// Not understood.
    Unknown,
}

bitflags! {
    /// What a statement may leave behind or touch, beyond data.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    pub struct Effects: u64 {
        /// May set user variables.
        const USER_VARIABLES = 1;
        /// CREATE TEMPORARY TABLE.
        const TEMPORARY_TABLE = 1 << 1;
        /// DROP of what may be a temporary table.
        const DROPS_TEMPORARY = 1 << 2;
        /// GET_LOCK and its like.
        const NAMED_LOCK = 1 << 3;
        /// RELEASE_LOCK, RELEASE_ALL_LOCKS.
        const RELEASES_LOCK = 1 << 4;
        /// LOCK TABLES, FLUSH TABLES WITH READ LOCK / FOR EXPORT, LOCK INSTANCE FOR BACKUP.
        const TABLE_LOCK = 1 << 5;
        /// UNLOCK TABLES.
        const UNLOCKS = 1 << 6;
        /// HANDLER.
        const HANDLER = 1 << 7;
        /// XA.
        const XA = 1 << 8;
        /// SQL_CALC_FOUND_ROWS.
        const FOUND_ROWS = 1 << 9;
        /// PREPARE … FROM; EXECUTE.
        const TEXT_PREPARED = 1 << 10;
        /// State that trackers do not tell (SET RESOURCE GROUP, sql_log_bin, gtid_next …).
        const OPAQUE_STATE = 1 << 11;
        /// SET of session variables (trackers tell which).
        const SETS_VARIABLES = 1 << 12;
        /// USE, or DROP DATABASE.
        const CHANGES_SCHEMA = 1 << 13;
        /// One-shot SET TRANSACTION.
        const ONE_SHOT = 1 << 14;
        /// Begins a transaction explicitly.
        const BEGINS = 1 << 15;
        /// START TRANSACTION READ ONLY (together with BEGINS).
        const READ_ONLY = 1 << 16;
        /// WITH CONSISTENT SNAPSHOT.
        const SNAPSHOT = 1 << 17;
        /// Mentions CONNECTION_ID() or @@pseudo_thread_id.
        const CONNECTION_ID = 1 << 18;
        /// Calls a routine that is neither built in nor known to be harmless, or runs unknown code (CALL, EXECUTE).
        const UNKNOWN_ROUTINE = 1 << 19;
        /// LOAD DATA LOCAL.
        const LOCAL_FILE = 1 << 20;
        /// Sets GLOBAL or PERSIST variables: this server only.
        const GLOBAL_VARIABLES = 1 << 21;
        /// Takes row or metadata locks (FOR UPDATE, FOR SHARE …).
        const LOCKS_ROWS = 1 << 22;
        /// Asks for the outcome of the previous statement although it must run on the primary (otherwise
        /// [`Access::Previous`] says so).
        const ASKS_PREVIOUS = 1 << 23;
        /// SET NAMES … COLLATE: trackers do not tell the collation; where the text does
        /// ([`super::names_collation`]), nothing is left that is not known.
        const SETS_COLLATION = 1 << 24;
        /// The only statement of its text, and begins with no known word: a syntax error says that nothing ran.
        const UNKNOWN_WORD = 1 << 25;
        /// COMMIT RELEASE, ROLLBACK RELEASE: the server closes the connection behind its OK.
        const RELEASES_SESSION = 1 << 26;
        /// COMMIT NO RELEASE, ROLLBACK NO RELEASE: it does not, whatever completion_type says.
        const KEEPS_SESSION = 1 << 27;
        /// Reads or sets session_track_* variables.
        const TRACKERS = 1 << 28;
        /// Reads or sets a variable of the proxy's own ([`super::OwnVariable`]).
        const OWN_VARIABLE = 1 << 29;
        /// SET STATEMENT … FOR a statement that sets nothing itself (MariaDB): trackers report values that have passed.
        const PASSING_VALUES = 1 << 30;
        /// LAST_INSERT_ID(expr).
        const SETS_INSERT_ID = 1 << 31;
        /// SET ROLE.
        const SETS_ROLE = 1 << 32;
        /// LAST_INSERT_ID(), `@@last_insert_id`, `@@identity`.
        const READS_INSERT_ID = 1 << 33;
        /// SET of variables that MariaDB's trackers mix up.
        const SETS_FLAGS = 1 << 34;
    }
}

/// A wish about the target that stands in a comment or a query attribute: `/* rolecall: primary */`,
/// `/*+ … */` never counts. To the primary it is always obeyed; to a replica only for what is a read; a consistency
/// holds for this statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// `rolecall: primary`
    Primary,
    /// `rolecall: replica`
    Replica,
    /// `rolecall: eventual`, `session`, `global`, `strong`
    Consistency(Consistency),
}

impl Hint {
    /// From the value of the query attribute `rolecall`.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"primary") {
            Some(Self::Primary)
        } else if name.eq_ignore_ascii_case(b"replica") {
            Some(Self::Replica)
        } else {
            std::str::from_utf8(name).ok()?.parse().ok().map(Self::Consistency)
        }
    }
}

/// Why a statement was classed as it was; travels into logs, metrics and `rolecall explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Why(pub &'static str);

/// The verdict on one COM_QUERY or COM_STMT_PREPARE text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// What it is.
    pub verb: Verb,
    /// Where it may run.
    pub access: Access,
    /// What it may leave behind.
    pub effects: Effects,
    /// The client's wish.
    pub hint: Option<Hint>,
    /// OFFSET, UNION and their like: FOUND_ROWS() behind it may not be the number of rows that it returned.
    pub returns_part: bool,
    /// UPDATE: on MySQL FOUND_ROWS() behind it is what it has matched.
    pub counts_matched: bool,
    /// SELECT, TABLE, VALUES or WITH stands in it: what FOUND_ROWS() behind it may count.
    pub has_query: bool,
    /// The reason, for people.
    pub why: Why,
}

impl Statement {
    /// The same statement, run in a way that ties the session to its server (a cursor, parameter data sent ahead): at the
    /// primary, since writes must be able to follow it there.
    #[must_use]
    pub const fn tied(self) -> Self {
        Self { access: Access::Primary, ..self }
    }

    /// Whether it asks for what the statement before it left on its connection: rows, warnings, diagnostics. LAST_INSERT_ID()
    /// is the session's, and not meant.
    #[must_use]
    pub fn asks_previous(&self) -> bool {
        self.access == Access::Previous || self.effects.contains(Effects::ASKS_PREVIOUS)
    }

    /// The same SET, whose text tells the collation: it need not pin. Where more is set and a part is refused, nobody
    /// tells what the others have done, and the session stays where it ran: at the primary.
    #[must_use]
    pub const fn with_known_collation(self, more_is_set: bool) -> Self {
        let access = if more_is_set { Access::Primary } else { self.access };
        Self { access, effects: self.effects.difference(Effects::SETS_COLLATION), ..self }
    }

    /// The same statement in a session whose default schema is `schema`, where names without a schema belong to it: a read
    /// there may be one of a system schema (trap A21).
    #[must_use]
    pub fn in_schema(self, schema: &[u8]) -> Self {
        match super::system_schema(schema) {
            Some((access, why)) if self.access == Access::Read => Self { access, why: Why(why), ..self },
            _ => self,
        }
    }

    /// What is not understood: to the primary, with everything possible assumed.
    #[must_use]
    pub const fn unknown(why: &'static str) -> Self {
        Self {
            verb: Verb::Unknown,
            access: Access::Primary,
            effects: Effects::UNKNOWN_ROUTINE,
            hint: None,
            returns_part: false,
            counts_matched: false,
            has_query: true,
            why: Why(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::sql::{Lexing, classify};

    #[test]
    fn a21_names_without_a_schema_belong_to_the_default_one() {
        let read = classify(b"SELECT * FROM threads", &Lexing::default(), &Catalogue::unknown());
        assert_eq!(read.in_schema(b"shop").access, Access::Read);
        assert_eq!(read.in_schema(b"").access, Access::Read);
        assert_eq!(read.in_schema(b"performance_schema").access, Access::Node);
        assert_eq!(read.in_schema(b"Information_Schema").access, Access::Node);
        assert_eq!(read.in_schema(b"sys").access, Access::Primary);
    }
}
