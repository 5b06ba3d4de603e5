//! Why a session cannot leave the server connection that it has.

use bitflags::bitflags;

use crate::sql::{Effects, Statement, Verb};

bitflags! {
    /// Reasons, as a set; each ends as its comment says.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Pins: u32 {
        /// A user variable was set that cannot be carried; ends with COM_RESET_CONNECTION or COM_CHANGE_USER, as all of these do.
        const USER_VARIABLE = 1;
        /// A temporary table exists; ends with the DROP TABLE of the last one.
        const TEMPORARY_TABLE = 1 << 1;
        /// A user-level lock is held; ends with the RELEASE_LOCK of the last one, RELEASE_ALL_LOCKS.
        const NAMED_LOCK = 1 << 2;
        /// LOCK TABLES and its kin; ends with UNLOCK.
        const TABLE_LOCK = 1 << 3;
        /// A HANDLER is open.
        const HANDLER = 1 << 4;
        /// An XA transaction exists; ends with XA COMMIT, XA ROLLBACK.
        const XA = 1 << 5;
        /// SQL_CALC_FOUND_ROWS ran; ends with the next statement that is no question about it.
        const FOUND_ROWS = 1 << 6;
        /// A statement was prepared by text.
        const TEXT_PREPARED = 1 << 7;
        /// State that no tracker tells (resource group, sql_log_bin, gtid_next, the tracker variables).
        const OPAQUE_STATE = 1 << 8;
        /// Code ran that nobody could look into.
        const UNKNOWN_CODE = 1 << 9;
        /// One-shot SET TRANSACTION waits for its transaction; ends with that.
        const ONE_SHOT = 1 << 10;
        /// A server-side cursor is open; ends when its statement is closed or reset, or its rows are read.
        const CURSOR = 1 << 11;
        /// Parameter data was sent ahead; ends with the statement's execution.
        const LONG_DATA = 1 << 12;
        /// The connection serves as a replica's.
        const REPLICATION = 1 << 13;
        /// The server reported a state change that nothing explains.
        const UNEXPLAINED = 1 << 14;
    }
}

/// One pin with its name for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub &'static str);

impl Pins {
    /// What only a statement that was accepted leaves behind.
    pub(super) const OF_SUCCESS: Self = Self::TEMPORARY_TABLE
        .union(Self::TABLE_LOCK)
        .union(Self::HANDLER)
        .union(Self::XA)
        .union(Self::TEXT_PREPARED)
        .union(Self::ONE_SHOT);

    /// What a statement may leave behind that keeps its connection. User variables do where its text does not name them all.
    #[must_use]
    pub fn of(statement: &Statement) -> Self {
        let pins = Self::from_effects(statement.effects);
        if names_its_variables(statement) { pins - Self::USER_VARIABLE } else { pins }
    }

    /// What a statement may leave behind, from its text.
    #[must_use]
    pub fn from_effects(effects: Effects) -> Self {
        const BY_EFFECT: [(Effects, Pins); 11] = [
            (Effects::USER_VARIABLES, Pins::USER_VARIABLE),
            (Effects::TEMPORARY_TABLE, Pins::TEMPORARY_TABLE),
            (Effects::NAMED_LOCK, Pins::NAMED_LOCK),
            (Effects::TABLE_LOCK, Pins::TABLE_LOCK),
            (Effects::HANDLER, Pins::HANDLER),
            (Effects::XA, Pins::XA),
            (Effects::FOUND_ROWS, Pins::FOUND_ROWS),
            (Effects::TEXT_PREPARED, Pins::TEXT_PREPARED),
            (Effects::OPAQUE_STATE, Pins::OPAQUE_STATE),
            (Effects::SETS_COLLATION, Pins::OPAQUE_STATE),
            (Effects::UNKNOWN_ROUTINE, Pins::UNKNOWN_CODE),
        ];
        let mut pins = Self::empty();
        if effects.is_empty() {
            return pins;
        }
        for (effect, pin) in BY_EFFECT {
            if effects.intersects(effect) {
                pins |= pin;
            }
        }
        if effects.contains(Effects::ONE_SHOT) {
            pins |= Self::ONE_SHOT;
        }
        pins
    }

    /// What ends this one reason, for people.
    #[must_use]
    pub fn ends_with(self) -> &'static str {
        match self {
            Self::TEMPORARY_TABLE => "DROP TABLE of the last one, COM_RESET_CONNECTION, COM_CHANGE_USER",
            Self::NAMED_LOCK => {
                "RELEASE_LOCK of the last one, RELEASE_ALL_LOCKS, COM_RESET_CONNECTION, COM_CHANGE_USER"
            }
            Self::XA => "XA COMMIT, XA ROLLBACK, COM_RESET_CONNECTION, COM_CHANGE_USER",
            Self::TABLE_LOCK => "UNLOCK TABLES",
            Self::TEXT_PREPARED => "DEALLOCATE PREPARE of the last one, COM_RESET_CONNECTION, COM_CHANGE_USER",
            Self::FOUND_ROWS => "the next statement that does not ask for FOUND_ROWS()",
            Self::ONE_SHOT => "the end of the transaction that it is for",
            Self::CURSOR => "the cursor's last row, or COM_STMT_RESET or COM_STMT_CLOSE of its statement",
            Self::LONG_DATA => "the statement's execution without an error, or COM_STMT_RESET or COM_STMT_CLOSE of it",
            Self::REPLICATION => "the connection's end",
            _ => "COM_RESET_CONNECTION, COM_CHANGE_USER",
        }
    }

    /// Names for logs and `/sessions`.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.iter_names().map(|(name, _)| name.to_lowercase().replace('_', "-"))
    }
}

/// Whether the text of `statement` names all user variables that it may set: no code of the server's runs that may set others.
pub(super) fn names_its_variables(statement: &Statement) -> bool {
    let is_seen_through = match statement.verb {
        Verb::Set | Verb::Select => true,
        // GET DIAGNOSTICS
        Verb::Administration => statement.asks_previous(),
        // Triggers.
        _ => false,
    };
    is_seen_through && !statement.effects.contains(Effects::UNKNOWN_ROUTINE)
}
