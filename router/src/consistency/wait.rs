//! Waiting at a server until it has executed a position.

use std::time::Duration;

use super::Position;
use super::gtid::Compact;

/// A wait, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// [`Position::wait_statement`].
    pub statement: String,
    /// What the server has executed once the answer is [`WaitAnswer::Reached`].
    pub position: Position,
}

/// What came of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitAnswer {
    /// The server has executed the position.
    Reached,
    /// It had not when the time was over.
    TimedOut,
    /// It did not say: NULL, or a value that neither flavour documents. An ERR means the same.
    Failed,
}

/// Shorter waits are made this long: 0 makes MySQL wait without end (measured on 9.7.4), while MariaDB returns at once.
const SHORTEST: Duration = Duration::from_millis(1);
/// Longer waits are cut: nobody holds a read for an hour, and both servers take the number as a double.
const LONGEST: Duration = Duration::from_secs(3600);

impl Position {
    /// The statement that waits at a replica until it has executed this position, at most `timeout`. None where there is
    /// nothing to wait for ([`Position::Start`]) or nothing that could be waited for ([`Position::Unknown`]).
    ///
    /// - `WAIT_FOR_EXECUTED_GTID_SET` answers 0, or 1 after the timeout; an unreadable set is error 1772.
    ///   <https://dev.mysql.com/doc/refman/9.5/en/gtid-functions.html>
    /// - `MASTER_GTID_WAIT` answers 0, or -1 after the timeout. It looks at `gtid_slave_pos` alone: on a primary it never
    ///   sees the primary's own writes (measured on 11.8: -1 for what had just been committed there).
    ///   <https://mariadb.com/docs/server/reference/sql-functions/secondary-functions/miscellaneous-functions/master_gtid_wait>
    ///
    /// Whatever sql_select_limit and character_set_results are, the answer is one row of ASCII.
    ///
    /// Both run in a transaction too, where a snapshot that is older than the wait does not move. It is a SELECT of its
    /// own: it changes what ROW_COUNT() and FOUND_ROWS() answer on its connection.
    #[must_use]
    pub fn wait_statement(&self, timeout: Duration) -> Option<String> {
        let timeout = timeout.clamp(SHORTEST, LONGEST).as_millis();
        let seconds = format!("{}.{:03}", timeout / 1000, timeout % 1000);
        match self {
            Self::Mysql(set) if !set.is_empty() => Some(format!(
                "SELECT CAST(WAIT_FOR_EXECUTED_GTID_SET('{}',{seconds}) AS BINARY) w LIMIT 1",
                Compact(set)
            )),
            Self::Mariadb(list) if !list.is_empty() => {
                Some(format!("SELECT CAST(MASTER_GTID_WAIT('{list}',{seconds}) AS BINARY) w LIMIT 1"))
            }
            _ => None,
        }
    }
}

impl WaitAnswer {
    /// Reads the only column of the only row; None is NULL.
    #[must_use]
    pub fn read(column: Option<&[u8]>) -> Self {
        match column {
            Some(b"0") => Self::Reached,
            Some(b"1" | b"-1") => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}
