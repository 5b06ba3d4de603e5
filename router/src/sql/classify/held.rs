//! What a statement makes the connection hold, or lets go, by name: temporary tables, named locks, an XA transaction.

use super::reader::Reader;
use crate::sql::Lexing;
use crate::sql::keyword::Keyword as K;
use crate::sql::token::Kind;

/// A longer text that was prepared by text is not remembered.
const LONGEST_TEXT: usize = 4096;

/// A table's name as it is written, with its schema where that is named.
pub type TableName = (Option<Vec<u8>>, Vec<u8>);

/// What a statement that was accepted has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldChange {
    /// CREATE TEMPORARY TABLE (or SEQUENCE) of this name.
    CreatesTable(TableName),
    /// DROP TABLE of these names, whether temporary or not.
    DropsTables(Vec<TableName>),
    /// GET_LOCK of this name, and nothing else.
    TakesLock(Vec<u8>),
    /// RELEASE_LOCK of this name, and nothing else.
    ReleasesLock(Vec<u8>),
    /// RELEASE_ALL_LOCKS, and nothing else.
    ReleasesAllLocks,
    /// XA COMMIT, XA ROLLBACK.
    EndsXa,
    /// PREPARE of this name.
    Prepares {
        /// In lower case.
        name: Vec<u8>,
        /// Its text, where that is a plain literal.
        text: Option<Vec<u8>>,
    },
    /// DEALLOCATE PREPARE of this name, in lower case.
    Deallocates(Vec<u8>),
}

/// Reads a statement. None: it is none of these, or not in a form that leaves no doubt.
#[must_use]
pub fn held_change(sql: &[u8], lexing: &Lexing) -> Option<HeldChange> {
    let mut reader = Reader::new(sql, lexing, None);
    let change = match reader.keyword() {
        K::Create => created(&mut reader)?,
        K::Drop => dropped(&mut reader)?,
        K::Select | K::Do => lock(&mut reader)?,
        K::Xa => {
            reader.next();
            let ends = reader.take(K::Commit) || reader.take(K::Rollback);
            reader.skip();
            ends.then_some(HeldChange::EndsXa)?
        }
        K::Prepare => prepared(&mut reader)?,
        K::Deallocate => {
            reader.next();
            reader.take(K::Prepare).then_some(())?;
            HeldChange::Deallocates(prepared_name(&mut reader)?)
        }
        _ => return None,
    };
    while reader.take_punctuation(b';') {}
    let findings = reader.findings();
    let is_clear = reader.peek().kind == Kind::End && findings.doubt.is_none() && !findings.other_version;
    is_clear.then_some(change)
}

/// Whether a statement may give a table another name.
#[must_use]
pub fn is_alter_or_rename(sql: &[u8], lexing: &Lexing) -> bool {
    matches!(Reader::new(sql, lexing, None).keyword(), K::Alter | K::Rename)
}

fn created(reader: &mut Reader<'_>) -> Option<HeldChange> {
    reader.next();
    if reader.take(K::Or) && !reader.take(K::Replace) {
        return None;
    }
    if !reader.take(K::Temporary) || !(reader.take(K::Table) || reader.take(K::Sequence)) {
        return None;
    }
    if reader.take(K::If) && !(reader.take(K::Not) && reader.take(K::Exists)) {
        return None;
    }
    let name = table(reader)?;
    reader.skip();
    Some(HeldChange::CreatesTable(name))
}

fn dropped(reader: &mut Reader<'_>) -> Option<HeldChange> {
    reader.next();
    reader.take(K::Temporary);
    if !(reader.take(K::Table) || reader.take(K::Tables) || reader.take(K::Sequence)) {
        return None;
    }
    if reader.take(K::If) && !reader.take(K::Exists) {
        return None;
    }
    let mut names = vec![table(reader)?];
    while reader.take_punctuation(b',') {
        names.push(table(reader)?);
    }
    // RESTRICT, CASCADE; MariaDB's WAIT n
    reader.skip();
    Some(HeldChange::DropsTables(names))
}

fn table(reader: &mut Reader<'_>) -> Option<TableName> {
    let first = name(reader)?;
    if reader.take_punctuation(b'.') { Some((Some(first), name(reader)?)) } else { Some((None, first)) }
}

fn name(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let token = reader.next();
    // Doubled quotes stay doubled: then the names do not meet, and the session stays where it is.
    matches!(token.kind, Kind::Word(_) | Kind::Quoted).then(|| token.text.to_vec())
}

/// PREPARE name FROM …
fn prepared(reader: &mut Reader<'_>) -> Option<HeldChange> {
    reader.next();
    let name = prepared_name(reader)?;
    reader.take(K::From).then_some(())?;
    let text = reader.next();
    let text = match (text.kind, text.text) {
        // With escapes or doubled quotes it would be another text.
        (Kind::Text, [b'\'', text @ .., b'\'']) if !text.iter().any(|byte| matches!(byte, b'\'' | b'\\')) => {
            (text.len() <= LONGEST_TEXT).then(|| text.to_vec())
        }
        _ => None,
    };
    Some(HeldChange::Prepares { name, text })
}

