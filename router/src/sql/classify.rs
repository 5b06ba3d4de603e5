//! Classification. (Stub.)

use super::{Lexing, Statement};
use crate::catalogue::Catalogue;

/// Classifies a statement's whole text. Never allocates for a common statement; never fails: what is not understood is
/// [`Statement::unknown`].
#[must_use]
pub fn classify(sql: &[u8], lexing: &Lexing, catalogue: &Catalogue) -> Statement {
    let _ = (sql, lexing, catalogue);
    Statement::unknown("not classified")
}

/// What KILL is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillTarget {
    /// A literal connection id.
    Id(u64),
    /// `CONNECTION_ID()`: the session itself.
    Own,
    /// An expression, USER, or QUERY ID (MariaDB): not mapped.
    Other,
}

/// A KILL statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// KILL QUERY rather than KILL [CONNECTION].
    pub query_only: bool,
    /// Its target.
    pub target: KillTarget,
}

/// Reads a KILL statement (verb [`super::Verb::Kill`]).
#[must_use]
pub fn kill(sql: &[u8], lexing: &Lexing) -> Option<Kill> {
    let _ = (sql, lexing);
    None
}

/// The column name of a bare `SELECT CONNECTION_ID()` (as the server would name it), which the proxy answers itself;
/// None for anything else.
#[must_use]
pub fn bare_connection_id<'a>(sql: &'a [u8], lexing: &Lexing) -> Option<&'a [u8]> {
    let _ = (sql, lexing);
    None
}
