//! Transactions, the schema, and statements that are prepared by text.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::{Access, Effects, Verb};

/// BEGIN, START, COMMIT, ROLLBACK, SAVEPOINT, RELEASE.
pub(super) fn transaction(reader: &mut Reader<'_>) -> Verb {
    let verb = reader.keyword();
    reader.next();
    match verb {
        K::Begin => begin(reader),
        K::Start => start(reader),
        K::Commit => end(reader, Verb::Commit),
        K::Rollback => {
            reader.take(K::Work);
            if reader.keyword() == K::To { savepoint(reader) } else { end(reader, Verb::Rollback) }
        }
        _ => savepoint(reader),
    }
}

fn begin(reader: &mut Reader<'_>) -> Verb {
    reader.take(K::Work);
    if !reader.is_at_end() {
        // BEGIN NOT ATOMIC … END (MariaDB), with statements inside.
        while reader.peek().kind != crate::sql::token::Kind::End {
            reader.step();
        }
        reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "a compound statement");
        return Verb::Unknown;
    }
    reader.verdict.leaves(Effects::BEGINS, "begins a transaction");
    Verb::Begin
}

/// START TRANSACTION with its characteristics; START REPLICA, SLAVE, GROUP_REPLICATION.
fn start(reader: &mut Reader<'_>) -> Verb {
    if !reader.take(K::Transaction) {
        reader.skip();
        reader.verdict.raise(Access::Primary, "administers the server");
        return Verb::Administration;
    }
    reader.verdict.leaves(Effects::BEGINS, "begins a transaction");
    while !reader.is_at_end() {
        if reader.take(K::Only) {
            reader.verdict.effects |= Effects::READ_ONLY;
        } else if reader.take(K::Snapshot) {
            reader.verdict.effects |= Effects::SNAPSHOT;
        } else {
            reader.next();
        }
    }
    Verb::Begin
}

/// COMMIT and ROLLBACK: AND CHAIN begins the next transaction at once, RELEASE closes the connection.
fn end(reader: &mut Reader<'_>, verb: Verb) -> Verb {
    reader.verdict.raise(Access::Session, "ends a transaction");
    let mut negated = false;
    while !reader.is_at_end() {
        let keyword = reader.keyword();
        reader.next();
        reader.verdict.effects |= match (keyword, negated) {
            (K::Chain, false) => Effects::BEGINS,
            (K::Release, false) => Effects::RELEASES_SESSION,
            (K::Release, true) => Effects::KEEPS_SESSION,
            _ => Effects::empty(),
        };
        negated = keyword == K::No;
    }
    verb
}

fn savepoint(reader: &mut Reader<'_>) -> Verb {
    reader.verdict.raise(Access::Session, "a savepoint");
    reader.skip();
    Verb::Savepoint
}

/// USE.
pub(super) fn schema(reader: &mut Reader<'_>) -> Verb {
    reader.verdict.effects |= Effects::CHANGES_SCHEMA;
    reader.verdict.raise(Access::Session, "changes the schema");
    reader.skip();
    Verb::Use
}

/// PREPARE, EXECUTE, DEALLOCATE PREPARE.
pub(super) fn prepared(reader: &mut Reader<'_>) -> Verb {
    match reader.keyword() {
        K::Prepare => reader.verdict.leaves(Effects::TEXT_PREPARED, "prepares a statement by text"),
        K::Execute => {
            let effects = Effects::TEXT_PREPARED | Effects::UNKNOWN_ROUTINE;
            reader.verdict.leaves(effects, "executes a statement that was prepared by text");
        }
        _ => reader.verdict.raise(Access::Primary, "drops a statement that was prepared by text"),
    }
    reader.next();
    reader.rest();
    Verb::Prepared
}
