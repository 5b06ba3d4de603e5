//! User variables by value: read where a statement has set them, and set again on other connections.

use std::collections::BTreeMap;

use rolecall_protocol::response::text::{Column, Row};

use crate::topology::ServerId;

/// User variables by name (without its `@`, in lower case). A value is the assignment that makes the variable what it is
/// (`@`a`=CAST(5 AS SIGNED)`); None: only the connection knows.
pub type Values = BTreeMap<Box<[u8]>, Option<Box<[u8]>>>;

/// More variables than this keep their connection.
const MOST_VARIABLES: usize = 64;
/// A longer text keeps its connection, in bytes of its own character set.
const MOST_BYTES: usize = 16 * 1024;
/// A connection on which more names were used than this is not worth cleaning.
pub(super) const MOST_ON_CONNECTION: usize = 256;

/// MYSQL_TYPE_VAR_STRING: what MySQL shows of a variable that was never set; texts are blobs.
const TYPE_OF_UNSET: u8 = 253;

/// A session's user variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserVariables {
    values: Values,
    unread_at: Option<ServerId>,
}

impl UserVariables {
    /// All of them.
    pub(super) const fn values(&self) -> &Values {
        &self.values
    }

    /// The server whose connection alone knows some values.
    pub(super) const fn unread_at(&self) -> Option<ServerId> {
        self.unread_at
    }

    /// Whether there are more than are carried.
    pub(super) fn are_too_many(&self) -> bool {
        self.values.len() > MOST_VARIABLES
    }

    /// A statement at `server` may have set this one.
    pub(super) fn assigned(&mut self, name: Box<[u8]>, server: ServerId) {
        self.values.insert(name, None);
        self.unread_at = Some(server);
    }

    /// A statement has made it this number.
    pub(super) fn assigned_integer(&mut self, name: &[u8], value: i64) -> Box<[u8]> {
        let assignment: Box<[u8]> = as_integer(name, value.to_string().as_bytes(), false).into();
        self.values.insert(name.into(), Some(assignment.clone()));
        self.unread_at = self.unread_at.filter(|_| self.values.values().any(Option::is_none));
        assignment
    }

    /// Whether some may be numbers.
    pub(super) fn may_be_numbers(&self) -> bool {
        let is_text = |assignment: &[u8]| assignment.windows(3).any(|part| part == b" x'" || part == b"=x'");
        self.values.values().any(|value| !value.as_deref().is_some_and(is_text))
    }

    /// Asks for the values that only the connection knows: four columns for each name.
    pub(super) fn question(&self) -> Vec<u8> {
        let mut sql = Vec::new();
        for (name, _) in self.values.iter().filter(|(_, value)| value.is_none()) {
            sql.extend_from_slice(if sql.is_empty() { b"SELECT " } else { b"," });
            let name = quoted(name);
            // The type without the value, a number as text, a text's bytes, and what they mean.
            for (before, after) in [
                ("IF(1,NULL,", "),"),
                ("LEFT(", ",100),"),
                ("COLLATION(", "),"),
                ("IF(OCTET_LENGTH(", &*format!(")>{MOST_BYTES},'-',HEX(")),
            ] {
                sql.extend_from_slice(before.as_bytes());
                sql.extend_from_slice(&name);
                sql.extend_from_slice(after.as_bytes());
            }
            sql.extend_from_slice(&name);
            sql.extend_from_slice(b"))");
        }
        sql.extend_from_slice(b" LIMIT 1");
        sql
    }

    /// Takes the answer to [`Self::question`]; gives the names that were never set. None, with nothing taken: a value cannot be
    /// carried.
    pub(super) fn read(&mut self, columns: &[Column], row: &Row) -> Option<Vec<Box<[u8]>>> {
        let unread: Vec<_> = self.values.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        if columns.len() != unread.len() * 4 || row.len() != columns.len() {
            return None;
        }
        let told = columns.chunks_exact(4).zip(row.chunks_exact(4));
        let (mut read, mut unset) = (Vec::new(), Vec::new());
        for (name, (columns, row)) in unread.into_iter().zip(told) {
            let column = columns.first()?;
            if column.field_type == TYPE_OF_UNSET && row.get(1)?.is_none() {
                unset.push(name.clone());
            } else {
                read.push((name.clone(), assignment(name, column, row)?));
            }
        }
        unset.iter().for_each(|name| drop(self.values.remove(name)));
        self.values.extend(read.into_iter().map(|(name, assignment)| (name, Some(assignment.into()))));
        self.unread_at = None;
        Some(unset)
    }
}

