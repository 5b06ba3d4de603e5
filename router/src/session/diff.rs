//! From what a connection believes to what the session is: the fewest commands.

use super::tracking::TRACKERS_OF_THE_CLIENT;
use super::{SessionState, View};

/// A command in front of a statement, to bring a connection up to date; its reply is kept from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// COM_INIT_DB
    InitDb(Vec<u8>),
    /// COM_QUERY with SET
    Set(Vec<u8>),
    /// COM_SET_OPTION: multi-statements on or off
    SetOption(bool),
}

/// Setting the connection's character set sets its collation, too, to the character set's default, which no tracker tells:
/// the two are compared and set together. An empty collation stands for that default.
pub(super) const PAIR: [&[u8]; 2] = [b"character_set_connection", COLLATION];
pub(super) const COLLATION: &[u8] = b"collation_connection";

/// What `view`'s connection must be told to be as `session` is. Empty in the common case, which costs one comparison.
#[must_use]
pub fn diff(session: &SessionState, view: &View) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    if view.revision == session.revision() {
        return prefixes;
    }
    if view.schema != session.schema() && !session.schema().is_empty() {
        prefixes.push(Prefix::InitDb(session.schema().to_vec()));
    }
    let mut set = Vec::new();
    let same_collation = PAIR.iter().all(|name| view.variables.get(*name) == session.variables().get(*name));
    if session.tracking().own && !view.client_tracks {
        set.extend_from_slice(b"SET ");
        set.extend_from_slice(TRACKERS_OF_THE_CLIENT);
    }
    for (name, value) in session.variables() {
        let same = if PAIR.contains(&&**name) {
            same_collation || (**name == *COLLATION && value.is_empty())
        } else {
            view.variables.get(name) == Some(value)
        };
        if !same {
            set.extend_from_slice(if set.is_empty() { b"SET " } else { b"," });
            put_assignment(&mut set, name, value);
        }
    }
    if !set.is_empty() {
        prefixes.push(Prefix::Set(set));
    }
    if view.multi_statements != session.multi_statements() {
        prefixes.extend(session.multi_statements().map(Prefix::SetOption));
    }
    prefixes
}

/// `@@session.name=value`. Trackers report values as text; numbers must not be quoted (error 1232), and an empty
/// character_set_results stands for NULL (sessions.md 2).
fn put_assignment(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(b"@@session.");
    out.extend(name.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'_'));
    out.push(b'=');
    if name == b"character_set_results" && value.is_empty() {
        out.extend_from_slice(b"NULL");
    } else if is_number(value) {
        out.extend_from_slice(value);
    } else {
        out.push(b'\'');
        for byte in value {
            // Doubling works under every sql_mode; names and values of variables are ASCII apart from paths.
            if *byte == b'\'' {
                out.push(b'\'');
            }
            out.push(*byte);
        }
        out.push(b'\'');
    }
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
    }

    #[test]
    fn c7_an_empty_character_set_results_is_null() {
        assert_eq!(assignment(b"character_set_results", b""), "@@session.character_set_results=NULL");
    }
}
