//! From what a connection believes to what the session is: the fewest commands.

use std::borrow::Cow;

use super::tracking::TRACKERS_OF_THE_CLIENT;
use super::{SessionState, View};
use crate::sql::Flavour;

/// A command in front of a statement, to bring a connection up to date; its reply is kept from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// COM_QUERY with SET ROLE and this behind it
    SetRole(Vec<u8>),
    /// COM_INIT_DB
    InitDb(Vec<u8>),
    /// COM_QUERY with SET
    Set(Vec<u8>),
    /// COM_SET_OPTION: multi-statements on or off
    SetOption(bool),
    /// COM_QUERY with DO of a derived table, which takes away conditions
    ClearConditions,
}

impl Prefix {
    /// The text of one that is a COM_QUERY.
    #[must_use]
    pub fn sql(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Set(sql) => Some(sql.into()),
            Self::SetRole(argument) => Some([b"SET ROLE ", &**argument].concat().into()),
            Self::ClearConditions => Some(CLEAR_CONDITIONS.as_bytes().into()),
            Self::InitDb(_) | Self::SetOption(_) => None,
        }
    }
}

/// Takes away the conditions of the statement before (MariaDB): what opens no table, not even a derived one, keeps them (measured
/// on 10.11 and 11.8).
const CLEAR_CONDITIONS: &str = "DO (SELECT a FROM (SELECT 1 a) t)";

/// A character set sets a collation, too, which no tracker tells: the two are compared and set together.
pub(super) const CHARACTER_SET: &[u8] = b"character_set_connection";
/// Its value is empty where the character set was assigned, and begins with [`BY_NAMES`] where SET NAMES did that.
pub(super) const COLLATION: &[u8] = b"collation_connection";
/// What follows is the collation behind COLLATE, or nothing. It is said again in these words, because SET NAMES has defaults
/// of its own (MariaDB's character_set_collations), and the collation shows in results' columns, which assignments do not
/// reach. No collation's name has a space.
pub(super) const BY_NAMES: &[u8] = b"NAMES ";

/// Whether a value of [`COLLATION`] says no more than that.
pub(super) fn follows_character_set(value: &[u8]) -> bool {
    value.is_empty() || value.starts_with(BY_NAMES)
}

/// What `view`'s connection must be told to be as `session` is. Empty in the common case, which costs one comparison.
#[must_use]
pub fn diff(session: &SessionState, view: &View) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    if view.revision == session.revision() {
        return prefixes;
    }
    // First: schemas and variables may be open to the role alone.
    if let Some(argument) = session.missing_role(view) {
        prefixes.push(Prefix::SetRole(argument.to_vec()));
    }
    if view.schema != session.schema() && !session.schema().is_empty() && !crate::left_out!("schema") {
        prefixes.push(Prefix::InitDb(session.schema().to_vec()));
    }
    let mut set = Vec::new();
    let literals = Literals::of(view);
    let collation = session.variables().get(COLLATION);
    let charset = session.variables().get(CHARACTER_SET);
    let same_collation = view.variables.get(COLLATION) == collation && view.variables.get(CHARACTER_SET) == charset;
    let by_names = collation.and_then(|collation| collation.strip_prefix(BY_NAMES)).filter(|_| !same_collation);
    if session.tracking().own && !view.client_tracks {
        set.extend_from_slice(b"SET ");
        set.extend_from_slice(TRACKERS_OF_THE_CLIENT);
        // Inside a transaction MySQL refuses to change this one (error 1766): its reports then reach the client as well.
        if session.lexing().flavour == Flavour::Mysql && session.transaction().is_none() {
            set.extend_from_slice(b",session_track_gtids=DEFAULT");
        }
    }
    if let (Some(collation), Some(charset)) = (by_names, charset)
        && !crate::left_out!("names")
    {
        set.extend_from_slice(if set.is_empty() { b"SET " } else { b"," });
        put_names(&mut set, charset, collation);
    }
    for (name, value) in session.variables() {
        let same = match &**name {
            b"character_set_client" | b"character_set_results" if by_names.is_some() => Some(value) == charset,
            COLLATION => same_collation || value.is_empty() || by_names.is_some() || crate::left_out!("collation"),
            CHARACTER_SET => same_collation || by_names.is_some() || crate::left_out!("character-set"),
            _ => view.variables.get(name) == Some(value) || crate::left_out!("variables"),
        };
        if let Some(name) = name_at(view, name)
            && !same
        {
            set.extend_from_slice(if set.is_empty() { b"SET " } else { b"," });
            literals.put_assignment(&mut set, name, value);
        }
    }
    for assignment in session.missing_values(view) {
        set.extend_from_slice(if set.is_empty() { b"SET " } else { b"," });
        set.extend_from_slice(assignment);
    }
    if !set.is_empty() {
        prefixes.push(Prefix::Set(set));
    }
    if view.multi_statements != session.multi_statements() && !crate::left_out!("multi-statements") {
        prefixes.extend(session.multi_statements().map(Prefix::SetOption));
    }
    prefixes
}

