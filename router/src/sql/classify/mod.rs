//! Classification: from a text to a [`Statement`].
//!
//! The first keyword says what a statement is; what stands behind it can only make the verdict more careful.

mod administration;
mod answered;
mod assigned;
mod body;
mod connection_id;
mod data;
mod definition;
mod diagnostics;
mod held;
mod kill;
mod own_variable;
mod query;
mod reader;
mod set;
mod transaction;
mod verdict;

pub use answered::{Answered, QuestionForm, answered};
pub use assigned::{assigned_integers, user_variable_name, user_variables};
pub use connection_id::bare_connection_id;
pub use held::{HeldChange, TableName, executed_name, held_change, is_alter_or_rename};
pub use kill::{Kill, KillTarget, kill};
pub use own_variable::{OwnVariableUse, own_variable};
pub use set::{NamedCollation, names_collation};

pub(crate) use body::{body_is_harmless, names_leaving_table, trigger_leaves_nothing, view_is_harmless};

pub(crate) use reader::system_schema;

use reader::Reader;

use super::keyword::Keyword;
use super::statement::Why;
use super::token::Kind;
use super::{Access, ClientCharset, Effects, Lexing, SqlMode, Statement, Verb};
use crate::catalogue::Catalogue;

/// Classifies a statement's whole text. Never allocates for a common statement; never fails: what is not understood is
/// [`Statement::unknown`].
#[must_use]
pub fn classify(sql: &[u8], lexing: &Lexing, catalogue: &Catalogue) -> Statement {
    let mut reader = Reader::new(sql, lexing, Some(catalogue));
    let mut verb = first(&mut reader);
    while reader.take_punctuation(b';') {}
    if reader.peek().kind != Kind::End {
        let answers_itself = answers_itself(&reader, verb, sql);
        verb = others(&mut reader);
        if answers_itself {
            reader.verdict.effects -= Effects::ASKS_PREVIOUS;
        }
    }
    finish(&reader, verb, lexing)
}

/// The first statement; none before a semicolon that stands at the beginning.
fn first(reader: &mut Reader<'_>) -> Verb {
    if reader.is_at_end() {
        reader.verdict.raise(Access::Session, "no statement");
        return Verb::Empty;
    }
    statement(reader)
}

/// Whether questions behind the first statement of a text are about that one, whatever ran before the text: `UPDATE …; SELECT
/// ROW_COUNT()`. Words that are not there ask nothing.
fn answers_itself(reader: &Reader<'_>, first: Verb, sql: &[u8]) -> bool {
    let has = |word: &[u8]| sql.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let asks = reader.verdict.access == Access::Previous || reader.verdict.effects.contains(Effects::ASKS_PREVIOUS);
    match first {
        // It opens tables, which takes away all conditions; only UPDATE counts for FOUND_ROWS(), and on MySQL.
        Verb::Dml => !asks && !reader.verdict.effects.contains(Effects::UNKNOWN_ROUTINE) && !has(b"FOUND_ROWS"),
        // Without a table it keeps MariaDB's conditions.
        Verb::Select => !asks && ![&b"WARNING"[..], b"ERROR", b"DIAGNOSTICS"].iter().any(|word| has(word)),
        _ => false,
    }
}

/// What follows the first semicolon.
fn others(reader: &mut Reader<'_>) -> Verb {
    let mut all = reader.verdict;
    while reader.peek().kind != Kind::End {
        reader.begin_statement();
        statement(reader);
        all.merge(&reader.verdict);
        while reader.take_punctuation(b';') {}
    }
    all.effects -= Effects::UNKNOWN_WORD;
    all.raise(Access::Primary, "several statements");
    reader.verdict = all;
    Verb::Several
}

/// One statement, up to its end.
fn statement(reader: &mut Reader<'_>) -> Verb {
    use Keyword as K;
    while reader.take_punctuation(b'(') {
        reader.depth += 1;
    }
    match reader.keyword() {
        K::Select | K::Values | K::Table => query::query(reader),
        K::With => query::with(reader),
        K::Explain | K::Describe | K::Desc => query::explain(reader),
        K::Show | K::Help => query::show(reader),
        K::Insert | K::Replace | K::Update | K::Delete | K::Load | K::Call | K::Do => data::data(reader),
        K::Create => definition::create(reader),
        K::Alter | K::Drop | K::Truncate | K::Rename | K::Grant | K::Revoke | K::Import => definition::other(reader),
        K::Set => set::set(reader),
        K::Use => transaction::schema(reader),
        K::Begin | K::Start | K::Commit | K::Rollback | K::Savepoint | K::Release => transaction::transaction(reader),
        K::Prepare | K::Execute | K::Deallocate => transaction::prepared(reader),
        K::Kill => kill::statement(reader),
        K::Analyze => administration::analyze(reader),
        K::Lock
        | K::Unlock
        | K::Flush
        | K::Handler
        | K::Xa
        | K::Check
        | K::Checksum
        | K::Optimize
        | K::Repair
        | K::Install
        | K::Uninstall
        | K::Clone
        | K::Reset
        | K::Purge
        | K::Change
        | K::Stop
        | K::Cache
        | K::Binlog
        | K::Backup
        | K::Shutdown
        | K::Restart
        | K::Get
        | K::Signal
        | K::Resignal => administration::other(reader),
        _ => unknown(reader),
    }
}

fn unknown(reader: &mut Reader<'_>) -> Verb {
    // MariaDB runs compound statements, which begin with IF, CASE, LOOP and the like, or with a label.
    let first = reader.next().kind;
    if matches!(first, Kind::Word(Keyword::None)) && reader.peek().kind != Kind::Punctuation(b':') {
        reader.verdict.effects |= Effects::UNKNOWN_WORD;
    }
    reader.rest();
    reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "begins with no known word");
    Verb::Unknown
}

/// What only the whole text shows.
fn finish(reader: &Reader<'_>, verb: Verb, lexing: &Lexing) -> Statement {
    let findings = reader.findings();
    let mut verdict = reader.verdict;
    // What only reads fires none; what locks rows, neither.
    let may_change = match verb {
        Verb::Dml | Verb::Several | Verb::Unknown => true,
        Verb::Select => verdict.access == Access::Primary && !verdict.effects.contains(Effects::LOCKS_ROWS),
        _ => false,
    };
    if verdict.names_leaving_table && may_change {
        verdict.leaves(Effects::UNKNOWN_ROUTINE, "changes a table whose trigger may leave something");
    }
    if findings.other_version {
        verdict.raise(Access::Primary, "an executable comment that servers of other versions read differently");
    }
    if findings.dollar_quoted && verb != Verb::Ddl {
        verdict.leaves(Effects::UNKNOWN_ROUTINE, "a dollar-quoted text outside of a routine");
    }
    if lexing.mode.contains(SqlMode::ORACLE) {
        verdict.leaves(Effects::UNKNOWN_ROUTINE, "sql_mode=ORACLE has another grammar");
    }
    if lexing.charset == ClientCharset::Unknown {
        verdict.leaves(Effects::UNKNOWN_ROUTINE, "a character set that is not known");
    }
    if let Some(doubt) = findings.doubt {
        return Statement { hint: findings.hint, ..Statement::unknown(doubt) };
    }
    Statement {
        verb,
        access: verdict.access,
        effects: verdict.effects,
        hint: findings.hint,
        returns_part: verdict.returns_part,
        counts_matched: verdict.counts_matched,
        has_query: verdict.has_query,
        why: Why(verdict.why),
    }
}