/// `@name` as it can stand in any statement.
fn quoted(name: &[u8]) -> Vec<u8> {
    [b"@`", name, b"`"].concat()
}

/// What makes a variable NULL; on MariaDB, as one is that was never set.
pub(super) fn cleared(name: &[u8]) -> Vec<u8> {
    let name = quoted(name);
    // A NULL leaves the type, so that comes first.
    [&name, b"=x'',".as_slice(), &name, b"=NULL"].concat()
}

/// From a column of the variable's type, and its value as text, its collation and its bytes as hexadecimal digits.
fn assignment(name: &[u8], column: &Column, row: &[Option<Vec<u8>>]) -> Option<Vec<u8>> {
    let [_, text, collation, hexadecimal] = row else { return None };
    let value = match column.field_type {
        // MYSQL_TYPE_TINY, SHORT, LONG, LONGLONG, INT24
        1..=3 | 8 | 9 => {
            let digits = text.as_deref().unwrap_or(b"NULL");
            return Some(as_integer(name, plain(digits)?, column.is_unsigned));
        }
        // MYSQL_TYPE_FLOAT, DOUBLE
        4 | 5 => match text.as_deref() {
            None => b"IF(0,0e0,NULL)".to_vec(),
            Some(digits) if digits.contains(&b'e') => plain(digits)?.to_vec(),
            Some(digits) => [plain(digits)?, b"e0"].concat(),
        },
        // MYSQL_TYPE_DECIMAL, NEWDECIMAL
        0 | 246 => match text.as_deref() {
            None => b"CAST(NULL AS DECIMAL(65,30))".to_vec(),
            Some(digits) => {
                let scale = digits.iter().position(|byte| *byte == b'.').map_or(0, |at| digits.len() - at - 1);
                [b"CAST('", plain(digits)?, format!("' AS DECIMAL(65,{scale}))").as_bytes()].concat()
            }
        },
        // MYSQL_TYPE_VARCHAR, TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB, VAR_STRING, STRING
        15 | 249..=254 => {
            let bytes = hexadecimal.as_deref().unwrap_or_default();
            let collation = collation.as_deref()?;
            if !bytes.iter().all(u8::is_ascii_hexdigit) || !collation.iter().all(|byte| is_of_names(*byte)) {
                return None;
            }
            let charset = collation.split(|byte| *byte == b'_').next()?;
            if !is_well_formed(charset, bytes) {
                return None;
            }
            let mut value = Vec::new();
            if collation == b"binary" {
                value = [b"x'", bytes, b"'"].concat();
            } else {
                for part in [b"_", charset, b" x'", bytes, b"' COLLATE ", collation] {
                    value.extend_from_slice(part);
                }
            }
            if hexadecimal.is_none() {
                let name = quoted(name);
                for part in [b",", name.as_slice(), b"=NULL"] {
                    value.extend_from_slice(part);
                }
            }
            value
        }
        _ => return None,
    };
    Some([&quoted(name), b"=".as_slice(), &value].concat())
}

fn as_integer(name: &[u8], digits: &[u8], is_unsigned: bool) -> Vec<u8> {
    let kind: &[u8] = if is_unsigned { b" AS UNSIGNED)" } else { b" AS SIGNED)" };
    [&quoted(name), b"=CAST(".as_slice(), digits, kind].concat()
}

/// Whether the text of these hexadecimal digits can be written as a literal of its character set: invalid ones are refused
/// there (error 1300), though variables may have them. What is not known here counts as one.
fn is_well_formed(charset: &[u8], digits: &[u8]) -> bool {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let Some(bytes) = digits.chunks(2).map(byte).collect::<Option<Vec<_>>>() else { return false };
    match charset {
        b"utf8mb4" => std::str::from_utf8(&bytes).is_ok(),
        b"utf8mb3" | b"utf8" => std::str::from_utf8(&bytes).is_ok_and(|text| text.chars().all(|c| c.len_utf8() < 4)),
        b"ucs2" => bytes.len() % 2 == 0 && bytes.chunks(2).all(|unit| !(0xD8..=0xDF).contains(&unit[0])),
        b"utf16" | b"utf16le" | b"utf32" => bytes.is_empty(),
        b"ascii" | b"gbk" | b"gb2312" | b"gb18030" | b"big5" | b"sjis" | b"cp932" | b"ujis" | b"eucjpms" | b"euckr" => {
            bytes.is_ascii()
        }
        // One byte is one character.
        _ => true,
    }
}

/// Digits and what else a number is written with.
fn plain(number: &[u8]) -> Option<&[u8]> {
    let is_of_numbers = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    number.iter().all(is_of_numbers).then_some(number)
}

