//! Variables that the proxy itself has: `@@rolecall_consistency`, `@@rolecall_causal_token`.

use super::connection_id::alias;
use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::{Kind, Token};
use crate::sql::{Lexing, OwnVariable, variable};

/// What a statement does with one of the proxy's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnVariableUse {
    /// `SELECT @@name`; the column's name, as a server would name it.
    Show(OwnVariable, Box<[u8]>),
    /// `SET name = value`; None is DEFAULT.
    Set(OwnVariable, Option<Box<[u8]>>),
    /// `SET name = ?`, to be prepared.
    Bind(OwnVariable),
}

/// Reads a statement that is about one of the proxy's variables and nothing else. None for all others: a server answers
/// those that mention one with error 1193.
#[must_use]
pub fn own_variable(sql: &[u8], lexing: &Lexing) -> Option<OwnVariableUse> {
    let mut reader = Reader::new(sql, lexing, None);
    let found = match reader.keyword() {
        K::Select => show(&mut reader, sql)?,
        K::Set => set(&mut reader)?,
        _ => return None,
    };
    while reader.take_punctuation(b';') {}
    (reader.peek().kind == Kind::End && reader.findings().doubt.is_none()).then_some(found)
}

fn show<'a>(reader: &mut Reader<'a>, sql: &'a [u8]) -> Option<OwnVariableUse> {
    reader.next();
    let start = reader.peek().start;
    let name = at_name(reader)?;
    let own = OwnVariable::from_name(name.text)?;
    let column = if reader.is_at_end() { sql.get(start..name.end)? } else { alias(reader)? };
    Some(OwnVariableUse::Show(own, column.into()))
}

fn set(reader: &mut Reader<'_>) -> Option<OwnVariableUse> {
    reader.next();
    let name = if reader.peek().kind == Kind::SystemVariable {
        at_name(reader)?
    } else {
        let _ = reader.take(K::Session) || reader.take(K::Local);
        reader.next()
    };
    let own = OwnVariable::from_name(name.text)?;
    let _ = reader.take_punctuation(b':');
    if !reader.take_punctuation(b'=') {
        return None;
    }
    let value = reader.next();
    let value = match value.kind {
        Kind::Word(K::Default) => None,
        Kind::Word(_) => Some(value.text),
        Kind::Text if matches!(value.text.first(), Some(b'\'' | b'"')) && !value.text.contains(&b'\\') => {
            Some(value.text.get(1..value.text.len() - 1)?)
        }
        Kind::Punctuation(b'?') => return Some(OwnVariableUse::Bind(own)),
        _ => return None,
    };
    Some(OwnVariableUse::Set(own, value.map(Into::into)))
}

/// `@@name` or `@@session.name`.
fn at_name<'a>(reader: &mut Reader<'a>) -> Option<Token<'a>> {
    let first = reader.next();
    if first.kind != Kind::SystemVariable {
        return None;
    }
    if variable::is_session(first.text) && reader.take_punctuation(b'.') { Some(reader.next()) } else { Some(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Option<OwnVariableUse> {
        own_variable(sql.as_bytes(), &Lexing::default())
    }

    #[test]
    fn one_variable_and_nothing_else() {
        use OwnVariable::{CausalToken, Consistency};
        use OwnVariableUse::{Bind, Set, Show};
        let bytes = |text: &str| text.as_bytes().into();
        for (sql, expected) in [
            ("SELECT @@rolecall_consistency", Show(Consistency, bytes("@@rolecall_consistency"))),
            ("select @@session.Rolecall_Causal_Token AS t;", Show(CausalToken, bytes("t"))),
            ("SET rolecall_consistency = strong", Set(Consistency, Some(bytes("strong")))),
            ("SET SESSION rolecall_consistency='global'", Set(Consistency, Some(bytes("global")))),
            ("SET @@rolecall_consistency := DEFAULT", Set(Consistency, None)),
            ("SET @@session.rolecall_causal_token = \"rc1:\"", Set(CausalToken, Some(bytes("rc1:")))),
            ("set rolecall_causal_token = ?", Bind(CausalToken)),
        ] {
            assert_eq!(read(sql), Some(expected), "{sql}");
        }
        for sql in [
            "SELECT @@rolecall_consistency, 1",
            "SELECT @@global.rolecall_consistency",
            "SET rolecall_consistency = strong, autocommit = 0",
            "SET GLOBAL rolecall_consistency = strong",
            "SET rolecall_other = 1",
            "SELECT 1; SELECT @@rolecall_consistency",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }
}
