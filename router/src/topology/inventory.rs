//! The questions that fill the catalogue of stored functions, views and triggers.

use super::Rows;
use crate::catalogue::{Routine, Trigger, View};

/// Asks for all stored functions. Columns: name, body (NULL where the account may not see it).
pub const FUNCTIONS: &str =
    "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION'";

/// Asks for all views but those of the system schemas, which are known by their schemas' names. Columns: name, definition (empty where the
/// account may not see it).
pub const VIEWS: &str = "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS \
     WHERE TABLE_SCHEMA NOT IN ('sys', 'mysql', 'information_schema', 'performance_schema')";

/// Asks for all triggers. Columns: the table's name, body. Without the TRIGGER privilege an account sees none.
pub const TRIGGERS: &str = "SELECT EVENT_OBJECT_TABLE, ACTION_STATEMENT FROM information_schema.TRIGGERS \
     WHERE TRIGGER_SCHEMA NOT IN ('sys', 'mysql')";

/// The answer to [`FUNCTIONS`].
#[must_use]
pub fn functions(rows: &Rows) -> Vec<Routine> {
    named(rows).map(|(name, body)| Routine { name, body }).collect()
}

/// The answer to [`VIEWS`].
#[must_use]
pub fn views(rows: &Rows) -> Vec<View> {
    named(rows).map(|(name, definition)| View { name, definition }).collect()
}

/// The answer to [`TRIGGERS`].
#[must_use]
pub fn triggers(rows: &Rows) -> Vec<Trigger> {
    named(rows).map(|(table, body)| Trigger { table, body }).collect()
}

fn named(rows: &Rows) -> impl Iterator<Item = (String, Option<String>)> {
    rows.rows.iter().filter_map(|row| {
        let [Some(name), text, ..] = row.as_slice() else { return None };
        let text = text.as_deref().map(|text| String::from_utf8_lossy(text).into_owned());
        Some((String::from_utf8_lossy(name).into_owned(), text.filter(|text| !text.is_empty())))
    })
}
