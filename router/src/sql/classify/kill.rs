//! KILL.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Access, Lexing, Verb};

/// What KILL is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillTarget {
    /// A literal connection id.
    Id(u64),
    /// `CONNECTION_ID()`: the session itself.
    Own,
    /// An expression, USER, or QUERY ID (MariaDB): not mapped.
    Other,
}

/// A KILL statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// KILL QUERY rather than KILL or KILL CONNECTION.
    pub query_only: bool,
    /// Its target.
    pub target: KillTarget,
}

/// Classifies it, from its verb on.
pub(super) fn statement(reader: &mut Reader<'_>) -> Verb {
    reader.verdict.raise(Access::Primary, "ends a connection or its statement");
    reader.rest();
    Verb::Kill
}

/// Reads a KILL statement (verb [`Verb::Kill`]).
#[must_use]
pub fn kill(sql: &[u8], lexing: &Lexing) -> Option<Kill> {
    let mut reader = Reader::new(sql, lexing, None);
    if !reader.take(K::Kill) {
        return None;
    }
    if matches!(reader.keyword(), K::Hard | K::Soft) {
        reader.next();
    }
    let query_only = reader.take(K::Query);
    if !query_only {
        reader.take(K::Connection);
    }
    Some(Kill { query_only, target: target(&mut reader) })
}

fn target(reader: &mut Reader<'_>) -> KillTarget {
    let first = reader.next();
    let target = match first.kind {
        Kind::Number => std::str::from_utf8(first.text).ok().and_then(|text| text.parse().ok()).map(KillTarget::Id),
        Kind::Word(K::ConnectionId) => {
            (reader.take_punctuation(b'(') && reader.take_punctuation(b')')).then_some(KillTarget::Own)
        }
        _ => None,
    };
    while reader.take_punctuation(b';') {}
    match target {
        Some(target) if reader.peek().kind == Kind::End => target,
        _ => KillTarget::Other,
    }
}