/// Variables that have had another name (MariaDB 11.1, MySQL 8.0).
const RENAMED: [(&[u8], &[u8]); 2] =
    [(b"tx_isolation", b"transaction_isolation"), (b"tx_read_only", b"transaction_read_only")];

/// The other name of a variable.
#[must_use]
pub fn other_name(name: &[u8]) -> Option<&'static [u8]> {
    let other = |(old, new): &(&'static [u8], &'static [u8])| match name {
        name if name == *old => Some(*new),
        name if name == *new => Some(*old),
        _ => None,
    };
    RENAMED.iter().find_map(other)
}

/// What a variable is called at `view`'s server; None: nothing, as far as is known (trap C23).
fn name_at<'a>(view: &View, name: &'a [u8]) -> Option<&'a [u8]> {
    if !view.unknown.contains(name) {
        return Some(name);
    }
    other_name(name).filter(|name| !view.unknown.contains(*name))
}

/// Sets the collation that a client named by an id for which a login has no room: it has the id's low byte only (MySQL
/// Source Code Documentation, "Protocol::HandshakeResponse41"), COM_CHANGE_USER has two. None where a login will do.
///
/// The character sets follow by [`names`]: MariaDB takes ids for collations alone.
#[must_use]
pub fn collation_by_id(id: u16) -> Option<String> {
    (id > 0xFF).then(|| format!("SET collation_connection={id}"))
}

/// Asks for the names that [`names`] wants.
pub const COLLATION_QUESTION: &str = "SELECT @@character_set_connection,@@collation_connection";

/// SET NAMES charset COLLATE collation.
#[must_use]
pub fn names(charset: &[u8], collation: &[u8]) -> Vec<u8> {
    let mut sql = b"SET ".to_vec();
    put_names(&mut sql, charset, collation);
    sql
}

/// Sets character_set_client.
#[must_use]
pub fn set_client_charset(charset: &[u8]) -> Vec<u8> {
    let mut sql = b"SET ".to_vec();
    put_assignment(&mut sql, b"character_set_client", charset);
    sql
}

/// The one session variable whose value may be any text, digits too (MariaDB).
const ANY_TEXT: &[u8] = b"default_master_connection";

/// How a SET's texts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literals {
    /// `'x'`
    Plain,
    /// `_utf8mb4'x'`: under ucs2 and its like a plain one has zero bytes between, which system variables do not take.
    Introduced,
}

impl Literals {
    /// For a connection with this view.
    pub fn of(view: &View) -> Self {
        let is_wide = |name: &[u8]| {
            let value = view.variables.get(name).map(|value| value.strip_prefix(BY_NAMES).unwrap_or(value));
            value.is_some_and(|value| {
                value.starts_with(b"ucs2") || value.starts_with(b"utf16") || value.starts_with(b"utf32")
            })
        };
        if is_wide(CHARACTER_SET) || is_wide(COLLATION) { Self::Introduced } else { Self::Plain }
    }

    /// [`put_assignment`].
    pub fn put_assignment(self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        let start = out.len();
        put_assignment(out, name, value);
        let quote = out[start..].iter().position(|byte| *byte == b'\'').map(|at| start + at);
        if let Some(at) = quote
            && self == Self::Introduced
            && out[at - 1] == b'='
        {
            out.splice(at..at, *b"_utf8mb4");
        }
    }
}

