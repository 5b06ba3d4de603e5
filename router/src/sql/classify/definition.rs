//! Statements that define: CREATE, ALTER, DROP, TRUNCATE, RENAME, GRANT, REVOKE.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Access, Effects, Verb};

/// CREATE.
pub(super) fn create(reader: &mut Reader<'_>) -> Verb {
    reader.next();
    reader.verdict.raise(Access::Primary, "defines");
    let temporary = loop {
        match reader.keyword() {
            K::Or | K::Replace | K::Unique | K::Spatial => {
                reader.next();
            }
            K::Temporary => break true,
            _ => break false,
        }
    };
    if temporary {
        reader.verdict.leaves(Effects::TEMPORARY_TABLE, "creates a temporary table");
    }
    match kind(reader) {
        K::Procedure | K::Function | K::Trigger | K::Event | K::Package => routine(reader),
        K::View => reader.skip(),
        _ => table(reader),
    }
    Verb::Ddl
}

/// What is created: the first word that says so, behind DEFINER=… and its like.
fn kind(reader: &mut Reader<'_>) -> K {
    while !reader.is_at_end() {
        let keyword = reader.keyword();
        match keyword {
            K::Procedure
            | K::Function
            | K::Trigger
            | K::Event
            | K::Package
            | K::View
            | K::Table
            | K::Database
            | K::Schema
            | K::Index
            | K::User
            | K::Role => return keyword,
            _ if reader.peek().kind == Kind::Punctuation(b'(') && reader.keyword() == K::None => {
                // DEFINER=CURRENT_USER()
                reader.next();
            }
            _ => {
                reader.next();
            }
        }
    }
    K::None
}

/// Columns, keys and options call nothing; a query behind them may.
fn table(reader: &mut Reader<'_>) {
    while !reader.is_at_end() && !matches!(reader.keyword(), K::Select | K::With | K::Values) {
        reader.next();
    }
    reader.rest();
}

/// A routine's body, which ends where its blocks are closed; it does not run now.
fn routine(reader: &mut Reader<'_>) {
    let mut open = 0_u32;
    loop {
        match reader.peek().kind {
            Kind::End => break,
            Kind::Punctuation(b';') if open == 0 => break,
            Kind::Word(K::Begin | K::Case) => {
                open += 1;
                reader.next();
            }
            Kind::Word(K::End) => {
                reader.next();
                match reader.keyword() {
                    // Their beginnings are not counted: IF( and REPEAT( are functions, too.
                    K::If | K::While | K::Repeat | K::Loop | K::For => {}
                    _ => open = open.saturating_sub(1),
                }
                if matches!(reader.keyword(), K::If | K::While | K::Repeat | K::Loop | K::For | K::Case) {
                    reader.next();
                }
            }
            _ => {
                reader.next();
            }
        }
    }
    if open > 0 {
        reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "a routine's body whose end is not clear");
    }
}

/// ALTER, DROP, TRUNCATE, RENAME, GRANT, REVOKE, IMPORT.
pub(super) fn other(reader: &mut Reader<'_>) -> Verb {
    let verb = reader.keyword();
    reader.next();
    if verb == K::Drop && reader.keyword() == K::Prepare {
        reader.verdict.raise(Access::Primary, "drops a statement that was prepared by text");
        reader.skip();
        return Verb::Prepared;
    }
    reader.verdict.raise(Access::Primary, "defines");
    match (verb, reader.keyword()) {
        (K::Drop, K::Database | K::Schema) => reader.verdict.effects |= Effects::CHANGES_SCHEMA,
        (K::Drop, K::Table | K::Tables | K::Temporary | K::Sequence) => {
            reader.verdict.effects |= Effects::DROPS_TEMPORARY;
        }
        (K::Alter, K::Event) => {
            routine(reader);
            return Verb::Ddl;
        }
        _ => {}
    }
    reader.skip();
    Verb::Ddl
}
