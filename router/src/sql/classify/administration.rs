//! Administration: locks, handlers, XA, maintenance of tables and of the server.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Access, Effects, Verb};

/// Everything but ANALYZE.
pub(super) fn other(reader: &mut Reader<'_>) -> Verb {
    let verb = reader.keyword();
    reader.next();
    match verb {
        K::Checksum => {
            reader.rest();
            return Verb::Administration;
        }
        K::Get => {
            diagnostics(reader);
            return Verb::Administration;
        }
        // What is locked in one of these ways is not released in the other.
        K::Lock if reader.keyword() == K::Instance => reader.verdict.effects |= Effects::OPAQUE_STATE,
        K::Unlock if reader.keyword() == K::Instance => {}
        K::Lock => reader.verdict.effects |= Effects::TABLE_LOCK,
        K::Unlock => reader.verdict.effects |= Effects::UNLOCKS,
        K::Handler => reader.verdict.effects |= Effects::HANDLER,
        K::Xa => reader.verdict.effects |= Effects::XA,
        K::Binlog => reader.verdict.effects |= Effects::OPAQUE_STATE,
        K::Flush => flush(reader),
        // MariaDB: BACKUP STAGE …, BACKUP LOCK t, which UNLOCK TABLES does not end.
        K::Backup => reader.verdict.effects |= Effects::OPAQUE_STATE,
        _ => {}
    }
    reader.skip();
    reader.verdict.raise(Access::Primary, "administers the server");
    Verb::Administration
}

/// GET [CURRENT | STACKED] DIAGNOSTICS reads what the previous statement left into variables.
fn diagnostics(reader: &mut Reader<'_>) {
    reader.verdict.effects |= Effects::USER_VARIABLES;
    reader.verdict.raise(Access::Previous, "asks about the previous statement");
    reader.rest();
}

/// FLUSH TABLES … WITH READ LOCK and … FOR EXPORT.
fn flush(reader: &mut Reader<'_>) {
    while !reader.is_at_end() {
        if matches!(reader.next().kind, Kind::Word(K::Lock | K::Export)) {
            reader.verdict.effects |= Effects::TABLE_LOCK;
        }
    }
}

/// ANALYZE TABLE, which writes; in MariaDB also ANALYZE of a statement, which runs it.
pub(super) fn analyze(reader: &mut Reader<'_>) -> Verb {
    let mut ahead = reader.clone();
    ahead.next();
    if ahead.take(K::Format) {
        ahead.next();
        ahead.next();
    }
    if matches!(ahead.keyword(), K::Select | K::With | K::Values | K::Insert | K::Replace | K::Update | K::Delete)
        || ahead.peek().kind == Kind::Punctuation(b'(')
    {
        // ANALYZE SELECT runs it; the words of statements that write are noticed as such.
        reader.verdict.raise(Access::Node, "plans are the server's own");
        if matches!(ahead.keyword(), K::Insert | K::Replace) {
            super::data::data(&mut ahead);
            *reader = ahead;
        } else {
            reader.next();
            reader.rest();
        }
        return Verb::Show;
    }
    other(reader)
}
