//! SET, part by part.

use super::reader::Reader;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;
use crate::sql::{Access, Effects, Flavour, Lexing, Verb, variable};

/// Which value of a system variable is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// `SET x`
    Unnamed,
    /// `SET @@x`
    At,
    /// `SET SESSION x`
    Session,
    /// `SET GLOBAL x`, PERSIST, PERSIST_ONLY
    Global,
}

/// SET.
pub(super) fn set(reader: &mut Reader<'_>) -> Verb {
    reader.next();
    reader.verdict.raise(Access::Session, "changes the session");
    match reader.keyword() {
        K::Statement => return statement(reader),
        K::Password => {
            reader.verdict.raise(Access::Primary, "changes a password");
            reader.skip();
            return Verb::Set;
        }
        K::Default => {
            reader.verdict.raise(Access::Primary, "changes an account");
            reader.skip();
            return Verb::Set;
        }
        keyword @ (K::Role | K::Resource) => {
            let mut ahead = reader.clone();
            ahead.next();
            if !matches!(ahead.peek().kind, Kind::Punctuation(b'=' | b':')) {
                match keyword {
                    K::Role => reader.verdict.leaves(Effects::SETS_ROLE, "a replica may lack the role"),
                    _ => reader.verdict.effects |= Effects::OPAQUE_STATE,
                }
                reader.skip();
                return Verb::Set;
            }
        }
        _ => {}
    }
    loop {
        part(reader);
        if !reader.take_punctuation(b',') {
            break;
        }
    }
    if !reader.is_at_end() {
        reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "a SET that is not understood");
        reader.rest();
    }
    Verb::Set
}

/// SET STATEMENT v=x, … FOR statement (MariaDB): the trackers report the passing values (sessions.md 2).
fn statement(reader: &mut Reader<'_>) -> Verb {
    reader.verdict.leaves(Effects::SETS_VARIABLES, "SET STATEMENT");
    while !reader.is_at_end() && reader.keyword() != K::For {
        reader.step();
    }
    reader.take(K::For);
    if !reader.is_at_end() {
        let verb = super::statement(reader);
        // What it sets and what has passed are reported alike.
        reader.verdict.effects |= if verb == Verb::Set { Effects::OPAQUE_STATE } else { Effects::PASSING_VALUES };
    }
    Verb::Set
}

/// One part of the list.
fn part(reader: &mut Reader<'_>) {
    match reader.peek().kind {
        Kind::UserVariable => {
            reader.verdict.effects |= Effects::USER_VARIABLES;
            reader.next();
            assigned(reader);
        }
        Kind::SystemVariable => {
            let first = reader.next().text;
            let scope = if variable::is_global(first) {
                Scope::Global
            } else if variable::is_session(first) {
                Scope::Session
            } else {
                Scope::At
            };
            let is_scope = scope != Scope::At && reader.take_punctuation(b'.');
            if is_scope || first.is_empty() {
                let name = reader.next().text;
                variable(reader, scope, name);
            } else {
                variable(reader, scope, first);
            }
        }
        Kind::Word(K::Names) => names(reader),
        Kind::Word(K::Character | K::Charset) => character_set(reader),
        Kind::Word(K::Transaction) => transaction(reader, Scope::Unnamed),
        Kind::Word(K::Global | K::Persist | K::PersistOnly) => scoped(reader, Scope::Global),
        Kind::Word(K::Session | K::Local) => scoped(reader, Scope::Session),
        Kind::Word(_) | Kind::Quoted => {
            let name = reader.next().text;
            variable(reader, Scope::Unnamed, name);
        }
        _ => reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "a SET that is not understood"),
    }
}

fn scoped(reader: &mut Reader<'_>, scope: Scope) {
    reader.next();
    if reader.keyword() == K::Transaction {
        return transaction(reader, scope);
    }
    let name = reader.next().text;
    variable(reader, scope, name);
}

/// A system variable, whose name has been read.
fn variable(reader: &mut Reader<'_>, scope: Scope, name: &[u8]) {
    let mut name = name;
    // key_cache.key_buffer_size is global; NEW.x and OLD.x stand in triggers only.
    if reader.take_punctuation(b'.') {
        name = reader.next().text;
        reader.verdict.leaves(Effects::GLOBAL_VARIABLES, "sets a structured variable");
    }
    match scope {
        Scope::Global => reader.verdict.leaves(Effects::GLOBAL_VARIABLES, "changes the server"),
        Scope::At if variable::is_transaction_characteristic(name) => reader.verdict.effects |= Effects::ONE_SHOT,
        _ => reader.verdict.effects |= Effects::SETS_VARIABLES,
    }
    if scope != Scope::Global && (variable::is_opaque(name) || is_silent(scope, name, reader.flavour())) {
        reader.verdict.leaves(Effects::OPAQUE_STATE, "sets what no tracker tells");
    }
    if scope != Scope::Global && variable::is_flag(name, reader.flavour()) {
        reader.verdict.effects |= Effects::SETS_FLAGS;
    }
    if scope != Scope::Global && variable::is_tracker(name) {
        reader.verdict.leaves(Effects::TRACKERS | Effects::OPAQUE_STATE, "sets what servers report");
    }
    if variable::OwnVariable::from_name(name).is_some() {
        reader.verdict.effects |= Effects::OWN_VARIABLE;
    }
    if name.eq_ignore_ascii_case(b"pseudo_thread_id") {
        reader.verdict.effects |= Effects::CONNECTION_ID;
    }
    assigned(reader);
}