/// Variables that can be NULL, of which trackers and SHOW VARIABLES tell as of an empty text (measured on MySQL 9.7, MariaDB
/// 11.8), which itself they refuse.
const NULLABLE: [&[u8]; 7] = [
    b"character_set_results",
    b"default_tmp_storage_engine",
    b"enforce_storage_engine",
    b"external_table_secondary_storage_engine",
    b"external_table_storage_engine",
    b"innodb_ft_user_stopword_table",
    b"innodb_tmpdir",
];

/// `@@session.name=value`. Trackers report values as text; numbers must not be quoted (error 1232).
pub(super) fn put_assignment(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(b"@@session.");
    out.extend(name.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'_'));
    out.push(b'=');
    if value.is_empty() && NULLABLE.contains(&name) {
        out.extend_from_slice(b"NULL");
    } else if name == b"system_versioning_asof" && value == b"DEFAULT" {
        // A time, or this word (MariaDB).
        out.extend_from_slice(value);
    } else if is_number(value) && name != ANY_TEXT {
        out.extend_from_slice(value);
    } else {
        put_value(out, value);
    }
}

/// NAMES x [COLLATE y]
pub(super) fn put_names(out: &mut Vec<u8>, charset: &[u8], collation: &[u8]) {
    out.extend_from_slice(b"NAMES ");
    put_value(out, charset);
    if !collation.is_empty() {
        out.extend_from_slice(b" COLLATE ");
        put_value(out, collation);
    }
}

/// A text: doubled quotes work under every sql_mode. What a backslash or a byte outside ASCII means depends on sql_mode and
/// character set; trackers report UTF-8.
fn put_value(out: &mut Vec<u8>, value: &[u8]) {
    if value.iter().any(|byte| *byte == b'\\' || !byte.is_ascii()) {
        out.extend_from_slice(b"_utf8mb4 x'");
        out.extend(
            value.iter().flat_map(|byte| [byte >> 4, byte & 0xF]).map(|digit| b"0123456789ABCDEF"[digit as usize]),
        );
        out.push(b'\'');
        return;
    }
    out.push(b'\'');
    for byte in value {
        if *byte == b'\'' {
            out.push(b'\'');
        }
        out.push(*byte);
    }
    out.push(b'\'');
}

fn is_number(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let whole = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    parts.next().is_some_and(whole) && parts.next().is_none_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(name: &[u8], value: &[u8]) -> String {
        let mut out = Vec::new();
        put_assignment(&mut out, name, value);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn c4_values_are_quoted_as_their_type_needs() {
        assert_eq!(assignment(b"sql_select_limit", b"10"), "@@session.sql_select_limit=10");
        assert_eq!(assignment(b"time_zone", b"+05:00"), "@@session.time_zone='+05:00'");
        assert_eq!(assignment(b"autocommit", b"OFF"), "@@session.autocommit='OFF'");
        assert_eq!(assignment(b"long_query_time", b"1.500000"), "@@session.long_query_time=1.500000");
        assert_eq!(assignment(b"sql_mode", b"it's"), "@@session.sql_mode='it''s'");
        assert_eq!(assignment(ANY_TEXT, b"12"), "@@session.default_master_connection='12'");
        assert_eq!(assignment(b"name", b"'\\"), "@@session.name=_utf8mb4 x'275C'");
        assert_eq!(assignment(b"name", "\u{e4}".as_bytes()), "@@session.name=_utf8mb4 x'C3A4'");
    }

    /// Servers refuse what their own reports say.
    #[test]
    fn c4_c7_what_reports_show_of_null_and_of_no_time_is_said_as_servers_take_it() {
        assert_eq!(assignment(b"character_set_results", b""), "@@session.character_set_results=NULL");
        assert_eq!(assignment(b"innodb_tmpdir", b""), "@@session.innodb_tmpdir=NULL");
        assert_eq!(assignment(b"innodb_tmpdir", b"/tmp"), "@@session.innodb_tmpdir='/tmp'");
        assert_eq!(assignment(b"init_connect", b""), "@@session.init_connect=''");
        assert_eq!(assignment(b"system_versioning_asof", b"DEFAULT"), "@@session.system_versioning_asof=DEFAULT");
    }
}
