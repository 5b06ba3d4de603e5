//! What a server was asked about its transactions, and what its answer proves.

use std::sync::Arc;

use super::Position;
use super::gtid::{GtidSet, Tail};
use super::mariadb::MariadbPosition;
use crate::sql::Flavour;
use crate::topology::ServerId;

/// Two bounds for what reads at a server show, from one question.
///
/// They differ, because a transaction becomes visible a moment before the server counts it as executed: MySQL commits a
/// whole group in the engine and then adds its GTIDs to `gtid_executed` (`MYSQL_BIN_LOG::process_commit_stage_queue`).
/// Measured on 9.7.4 with 24 writers: 6 of 24,000 reads saw a row whose GTID the `gtid_executed` asked directly afterwards
/// did not have; with `gtid_owned`, asked first, none of 20,000 did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// At least this is visible at the server from the answer on: `gtid_executed`, `gtid_current_pos`.
    pub executed: Position,
    /// At most this was visible before the question was sent: `gtid_owned` and `gtid_executed`; `gtid_binlog_pos` and
    /// `gtid_current_pos`.
    pub visible: Position,
}

/// The last answer of one server; a snapshot that is cheap to copy and may be read by every worker.
///
/// Transactions do not leave a server, so `executed` stays true however old it is, for the life of that server process.
/// A server that crashed may come back with less (`sync_binlog` other than 1): sessions that were there before
/// `unbroken_since` owe the primary a question ([`super::Causality::notice_restart`]).
#[derive(Debug, Clone)]
pub struct Progress {
    /// Whose.
    pub server: ServerId,
    /// At least this is visible there.
    pub executed: Arc<Position>,
    /// At most this was visible before `asked_at`.
    pub visible: Arc<Position>,
    /// When the question was sent: nanoseconds by the clock that [`super::Causality`] is given.
    pub asked_at: u64,
    /// Since when one connection to it has not broken: the server has not started anew since.
    pub unbroken_since: u64,
    /// What waits have proven since, behind `executed`; copies with the same `executed` share it.
    tail: Arc<Tail>,
}

// === impl Bounds ===

impl Bounds {
    /// Both bounds are unknown.
    pub const UNKNOWN: Self = Self { executed: Position::Unknown, visible: Position::Unknown };

    /// The question. Every account may ask it (sessions.md 9), inside transactions too. MySQL evaluates columns from left
    /// to right, and that order is what makes `visible` a bound: a GTID moves from owned to executed, never back.
    #[must_use]
    pub const fn question(flavour: Flavour) -> &'static str {
        match flavour {
            Flavour::Mysql => "SELECT @@global.gtid_mode,@@global.gtid_owned,@@global.gtid_executed",
            Flavour::Mariadb => "SELECT @@global.gtid_binlog_pos,@@global.gtid_current_pos",
        }
    }

    /// Reads the only row of the answer. Unknown is what cannot be read, and an empty answer: a server without GTIDs
    /// (MySQL's `gtid_mode` other than ON, MariaDB without a binary log) must not look like one without transactions.
    #[must_use]
    pub fn read(flavour: Flavour, row: &[Option<&[u8]>]) -> Self {
        let bounds = match (flavour, row) {
            (Flavour::Mysql, [Some(mode), Some(owned), Some(executed)]) if *mode == b"ON" => {
                Self::mysql(owned, executed)
            }
            (Flavour::Mariadb, [Some(binlog), Some(current)]) => Self::mariadb(binlog, current),
            _ => None,
        };
        bounds.filter(|bounds| !bounds.visible.is_start()).unwrap_or(Self::UNKNOWN)
    }

    fn mysql(owned: &[u8], executed: &[u8]) -> Option<Self> {
        let executed = GtidSet::parse(executed).ok()?;
        let mut visible = executed.clone();
        visible.insert_owned(owned).ok()?;
        Some(Self { executed: Position::Mysql(executed), visible: Position::Mysql(visible) })
    }

    /// A replica counts a transaction in `gtid_slave_pos` after its commit and in `gtid_binlog_pos`, if it writes a
    /// binary log of its own, before; `gtid_current_pos` is the former and, for its own writes, the latter.
    fn mariadb(binlog: &[u8], current: &[u8]) -> Option<Self> {
        let executed = MariadbPosition::parse(current).ok()?;
        let mut visible = executed.clone();
        visible.merge(&MariadbPosition::parse(binlog).ok()?).ok()?;
        Some(Self { executed: Position::Mariadb(executed), visible: Position::Mariadb(visible) })
    }
}

// === impl Progress ===

impl Progress {
    /// What `server` answered to the question that was sent at `asked_at`.
    #[must_use]
    pub fn new(server: ServerId, bounds: Bounds, asked_at: u64) -> Self {
        let executed = Arc::new(bounds.executed);
        let visible = if *executed == bounds.visible { executed.clone() } else { Arc::new(bounds.visible) };
        Self { server, executed, visible, asked_at, unbroken_since: 0, tail: Arc::default() }
    }

    /// The same, told on a connection that has not broken since `unbroken_since`.
    #[must_use]
    pub fn unbroken_since(self, unbroken_since: u64) -> Self {
        Self { unbroken_since, ..self }
    }

    /// Notes in place, for all copies, that a wait for `position` at this server was [`super::WaitAnswer::Reached`]. False where
    /// that cannot be done: [`Self::reached`] is then what is known.
    #[must_use]
    pub fn note_reached(&self, position: &Position) -> bool {
        match (&*self.executed, position) {
            (Position::Mysql(executed), Position::Mysql(position)) => self.tail.note(executed, position),
            _ => self.covers(position),
        }
    }

    /// What is known after a wait for `position` at this server was [`super::WaitAnswer::Reached`]. What was known
    /// already costs nothing.
    #[must_use]
    pub fn reached(&self, position: &Position) -> Self {
        let mut known = self.clone();
        if !self.covers(position) {
            let executed = Arc::make_mut(&mut known.executed);
            if let (Position::Mysql(set), Some((source, last))) = (&mut *executed, self.tail.end()) {
                *set = std::mem::take(set).extended(&source, last);
            }
            // Behind this set other numbers follow.
            known.tail = Arc::default();
            // An unknown bound is replaced: the server has at least this.
            if executed.try_merge(position).is_err() {
                *executed = position.clone();
            }
        }
        known
    }

    /// How many transactions of `position` the server is not known to have executed; None where they cannot be compared.
    #[must_use]
    pub fn missing(&self, position: &Position) -> Option<u64> {
        match (&*self.executed, position) {
            (Position::Mysql(executed), Position::Mysql(position)) => Some(self.tail.missing(executed, position)),
            (executed, position) => position.missing_from(executed),
        }
    }

    /// Whether everything in `position` is visible at the server.
    #[must_use]
    pub fn covers(&self, position: &Position) -> bool {
        match (&*self.executed, position) {
            (Position::Mysql(executed), Position::Mysql(position)) => self.tail.covers(executed, position),
            (executed, position) => position.is_covered_by(executed),
        }
    }
}
