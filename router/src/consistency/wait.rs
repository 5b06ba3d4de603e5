//! Waiting at a server until it has executed a position.

use std::fmt::{self, Write};
use std::time::Duration;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;

use super::Position;

/// How a wait is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitForm {
    /// So that its answer is one packet, where the flavour has such words. Not for connections whose sql_select_limit may be 0:
    /// MySQL's DO evaluates nothing then, and says OK.
    Short,
    /// So that its answer is one row of ASCII, whatever sql_select_limit and character_set_results are.
    Row,
}

/// What came of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitAnswer {
    /// The server has executed the position.
    Reached,
    /// It had not when the time was over.
    TimedOut,
    /// It did not say: NULL, a value that neither flavour documents, another error.
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
    /// - `WAIT_FOR_EXECUTED_GTID_SET` answers 0, or 1 after the timeout; an unreadable set is error 1772. Added to the highest
    ///   number there is, anything but 0 is error 1690, whatever sql_mode says, so that DO can ask.
    ///   <https://dev.mysql.com/doc/refman/9.5/en/gtid-functions.html>
    /// - `MASTER_GTID_WAIT` answers 0, or -1 after the timeout. It looks at `gtid_slave_pos` alone: on a primary it never
    ///   sees the primary's own writes (measured on 11.8: -1 for what had just been committed there). MariaDB's DO makes an
    ///   OK of every error, so this is a SELECT always.
    ///   <https://mariadb.com/docs/server/reference/sql-functions/secondary-functions/miscellaneous-functions/master_gtid_wait>
    ///
    /// Both run in a transaction too, where a snapshot that is older than the wait does not move. As a statement of its
    /// own it changes what ROW_COUNT() and FOUND_ROWS() answer on its connection.
    #[must_use]
    pub fn wait_statement(&self, timeout: Duration, form: WaitForm) -> Option<String> {
        let mut sql = String::new();
        self.put_wait(&mut sql, timeout, form).then_some(sql)
    }

    /// Appends the same; false where there is none.
    pub fn put_wait(&self, sql: &mut impl Write, timeout: Duration, form: WaitForm) -> bool {
        self.write_wait(sql, timeout, form).unwrap_or(false)
    }

    fn write_wait(&self, sql: &mut impl Write, timeout: Duration, form: WaitForm) -> Result<bool, fmt::Error> {
        match self {
            Self::Mysql(set) if !set.is_empty() => {
                let (before, behind) = match form {
                    WaitForm::Short => ("DO ~0+COALESCE(", "),1)"),
                    WaitForm::Row => ("SELECT CAST(", ") AS BINARY) w LIMIT 1"),
                };
                sql.write_str(before)?;
                sql.write_str("WAIT_FOR_EXECUTED_GTID_SET('")?;
                set.put_compact(sql)?;
                sql.write_str("',")?;
                put_seconds(sql, timeout)?;
                sql.write_str(behind)?;
            }
            Self::Mariadb(list) if !list.is_empty() => {
                sql.write_str("SELECT CAST(MASTER_GTID_WAIT('")?;
                list.put(sql)?;
                sql.write_str("',")?;
                put_seconds(sql, timeout)?;
                sql.write_str(") AS BINARY) w LIMIT 1")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether there is something to wait for that can be waited for.
    #[must_use]
    pub fn can_be_waited_for(&self) -> bool {
        match self {
            Self::Mysql(set) => !set.is_empty(),
            Self::Mariadb(list) => !list.is_empty(),
            Self::Start | Self::Unknown => false,
        }
    }

    /// What an OK without a row says to [`Self::wait_statement`].
    #[must_use]
    pub const fn answer_of_ok(&self) -> WaitAnswer {
        match self {
            Self::Mysql(_) => WaitAnswer::Reached,
            _ => WaitAnswer::Failed,
        }
    }
}

/// Seconds with three decimals.
fn put_seconds(sql: &mut impl Write, time: Duration) -> fmt::Result {
    let mut digits = itoa::Buffer::new();
    let time = time.clamp(SHORTEST, LONGEST);
    sql.write_str(digits.format(time.as_secs()))?;
    // The 1 in front keeps zeroes.
    sql.write_str(".")?;
    sql.write_str(&digits.format(1000 + time.subsec_millis())[1..])
}

impl WaitAnswer {
    /// Reads the only column of the only row; None is NULL.
    #[must_use]
    pub fn of_row(column: Option<&[u8]>) -> Self {
        match column {
            Some(b"0") => Self::Reached,
            Some(b"1" | b"-1") => Self::TimedOut,
            _ => Self::Failed,
        }
    }

    /// Reads a refusal.
    #[must_use]
    pub const fn of_err(err: &ErrPacket) -> Self {
        if err.code == ErrorCode::DATA_OUT_OF_RANGE.code { Self::TimedOut } else { Self::Failed }
    }
}
