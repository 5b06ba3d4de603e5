//! Statements that change data: INSERT, REPLACE, UPDATE, DELETE, LOAD, CALL, DO.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Access, Effects, Verb};

/// Reads one of them from its verb on.
pub(super) fn data(reader: &mut Reader<'_>) -> Verb {
    let verb = reader.keyword();
    reader.next();
    reader.verdict.raise(Access::Primary, "writes");
    match verb {
        K::Insert | K::Replace => target(reader),
        K::Load => load(reader),
        K::Call => call(reader),
        K::Update => reader.verdict.counts_matched = true,
        _ => {}
    }
    reader.rest();
    if verb == K::Do { Verb::Do } else { Verb::Dml }
}

/// The table of INSERT and REPLACE, whose columns follow in parentheses without making it a function.
pub(super) fn target(reader: &mut Reader<'_>) {
    while matches!(reader.keyword(), K::LowPriority | K::Delayed | K::HighPriority | K::Ignore | K::Into) {
        reader.next();
    }
    table_name(reader);
    // VALUE is no reserved word, and `INSERT t VALUE (1)` no call.
    if matches!(reader.keyword(), K::Value | K::Values) {
        reader.next();
    }
}

/// A table's name, with or without its schema.
pub(super) fn table_name(reader: &mut Reader<'_>) {
    if !matches!(reader.peek().kind, Kind::Word(_) | Kind::Quoted) {
        return;
    }
    let name = reader.next();
    reader.table(name);
    if reader.take_punctuation(b'.') && matches!(reader.peek().kind, Kind::Word(_) | Kind::Quoted) {
        let name = reader.next();
        reader.table(name);
    }
}

/// LOAD DATA, LOAD XML, LOAD INDEX: columns and variables in parentheses, then SET with expressions.
fn load(reader: &mut Reader<'_>) {
    while !reader.is_at_end() && reader.keyword() != K::Set {
        let token = reader.next();
        reader.table(token);
        match token.kind {
            Kind::Word(K::Local) => reader.verdict.effects |= Effects::LOCAL_FILE,
            Kind::UserVariable => reader.verdict.effects |= Effects::USER_VARIABLES,
            _ => {}
        }
    }
}

/// CALL: nobody looks into the procedure; variables in its arguments may be OUT parameters.
fn call(reader: &mut Reader<'_>) {
    reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "calls a procedure");
    table_name(reader);
    let mut ahead = reader.clone();
    while !ahead.is_at_end() {
        if ahead.next().kind == Kind::UserVariable {
            reader.verdict.effects |= Effects::USER_VARIABLES;
        }
    }
}