/// MariaDB's trackers do not tell of `SET @@x` (measured on 10.11 and 11.8; of autocommit the status flags do), nor of these
/// variables (11.8, all that a session can set were tried).
fn is_silent(scope: Scope, name: &[u8], flavour: Flavour) -> bool {
    const SILENT: [&[u8]; 7] = [
        b"collation_connection",
        // Two that not all versions have, of those that trackers mix up.
        b"explicit_defaults_for_timestamp",
        b"sql_if_exists",
        b"log_slow_disabled_statements",
        b"log_slow_slave_statements",
        b"system_versioning_insert_history",
        b"unique_checks",
    ];
    let is = |known: &&[u8]| name.eq_ignore_ascii_case(known);
    let is_at = scope == Scope::At && !name.eq_ignore_ascii_case(b"autocommit");
    flavour == Flavour::Mariadb && (is_at || SILENT.iter().any(is))
}

/// `= expr` or `:= expr`, up to the next part.
fn assigned(reader: &mut Reader<'_>) {
    reader.take_punctuation(b':');
    if !reader.take_punctuation(b'=') {
        reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "a SET that is not understood");
    }
    reader.until_comma();
}

/// NAMES x [COLLATE y]. Trackers do not tell the collation (sessions.md 2), which without COLLATE is the character set's
/// default; behind DEFAULT it is the server's.
fn names(reader: &mut Reader<'_>) {
    reader.next();
    reader.verdict.effects |= Effects::SETS_VARIABLES;
    if matches!(reader.peek().kind, Kind::Punctuation(b'=' | b':')) {
        // A variable of this name does not exist.
        return assigned(reader);
    }
    if reader.is_at_end() {
        return reader.verdict.leaves(Effects::UNKNOWN_ROUTINE, "a SET that is not understood");
    }
    if reader.next().kind == Kind::Word(K::Default) {
        reader.verdict.leaves(Effects::OPAQUE_STATE, "sets the server's own collation, which no tracker tells");
    }
    if reader.take(K::Collate) {
        reader.verdict.effects |= Effects::SETS_COLLATION;
        reader.next();
    }
}

/// CHARACTER SET x, CHARSET x: the connection's collation becomes the schema's, which no tracker tells.
fn character_set(reader: &mut Reader<'_>) {
    reader.next();
    reader.take(K::Set);
    reader.verdict.effects |= Effects::SETS_VARIABLES;
    reader.verdict.leaves(Effects::OPAQUE_STATE, "sets the schema's collation, which no tracker tells");
    reader.next();
}

/// What [`names_collation`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedCollation<'a> {
    /// The collation.
    pub name: &'a [u8],
    /// Nothing else is set: an error says that nothing is.
    pub is_alone: bool,
}

/// The collation that a SET with one NAMES x COLLATE y leaves behind; None where it is written in a way that leaves doubt,
/// or where another part of it sets the connection's character set or collation, too.
#[must_use]
pub fn names_collation<'a>(sql: &'a [u8], lexing: &Lexing) -> Option<NamedCollation<'a>> {
    let mut reader = Reader::new(sql, lexing, None);
    let mut found = None;
    let mut parts = 0;
    if !reader.take(K::Set) {
        return None;
    }
    loop {
        parts += 1;
        if reader.take(K::Names) {
            if found.replace(collation(&mut reader)?).is_some() {
                return None;
            }
        } else {
            leaves_collation(&mut reader)?;
        }
        if !reader.take_punctuation(b',') {
            break;
        }
    }
    while reader.take_punctuation(b';') {}
    let is_clear = reader.peek().kind == Kind::End && reader.findings().doubt.is_none();
    found.filter(|_| is_clear).map(|name| NamedCollation { name, is_alone: parts == 1 })
}

/// The collation of x COLLATE y.
fn collation<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let charset = reader.next();
    if charset.kind == Kind::Word(K::Default) || !reader.take(K::Collate) {
        return None;
    }
    let token = reader.next();
    let name = match token.kind {
        Kind::Word(keyword) if keyword != K::Default => token.text,
        Kind::Text => token.text.strip_prefix(b"'")?.strip_suffix(b"'")?,
        _ => return None,
    };
    let is_plain = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_plain.then_some(name)
}

/// Reads a part of the list that is an assignment to something else than the connection's character set and collation.
fn leaves_collation(reader: &mut Reader<'_>) -> Option<()> {
    if matches!(reader.keyword(), K::Global | K::Persist | K::PersistOnly | K::Session | K::Local) {
        reader.next();
    }
    let mut token = reader.next();
    if token.kind == Kind::SystemVariable && reader.take_punctuation(b'.') || token.text.is_empty() {
        token = reader.next();
    }
    let is = |name: &[u8]| token.text.eq_ignore_ascii_case(name);
    if is(b"character_set_connection") || is(b"collation_connection") {
        return None;
    }
    let is_name = matches!(token.kind, Kind::Word(_) | Kind::Quoted | Kind::SystemVariable | Kind::UserVariable);
    reader.take_punctuation(b':');
    if !is_name || !reader.take_punctuation(b'=') {
        return None;
    }
    reader.until_comma();
    Some(())
}

/// TRANSACTION: without a scope it holds for the next transaction only.
fn transaction(reader: &mut Reader<'_>, scope: Scope) {
    reader.next();
    match scope {
        Scope::Global => reader.verdict.leaves(Effects::GLOBAL_VARIABLES, "changes the server"),
        Scope::Session => reader.verdict.effects |= Effects::SETS_VARIABLES,
        Scope::Unnamed | Scope::At => reader.verdict.effects |= Effects::ONE_SHOT,
    }
    reader.skip();
}