/// The name of an EXECUTE.
#[must_use]
pub fn executed_name(sql: &[u8], lexing: &Lexing) -> Option<Vec<u8>> {
    let mut reader = Reader::new(sql, lexing, None);
    let name = reader.take(K::Execute).then(|| prepared_name(&mut reader))??;
    // What USING names is only read, and nothing else follows.
    let mut ahead = reader.clone();
    while matches!(ahead.peek().kind, Kind::Word(K::Using) | Kind::UserVariable | Kind::Punctuation(b',' | b';')) {
        ahead.next();
    }
    let findings = ahead.findings();
    let is_clear = ahead.peek().kind == Kind::End && findings.doubt.is_none() && !findings.other_version;
    is_clear.then_some(name)
}

/// Not case-sensitive; one that is not ASCII is not known.
fn prepared_name(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    name(reader).filter(|name| name.is_ascii()).map(|name| name.to_ascii_lowercase())
}

/// `SELECT f(…)` or `DO f(…)` of one function on locks, with literals.
fn lock(reader: &mut Reader<'_>) -> Option<HeldChange> {
    reader.next();
    let function = reader.next().text.to_ascii_uppercase();
    if !reader.take_punctuation(b'(') {
        return None;
    }
    if function == b"RELEASE_ALL_LOCKS" {
        return (reader.take_punctuation(b')') && reader.is_at_end()).then_some(HeldChange::ReleasesAllLocks);
    }
    let literal = reader.next();
    if literal.kind != Kind::Text || literal.text.first() != Some(&b'\'') || literal.text.contains(&b'\\') {
        return None;
    }
    let lock = literal.text.to_vec();
    let change = match function.as_slice() {
        b"GET_LOCK" => {
            if !reader.take_punctuation(b',') {
                return None;
            }
            reader.take_punctuation(b'-');
            (reader.next().kind == Kind::Number).then_some(HeldChange::TakesLock(lock))?
        }
        b"RELEASE_LOCK" => HeldChange::ReleasesLock(lock),
        _ => return None,
    };
    (reader.take_punctuation(b')') && reader.is_at_end()).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Option<HeldChange> {
        held_change(sql.as_bytes(), &Lexing::default())
    }

    fn plain(name: &str) -> TableName {
        (None, name.into())
    }

    #[test]
    fn c13_c19_names_in_plain_forms() {
        use HeldChange::*;
        for (sql, expected) in [
            ("CREATE TEMPORARY TABLE x (a INT)", CreatesTable(plain("x"))),
            ("create  temporary table if not exists `x` select 1", CreatesTable(plain("x"))),
            ("CREATE OR REPLACE TEMPORARY TABLE s.x (a INT);", CreatesTable((Some("s".into()), "x".into()))),
            ("DROP TEMPORARY TABLE x", DropsTables(vec![plain("x")])),
            ("DROP TABLE IF EXISTS x, s.y CASCADE", DropsTables(vec![plain("x"), (Some("s".into()), "y".into())])),
            ("SELECT GET_LOCK('a', 10)", TakesLock("'a'".into())),
            ("DO get_lock('a', -1)", TakesLock("'a'".into())),
            ("SELECT RELEASE_LOCK('a')", ReleasesLock("'a'".into())),
            ("DO RELEASE_ALL_LOCKS()", ReleasesAllLocks),
            ("XA COMMIT 'x' ONE PHASE", EndsXa),
            ("PREPARE P FROM 'SELECT ?'", Prepares { name: "p".into(), text: Some("SELECT ?".into()) }),
            ("PREPARE p FROM 'SELECT ''x'''", Prepares { name: "p".into(), text: None }),
            ("prepare `p` from @text", Prepares { name: "p".into(), text: None }),
            ("DEALLOCATE PREPARE P;", Deallocates("p".into())),
        ] {
            assert_eq!(read(sql), Some(expected), "{sql}");
        }
        for sql in [
            "SELECT GET_LOCK(CONCAT('a', 'b'), 1)",
            "SELECT RELEASE_LOCK('a'), GET_LOCK('b', 1)",
            "SELECT RELEASE_LOCK('a') FROM t",
            "DROP TABLE x; CREATE TEMPORARY TABLE y (a INT)",
            "ALTER TABLE x RENAME TO y",
            "XA PREPARE 'x'",
            "CREATE /*!99999 TEMPORARY */ TABLE x (a INT)",
            "DROP VIEW x",
            "PREPARE p FROM 'SELECT 1' 'x'",
            "PREPARE p FROM CONCAT('a', 'b')",
            "DEALLOCATE PREPARE \u{e4}",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }

    #[test]
    fn an_execute_names_what_it_runs_and_reads() {
        let name = |sql: &str| executed_name(sql.as_bytes(), &Lexing::default());
        for sql in ["EXECUTE p", "execute P USING @a, @b;"] {
            assert_eq!(name(sql).as_deref(), Some(b"p".as_slice()), "{sql}");
        }
        for sql in [
            "EXECUTE IMMEDIATE 'DROP TABLE t'",
            "EXECUTE p USING f(1)",
            "EXECUTE p; DROP TABLE t",
            "EXECUTE",
            "SELECT 1",
        ] {
            assert_eq!(name(sql), None, "{sql}");
        }
    }
}
