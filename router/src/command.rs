//! Commands that carry no SQL, as statements: where they may run and what they leave behind.

use rolecall_protocol::command::Command;

use crate::sql::{Access, Effects, Statement, Verb, Why};

/// The verdict on a command that is forwarded without a look at its content.
#[must_use]
pub const fn statement_of(command: Command) -> Statement {
    let (verb, access, effects, why) = match command {
        Command::InitDb => (Verb::Use, Access::Session, Effects::CHANGES_SCHEMA, "changes the default schema"),
        Command::SetOption => (Verb::Set, Access::Session, Effects::SETS_VARIABLES, "changes an option of the session"),
        Command::Ping | Command::Debug => {
            (Verb::Show, Access::Session, Effects::empty(), "asks whether the server is there")
        }
        Command::Statistics | Command::ProcessInfo | Command::FieldList => {
            (Verb::Show, Access::Node, Effects::empty(), "answers differ from server to server")
        }
        Command::RegisterReplica | Command::BinlogDump | Command::BinlogDumpGtid => {
            (Verb::Administration, Access::Primary, Effects::OPAQUE_STATE, "a replica's connection")
        }
        Command::CreateDb | Command::DropDb => (Verb::Ddl, Access::Primary, Effects::CHANGES_SCHEMA, "changes schemas"),
        _ => (Verb::Administration, Access::Primary, Effects::empty(), "an administrative command"),
    };
    Statement {
        verb,
        access,
        effects,
        hint: None,
        returns_part: false,
        counts_matched: false,
        has_query: true,
        why: Why(why),
    }
}

/// Whether data may have changed for good by a statement whose server was lost before it answered: then the client must
/// be told that the outcome is not known (traps B20, B21). Inside a transaction only what may commit can do that.
#[must_use]
pub fn may_have_changed_data(statement: &Statement, in_transaction: bool) -> bool {
    if !in_transaction {
        let is_about_session = matches!(statement.access, Access::Session | Access::Previous);
        return !is_repeatable(statement) && !is_about_session;
    }
    let commits = match statement.verb {
        Verb::Select
        | Verb::Show
        | Verb::Dml
        | Verb::Do
        | Verb::Rollback
        | Verb::Savepoint
        | Verb::Use
        | Verb::Kill
        | Verb::Empty => false,
        Verb::Ddl
        | Verb::Set
        | Verb::Begin
        | Verb::Commit
        | Verb::Prepared
        | Verb::Administration
        | Verb::Several
        | Verb::Unknown => true,
    };
    commits || statement.effects.contains(Effects::UNKNOWN_ROUTINE)
}

/// Whether a statement may run a second time, elsewhere, when its server was lost before a byte of the answer reached
/// the client: a read that leaves nothing behind.
#[must_use]
pub fn is_repeatable(statement: &Statement) -> bool {
    matches!(statement.access, Access::Read | Access::Node) && statement.effects.is_empty()
}
