//! `SELECT CONNECTION_ID()` and nothing else, which the proxy answers itself.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Lexing, byte};

/// The column name of a bare `SELECT CONNECTION_ID()` (as the server would name it), which the proxy answers itself;
/// None for anything else.
///
/// The name is the expression as it is written, or the alias. Where that is not plain (comments inside, quotes in an
/// alias, bytes outside ASCII) the server is asked instead.
#[must_use]
pub fn bare_connection_id<'a>(sql: &'a [u8], lexing: &Lexing) -> Option<&'a [u8]> {
    let mut reader = Reader::new(sql, lexing, None);
    if !reader.take(K::Select) {
        return None;
    }
    let name = reader.peek();
    if !reader.take(K::ConnectionId) || !reader.take_punctuation(b'(') {
        return None;
    }
    let close = reader.peek();
    if !reader.take_punctuation(b')') {
        return None;
    }
    let expression = sql.get(name.start..close.end)?;
    let column = if reader.is_at_end() { expression } else { alias(&mut reader)? };
    while reader.take_punctuation(b';') {}
    let is_plain = expression.iter().all(|byte| byte::is_space(*byte) || is_plain(*byte));
    (reader.peek().kind == Kind::End && reader.findings().doubt.is_none() && is_plain).then_some(column)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'(' | b')')
}

/// `[AS] name`, in any quotes.
pub(super) fn alias<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let explicit = reader.take(K::As);
    let token = reader.next();
    let name = match token.kind {
        Kind::Word(K::None) => token.text,
        Kind::Word(_) if explicit => return None,
        Kind::Quoted => token.text,
        Kind::Text if matches!(token.text.first(), Some(b'\'' | b'"')) => &token.text[1..token.text.len() - 1],
        _ => return None,
    };
    let is_plain = name.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'\'' | b'"' | b'`'));
    (is_plain && !name.is_empty() && name.len() <= 64 && name.trim_ascii() == name).then_some(name)
}
