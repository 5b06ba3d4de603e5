//! What a session may ask about its last statement, where no connection can tell it any more.

use std::borrow::Cow;
use std::fmt::Display;

use rolecall_protocol::response::ErrPacket;

/// The answers, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// ROW_COUNT()
    pub row_count: Option<i64>,
    /// FOUND_ROWS()
    pub found_rows: Option<u64>,
    /// The diagnostics area.
    pub conditions: Conditions,
}

/// What SHOW WARNINGS shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conditions {
    /// All of them.
    Known {
        /// In their order.
        list: Vec<Condition>,
        /// Of their messages.
        charset: Cow<'static, str>,
    },
    /// Nobody knows.
    Lost,
}

/// One row of SHOW WARNINGS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Note, Warning, Error
    pub level: Vec<u8>,
    /// Its number, in digits.
    pub code: Vec<u8>,
    /// For people.
    pub message: Vec<u8>,
}

/// More conditions than these are not kept.
const MOST_CONDITIONS: usize = 64;

/// Asks for [`Conditions`]: three columns. One row more than is kept shows that there are more.
pub const CONDITIONS_QUESTION: &str = "SHOW WARNINGS LIMIT 65";

impl Default for Answers {
    /// Right after a login.
    fn default() -> Self {
        Self { row_count: Some(0), found_rows: Some(0), conditions: Conditions::none() }
    }
}

impl Conditions {
    /// There are none.
    #[must_use]
    pub fn none() -> Self {
        Self::Known { list: Vec::new(), charset: "utf8mb4".into() }
    }

    /// Of a statement that ended in this error, whose text is in `charset`.
    #[must_use]
    pub fn of_err(err: &ErrPacket, charset: &[u8]) -> Self {
        let code = err.code.to_string().into_bytes();
        Self::from_rows(&[vec![Some(b"Error".to_vec()), Some(code), Some(err.message.clone())]], charset, None)
    }

    /// From the rows that answered [`CONDITIONS_QUESTION`]. `charset`: character_set_results; `told`: how many conditions the
    /// statement's OK packet told of, where it ended in one.
    #[must_use]
    pub fn from_rows(rows: &[Vec<Option<Vec<u8>>>], charset: &[u8], told: Option<u16>) -> Self {
        let read = |row: &Vec<Option<Vec<u8>>>| match row.as_slice() {
            [Some(level), Some(code), Some(message)] if code.iter().all(u8::is_ascii_digit) && !code.is_empty() => {
                Some(Condition { level: level.clone(), code: code.clone(), message: message.clone() })
            }
            _ => None,
        };
        let list: Option<Vec<_>> = rows.iter().map(read).collect();
        // Without a conversion messages are what the server has them in.
        let charset = match std::str::from_utf8(charset) {
            Ok("" | "binary" | "NULL") | Err(_) => "utf8mb4",
            Ok(name) => name,
        };
        let is_name = charset.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match list {
            // With a small max_error_count fewer are there than were counted.
            Some(list)
                if is_name
                    && list.len() <= MOST_CONDITIONS
                    && told.is_none_or(|told| usize::from(told) == list.len()) =>
            {
                Self::Known { list, charset: charset.to_owned().into() }
            }
            _ => Self::Lost,
        }
    }

    /// Whether there are none for sure.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Known { list, .. } if list.is_empty())
    }
}

impl Answers {
    /// `@@warning_count`: all conditions count.
    #[must_use]
    pub fn warning_count(&self) -> Option<usize> {
        self.known().map(|(list, _)| list.len())
    }

    /// `@@error_count`
    #[must_use]
    pub fn error_count(&self) -> Option<usize> {
        self.known().map(|(list, _)| list.iter().filter(|condition| condition.level == b"Error").count())
    }

    /// A SELECT that returns what SHOW WARNINGS would, or SHOW ERRORS.
    #[must_use]
    pub fn conditions_as_select(&self, errors: bool, skipped: usize, most: usize) -> Option<Vec<u8>> {
        let (list, charset) = self.known()?;
        let chosen = list.iter().filter(|condition| !errors || condition.level == b"Error").skip(skipped).take(most);
        let mut sql = Vec::new();
        for condition in chosen {
            if !sql.is_empty() {
                sql.extend_from_slice(b" UNION ALL ");
            }
            put_condition(&mut sql, condition, charset);
        }
        if sql.is_empty() {
            let nothing = Condition { level: Vec::new(), code: b"0".to_vec(), message: Vec::new() };
            put_condition(&mut sql, &nothing, charset);
            sql.extend_from_slice(b" FROM DUAL WHERE FALSE");
        }
        // sql_select_limit holds for a SELECT without a LIMIT, but not for SHOW WARNINGS.
        sql.extend_from_slice(b" LIMIT 65536");
        Some(sql)
    }

    /// The value of an item that GET DIAGNOSTICS asks of a condition; None where it is not known.
    pub(super) fn put_condition_item(&self, sql: &mut Vec<u8>, condition: usize, item: &[u8]) -> Option<()> {
        let (list, charset) = self.known()?;
        let condition = list.get(condition)?;
        if item.eq_ignore_ascii_case(b"MYSQL_ERRNO") {
            put_cast(sql, String::from_utf8_lossy(&condition.code), "UNSIGNED");
        } else if item.eq_ignore_ascii_case(b"MESSAGE_TEXT") {
            // The diagnostics area has utf8mb3, of which no text can be made without a warning on MySQL.
            put_literal(sql, charset, &condition.message);
        } else {
            return None;
        }
        Some(())
    }

    fn known(&self) -> Option<(&Vec<Condition>, &str)> {
        match &self.conditions {
            Conditions::Known { list, charset } => Some((list, charset)),
            Conditions::Lost => None,
        }
    }
}

fn put_condition(sql: &mut Vec<u8>, condition: &Condition, charset: &str) {
    sql.extend_from_slice(b"SELECT ");
    put_text(sql, charset, &condition.level, "CHAR(7)");
    sql.extend_from_slice(b" AS `Level`,");
    put_cast(sql, String::from_utf8_lossy(&condition.code), "UNSIGNED");
    sql.extend_from_slice(b" AS `Code`,");
    put_text(sql, charset, &condition.message, "CHAR(512)");
    sql.extend_from_slice(b" AS `Message`");
}

fn put_text(sql: &mut Vec<u8>, charset: &str, text: &[u8], to: &str) {
    sql.extend_from_slice(b"CAST(");
    put_literal(sql, charset, text);
    sql.extend(format!(" AS {to})").into_bytes());
}

fn put_literal(sql: &mut Vec<u8>, charset: &str, text: &[u8]) {
    let digits: String = text.iter().map(|byte| format!("{byte:02X}")).collect();
    sql.extend(format!("_{charset} x'{digits}'").into_bytes());
}

/// A BIGINT on both flavours: MariaDB makes a CAST of a small number an INT.
pub(super) fn put_number(sql: &mut Vec<u8>, value: impl Display) {
    sql.extend(format!("COALESCE({value},9223372036854775807)").into_bytes());
}

/// `CAST(value AS to)`
pub(super) fn put_cast(sql: &mut Vec<u8>, value: impl Display, to: &str) {
    sql.extend(format!("CAST({value} AS {to})").into_bytes());
}
