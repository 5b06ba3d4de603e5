//! The bodies of stored functions and the definitions of views: do they only read?

use super::data::target;
use super::reader::Reader;
use crate::catalogue::Catalogue;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Access, Effects, Lexing};

/// Whether a stored function's body only reads, calls only what is built in or harmless according to `catalogue`, and
/// sets nothing but variables that it declares.
pub(crate) fn body_is_harmless(body: &[u8], lexing: &Lexing, catalogue: &Catalogue) -> bool {
    let mut reader = Reader::new(body, lexing, Some(catalogue));
    let mut declared: Vec<&[u8]> = Vec::new();
    while reader.peek().kind != Kind::End {
        if !step(&mut reader, &mut declared) || reader.verdict.access != Access::Read {
            return false;
        }
    }
    is_clear(&reader)
}

/// One step through a body; false if it does something that is not allowed there.
fn step<'a>(reader: &mut Reader<'a>, declared: &mut Vec<&'a [u8]>) -> bool {
    match reader.peek().kind {
        Kind::Word(K::Declare) => declare(reader, declared),
        Kind::Word(K::Set) => return assign(reader, declared),
        Kind::Word(K::Into) => return into(reader),
        // Its SET names parts of the condition.
        Kind::Word(K::Signal | K::Resignal) => reader.rest(),
        Kind::Word(keyword) if is_forbidden(keyword) => {
            reader.next();
            return reader.peek().kind == Kind::Punctuation(b'(') && keyword == K::Truncate;
        }
        Kind::Punctuation(b':') => {
            reader.next();
            // A label, or `:=`.
            return reader.peek().kind != Kind::Punctuation(b'=');
        }
        _ => {
            reader.step();
        }
    }
    true
}

/// What begins other statements than those that a function needs to read. Those whose first word is reserved are found
/// by [`Reader::step`].
fn is_forbidden(keyword: K) -> bool {
    matches!(
        keyword,
        K::Execute
            | K::Prepare
            | K::Deallocate
            | K::Handler
            | K::Truncate
            | K::Commit
            | K::Rollback
            | K::Savepoint
            | K::Start
            | K::Stop
            | K::Flush
            | K::Reset
            | K::Analyze
            | K::Optimize
            | K::Repair
            | K::Check
            | K::Xa
            | K::Kill
            | K::Get
            | K::Import
            | K::Change
            | K::Install
            | K::Uninstall
            | K::Cache
            | K::Clone
            | K::Backup
            | K::Shutdown
            | K::Restart
            | K::Binlog
            | K::Use
    )
}

/// DECLARE of variables, cursors, conditions; of handlers, whose statement follows.
fn declare<'a>(reader: &mut Reader<'a>, declared: &mut Vec<&'a [u8]>) {
    reader.next();
    if matches!(reader.keyword(), K::Continue | K::Exit | K::Undo) {
        reader.next();
        if reader.take(K::Handler) {
            reader.take(K::For);
            return;
        }
    }
    loop {
        declared.push(reader.next().text);
        if !reader.take_punctuation(b',') {
            return;
        }
    }
}

/// SET of declared variables.
fn assign<'a>(reader: &mut Reader<'a>, declared: &[&'a [u8]]) -> bool {
    reader.next();
    loop {
        let target = reader.next();
        let is_declared = matches!(target.kind, Kind::Word(_) | Kind::Quoted)
            && declared.iter().any(|name| name.eq_ignore_ascii_case(target.text));
        reader.take_punctuation(b':');
        if !is_declared || !reader.take_punctuation(b'=') {
            return false;
        }
        reader.until_comma();
        if !reader.take_punctuation(b',') {
            return true;
        }
    }
}

/// Whether a trigger's body leaves nothing on the connection but user variables, which are seen to elsewhere.
pub(crate) fn trigger_leaves_nothing(body: &[u8], lexing: &Lexing, catalogue: &Catalogue) -> bool {
    const SEEN_TO: Effects = Effects::USER_VARIABLES
        .union(Effects::READS_INSERT_ID)
        .union(Effects::SETS_INSERT_ID)
        .union(Effects::LOCKS_ROWS);
    let mut reader = Reader::new(body, lexing, Some(catalogue));
    let mut declared: Vec<&[u8]> = Vec::new();
    let mut is_beginning = true;
    while reader.peek().kind != Kind::End {
        let kind = reader.peek().kind;
        match kind {
            Kind::Word(K::Call | K::Temporary) => return false,
            Kind::Word(K::Declare) => declare(&mut reader, &mut declared),
            // Else it is UPDATE's.
            Kind::Word(K::Set) if is_beginning => {
                if !assigns_own(&mut reader, &declared) {
                    return false;
                }
            }
            Kind::Word(K::Insert | K::Replace) if is_beginning => {
                reader.next();
                target(&mut reader);
            }
            _ => {
                reader.step();
            }
        }
        is_beginning = matches!(
            kind,
            Kind::Punctuation(b';' | b':') | Kind::Word(K::Begin | K::Then | K::Else | K::Do | K::Loop | K::Repeat)
        );
    }
    let verdict = reader.verdict;
    verdict.effects.difference(SEEN_TO).is_empty() && !verdict.names_leaving_table && is_clear(&reader)
}

/// SET of user variables, declared ones, and NEW's columns.
fn assigns_own<'a>(reader: &mut Reader<'a>, declared: &[&'a [u8]]) -> bool {
    reader.next();
    loop {
        let target = reader.next();
        let is = |name: &[u8]| name.eq_ignore_ascii_case(target.text);
        let is_own = match target.kind {
            Kind::UserVariable => true,
            Kind::Word(_) | Kind::Quoted => is(b"NEW") || declared.iter().any(|name| is(name)),
            _ => false,
        };
        if !is_own {
            return false;
        }
        reader.until_comma();
        if !reader.take_punctuation(b',') {
            return true;
        }
    }
}

/// Whether a view's definition names a table whose triggers may leave something.
pub(crate) fn names_leaving_table(definition: &[u8], lexing: &Lexing, catalogue: &Catalogue) -> bool {
    read_through(definition, lexing, catalogue).verdict.names_leaving_table
}

/// A view's definition, whatever it is.
fn read_through<'a>(definition: &'a [u8], lexing: &Lexing, catalogue: &'a Catalogue) -> Reader<'a> {
    let mut reader = Reader::new(definition, lexing, Some(catalogue));
    while reader.peek().kind != Kind::End {
        reader.step();
    }
    reader
}

/// INTO of local variables.
fn into(reader: &mut Reader<'_>) -> bool {
    reader.next();
    loop {
        let is_local = match reader.next().kind {
            Kind::Word(keyword) => !matches!(keyword, K::Outfile | K::Dumpfile),
            Kind::Quoted => true,
            _ => false,
        };
        if !is_local || !reader.take_punctuation(b',') {
            return is_local;
        }
    }
}

/// Whether a view's definition is a plain read.
pub(crate) fn view_is_harmless(definition: &[u8], lexing: &Lexing, catalogue: &Catalogue) -> bool {
    let reader = read_through(definition, lexing, catalogue);
    reader.verdict.access == Access::Read && reader.verdict.effects.is_empty() && is_clear(&reader)
}

/// Nothing was left out, and nothing can be read in another way.
fn is_clear(reader: &Reader<'_>) -> bool {
    let findings = reader.findings();
    findings.doubt.is_none() && !findings.other_version && !findings.dollar_quoted
}