const fn is_of_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);

    fn column(field_type: u8, is_unsigned: bool) -> Column {
        Column { name: String::new(), field_type, is_unsigned }
    }

    fn read(field_type: u8, is_unsigned: bool, row: [Option<&str>; 4]) -> Option<String> {
        let mut variables = UserVariables::default();
        variables.assigned(b"a".as_slice().into(), SERVER);
        let columns = [column(field_type, is_unsigned), column(253, false), column(253, false), column(253, false)];
        let row: Row = row.into_iter().map(|value| value.map(|value| value.as_bytes().to_vec())).collect();
        variables.read(&columns, &row)?;
        assert_eq!(variables.unread_at(), None);
        let value = variables.values().get(b"a".as_slice())?.clone()?;
        Some(String::from_utf8(value.into()).expect("ASCII"))
    }

    #[test]
    fn c2_a_value_is_set_again_as_what_it_is() {
        let number = |text| [None, Some(text), Some("binary"), Some("35")];
        assert_eq!(read(8, false, number("-5")).as_deref(), Some("@`a`=CAST(-5 AS SIGNED)"));
        assert_eq!(read(8, true, number("5")).as_deref(), Some("@`a`=CAST(5 AS UNSIGNED)"));
        assert_eq!(read(8, false, [None; 4]).as_deref(), Some("@`a`=CAST(NULL AS SIGNED)"));
        assert_eq!(read(5, false, number("0.5")).as_deref(), Some("@`a`=0.5e0"));
        assert_eq!(read(5, false, number("1e300")).as_deref(), Some("@`a`=1e300"));
        assert_eq!(read(246, false, number("1.50")).as_deref(), Some("@`a`=CAST('1.50' AS DECIMAL(65,2))"));
        let text = [None, Some("y"), Some("latin1_bin"), Some("79")];
        assert_eq!(read(250, false, text).as_deref(), Some("@`a`=_latin1 x'79' COLLATE latin1_bin"));
        let null = [None, None, Some("utf8mb4_bin"), None];
        assert_eq!(read(251, false, null).as_deref(), Some("@`a`=_utf8mb4 x'' COLLATE utf8mb4_bin,@`a`=NULL"));
        assert_eq!(read(250, false, [None, Some("?"), Some("binary"), Some("00FF")]).as_deref(), Some("@`a`=x'00FF'"));
    }

    #[test]
    fn what_was_never_set_is_no_variable() {
        let mut variables = UserVariables::default();
        variables.assigned(b"a".as_slice().into(), SERVER);
        let columns = [253, 253, 253, 253].map(|field_type| column(field_type, false));
        let unset = variables.read(&columns, &vec![None, None, Some(b"binary".to_vec()), None]);
        assert_eq!(unset.expect("read"), [Box::from(b"a".as_slice())]);
        assert!(variables.values().is_empty());
    }

    #[test]
    fn what_cannot_be_set_again_is_not_carried() {
        assert_eq!(read(255, false, [None, Some("?"), Some("binary"), Some("00")]), None, "a geometry (MariaDB)");
        assert_eq!(read(251, false, [None, Some("long"), Some("binary"), Some("-")]), None, "too long");
        let gbk = [None, Some("?"), Some("gbk_chinese_ci"), Some("E4")];
        assert_eq!(read(251, false, gbk), None, "no such character (error 1300)");
        assert_eq!(read(251, false, [None, Some("?"), Some("utf8mb4_bin"), Some("E4")]), None, "no UTF-8");
        assert_eq!(read(8, false, [None, Some("1); DROP"), Some("binary"), Some("00")]), None, "no number");
        assert_eq!(read(250, false, [None, Some("x"), Some("latin1'"), Some("79")]), None, "no collation");
        let mut variables = UserVariables::default();
        variables.assigned(b"a".as_slice().into(), SERVER);
        assert_eq!(variables.read(&[], &Row::new()), None, "no metadata");
        assert_eq!(variables.unread_at(), Some(SERVER));
    }

    #[test]
    fn the_question_asks_for_what_only_the_connection_knows() {
        let mut variables = UserVariables::default();
        variables.assigned(b"a".as_slice().into(), SERVER);
        let asked = "SELECT IF(1,NULL,@`a`),LEFT(@`a`,100),COLLATION(@`a`),\
                     IF(OCTET_LENGTH(@`a`)>16384,'-',HEX(@`a`)) LIMIT 1";
        assert_eq!(String::from_utf8(variables.question()).expect("ASCII"), asked);
    }
}
