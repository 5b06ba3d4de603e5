//! User variables that a statement had to set on a replica.

use crate::sql::{DiagnosticsItem, Lexing, diagnostics_items};
use crate::topology::ServerId;

/// Variables that GET DIAGNOSTICS set where the statement that it asks about ran, which may have been a read on a replica.
/// A user variable ties a session to its server, where it must be able to write: before anything else runs than further
/// questions, the values are read there and set at the primary. Not at once: reading them ends what can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BorrowedVariables {
    /// The replica.
    pub server: ServerId,
    /// The connection's id there: another one does not have the variables.
    pub thread_id: u32,
    items: Vec<DiagnosticsItem>,
}

impl BorrowedVariables {
    /// What a GET DIAGNOSTICS sets; None where the text leaves doubt.
    #[must_use]
    pub fn read(sql: &[u8], lexing: &Lexing, server: ServerId, thread_id: u32) -> Option<Self> {
        diagnostics_items(sql, lexing).map(|items| Self { server, thread_id, items })
    }

    /// Adds what a later question set on the same connection.
    pub fn extend(&mut self, later: Self) {
        for item in later.items {
            self.items.retain(|earlier| earlier.variable != item.variable);
            self.items.push(item);
        }
    }

    /// The query for the values, one column each.
    #[must_use]
    pub fn question(&self) -> Vec<u8> {
        let mut sql = Vec::new();
        for item in &self.items {
            sql.extend_from_slice(if sql.is_empty() { b"SELECT " } else { b"," });
            sql.extend_from_slice(if item.is_number { b"" } else { b"HEX(" });
            sql.extend_from_slice(&item.variable);
            sql.extend_from_slice(if item.is_number { b"" } else { b")" });
        }
        sql
    }

    /// The SET of the values that answered [`Self::question`]. Texts in the diagnostics area are utf8mb3.
    #[must_use]
    pub fn assignment(&self, values: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut sql = Vec::new();
        for (item, value) in self.items.iter().zip(values) {
            sql.extend_from_slice(if sql.is_empty() { b"SET " } else { b"," });
            sql.extend_from_slice(&item.variable);
            sql.push(b'=');
            match value {
                Some(digits) if item.is_number => sql.extend(digits.iter().filter(|byte| byte.is_ascii_digit())),
                Some(hex) => {
                    sql.extend_from_slice(b"_utf8mb3 x'");
                    sql.extend(hex.iter().filter(|byte| byte.is_ascii_hexdigit()));
                    sql.push(b'\'');
                }
                None => sql.extend_from_slice(b"NULL"),
            }
        }
        sql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn borrowed(sql: &str) -> Option<BorrowedVariables> {
        BorrowedVariables::read(sql.as_bytes(), &Lexing::default(), ServerId(2), 7)
    }

    #[test]
    fn q16_values_are_read_and_set_again_as_what_they_are() {
        let mut variables = borrowed("GET DIAGNOSTICS @n = NUMBER").expect("one");
        let later = "get current diagnostics condition @n @`m x` = message_text, @e = MYSQL_ERRNO, @n = Row_Count;";
        variables.extend(borrowed(later).expect("three"));
        assert_eq!(variables.question(), b"SELECT HEX(@`m x`),@e,@n");
        let values = [Some(b"C3A4".to_vec()), Some(b"1292".to_vec()), None];
        assert_eq!(variables.assignment(&values), b"SET @`m x`=_utf8mb3 x'C3A4',@e=1292,@n=NULL");
    }

    #[test]
    fn other_texts_are_not_understood() {
        for sql in [
            "SELECT 1",
            "GET DIAGNOSTICS",
            "GET DIAGNOSTICS n = NUMBER",
            "GET DIAGNOSTICS @n = ",
            "GET DIAGNOSTICS @n NUMBER",
            "GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT; SELECT 1",
            "GET DIAGNOSTICS CONDITION (SELECT 1) @m = MESSAGE_TEXT",
        ] {
            assert_eq!(borrowed(sql), None, "{sql}");
        }
    }
}
