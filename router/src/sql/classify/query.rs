//! Statements that ask: SELECT, TABLE, VALUES, WITH, EXPLAIN, SHOW.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::{Access, Verb};

/// SELECT, TABLE, VALUES.
pub(super) fn query(reader: &mut Reader<'_>) -> Verb {
    reader.rest();
    Verb::Select
}

/// WITH: a query, or a statement that writes behind common table expressions.
pub(super) fn with(reader: &mut Reader<'_>) -> Verb {
    let outer = reader.depth;
    let mut verb = Verb::Select;
    while !reader.is_at_end() {
        let writes = matches!(reader.keyword(), K::Update | K::Delete | K::Insert | K::Replace);
        let before = reader.verdict.access;
        let at_depth = reader.depth == outer;
        reader.step();
        // The step tells a function's name (`REPLACE(…)`) or FOR UPDATE from the verb.
        if writes && at_depth && before != Access::Primary && reader.verdict.access == Access::Primary {
            verb = Verb::Dml;
        }
    }
    verb
}

/// EXPLAIN, DESCRIBE, DESC: of a table, of a connection, or of a statement, which EXPLAIN ANALYZE runs.
pub(super) fn explain(reader: &mut Reader<'_>) -> Verb {
    reader.next();
    reader.verdict.raise(Access::Node, "plans and tables' descriptions are the server's own");
    loop {
        match reader.keyword() {
            K::Select | K::Values | K::Table | K::With => {
                reader.rest();
                break;
            }
            K::Insert | K::Replace | K::Update | K::Delete => {
                // A server that takes no writes refuses even to plan one (measured: error 1290 on both flavours).
                reader.verdict.raise(Access::Primary, "plans or runs a statement that writes");
                super::data::data(reader);
                break;
            }
            _ if reader.is_at_end() => break,
            // FORMAT=…, INTO @v, FOR CONNECTION n, FOR SCHEMA s, a table's name
            _ => {
                reader.step();
            }
        }
    }
    Verb::Show
}

/// SHOW, HELP.
pub(super) fn show(reader: &mut Reader<'_>) -> Verb {
    reader.next();
    reader.verdict.raise(Access::Node, "SHOW tells of the server it runs on");
    match reader.keyword() {
        K::Warnings | K::Errors | K::Profile | K::Profiles => asks_previous(reader),
        K::Count => {
            reader.next();
            if reader.take_punctuation(b'(') && reader.take_punctuation(b'*') && reader.take_punctuation(b')') {
                asks_previous(reader);
            }
        }
        _ => {}
    }
    while !reader.is_at_end() && reader.keyword() != K::Where {
        reader.next();
    }
    reader.rest();
    Verb::Show
}

fn asks_previous(reader: &mut Reader<'_>) {
    reader.verdict.raise(Access::Previous, "asks about the previous statement");
}
