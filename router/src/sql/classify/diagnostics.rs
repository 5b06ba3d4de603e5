//! GET DIAGNOSTICS: which user variables it sets, and to what kind of value.

use super::reader::Reader;
use crate::sql::Lexing;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;

/// One `@variable = ITEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosticsItem {
    /// The variable as it is written, with its `@` and quotes.
    pub variable: Box<[u8]>,
    /// Whether the item is a number; all others are texts.
    pub is_number: bool,
}

/// What a text sets that is one GET DIAGNOSTICS into user variables; None for anything else.
#[must_use]
pub fn diagnostics_items(sql: &[u8], lexing: &Lexing) -> Option<Vec<DiagnosticsItem>> {
    const NUMBERS: [&[u8]; 3] = [b"NUMBER", b"ROW_COUNT", b"MYSQL_ERRNO"];
    let mut reader = Reader::new(sql, lexing, None);
    if !reader.take(K::Get) {
        return None;
    }
    reader.take(K::Current);
    if !reader.take(K::Diagnostics) {
        return None;
    }
    if reader.peek().text.eq_ignore_ascii_case(b"CONDITION") {
        reader.next();
        if !matches!(reader.next().kind, Kind::Number | Kind::UserVariable) {
            return None;
        }
    }
    let mut items = Vec::new();
    loop {
        let variable = reader.next();
        let assigns = variable.kind == Kind::UserVariable && reader.take_punctuation(b'=');
        let item = reader.next();
        if !assigns || !matches!(item.kind, Kind::Word(_)) {
            return None;
        }
        let is_number = NUMBERS.iter().any(|name| item.text.eq_ignore_ascii_case(name));
        items.push(DiagnosticsItem { variable: variable.text.into(), is_number });
        if !reader.take_punctuation(b',') {
            break;
        }
    }
    while reader.take_punctuation(b';') {}
    (reader.peek().kind == Kind::End && reader.findings().doubt.is_none()).then_some(items)
}
