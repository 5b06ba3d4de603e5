//! What a session leaves on a connection that another one takes.

use std::time::Duration;

use super::diff::{CHARACTER_SET, COLLATION, Literals, put_names};
use super::view::Variables;
use super::{Prefix, SessionState, View};
use crate::sql::Flavour;

/// Takes from a connection what its last session set and `session` has not: back to `baseline`, as a login left it. What
/// both have set is [`super::diff`]'s. `multi_statements`: as the login has it. The view becomes what the connection is once
/// the commands were accepted.
///
/// None: that cannot be done, and the connection must not be used by this session.
#[must_use]
pub fn restore(
    session: &SessionState,
    view: &mut View,
    baseline: &Variables,
    multi_statements: bool,
) -> Option<Vec<Prefix>> {
    // Nothing takes a connection's schema away.
    if view.client_tracks || session.has_foreign_role(view) || (session.schema().is_empty() && !view.schema.is_empty())
    {
        return None;
    }
    let mut prefixes = Vec::new();
    let left: Vec<_> = view.variables.keys().filter(|name| !session.variables().contains_key(*name)).cloned().collect();
    let mut set = Vec::new();
    let literals = Literals::of(view);
    let is_of_names =
        |name: &[u8]| matches!(name, COLLATION | CHARACTER_SET | b"character_set_client" | b"character_set_results");
    if left.iter().any(|name| is_of_names(name)) && !crate::left_out!("names-back") {
        // Together: they depend on each other, and what the session has set of them is set behind this.
        set.extend_from_slice(b"SET ");
        put_names(&mut set, baseline.get(CHARACTER_SET)?, baseline.get(COLLATION)?);
        for name in [b"character_set_client".as_slice(), b"character_set_results"] {
            let value = baseline.get(name)?;
            // NAMES has set it, with the collation that shows in results' columns; an assignment would take its default.
            if Some(value) != baseline.get(CHARACTER_SET) {
                set.push(b',');
                literals.put_assignment(&mut set, name, value);
            }
        }
        view.variables.retain(|name, _| !is_of_names(name));
    }
    for name in left.iter().filter(|name| !is_of_names(name) && !crate::left_out!("variables-back")) {
        set.extend_from_slice(if set.is_empty() { b"SET " } else { b"," });
        literals.put_assignment(&mut set, name, baseline.get(name)?);
        view.variables.remove(name);
    }
    if session.lexing().flavour == Flavour::Mysql {
        // Numbers of the same value have the collation of their time: they are set again.
        view.user_variables.values_mut().for_each(|value| *value = None);
    }
    for assignment in session.foreign_values(view)? {
        set.extend_from_slice(if set.is_empty() { b"SET " } else { b"," });
        set.extend_from_slice(&assignment);
    }
    if !set.is_empty() {
        prefixes.push(Prefix::Set(set));
    }
    if session.multi_statements().is_none()
        && view.multi_statements.take().is_some_and(|on| on != multi_statements)
        && !crate::left_out!("multi-statements-back")
    {
        prefixes.push(Prefix::SetOption(multi_statements));
    }
    Some(prefixes)
}

/// Asks for the baseline of [`restore`], right behind a login: two columns, names and values.
///
/// Servers count it as no SELECT, so that their counters of those tell of clients' statements.
pub const BASELINE_QUESTION: &str = "SHOW SESSION VARIABLES";

/// Asks for the same, whatever [`rows_are_limited`] says.
#[must_use]
pub const fn unlimited_baseline_question(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Mysql => "SELECT variable_name,variable_value FROM performance_schema.session_variables LIMIT 100000",
        Flavour::Mariadb => {
            "SELECT lower(variable_name),variable_value FROM information_schema.session_variables LIMIT 100000"
        }
    }
}

/// Whether the answer to [`BASELINE_QUESTION`] may lack rows: init_connect can set sql_select_limit, which holds for SHOW, too.
#[must_use]
pub fn rows_are_limited(baseline: &Variables) -> bool {
    let limit = baseline.get(b"sql_select_limit".as_slice());
    limit.is_none_or(|value| **value != *u64::MAX.to_string().as_bytes())
}

/// Asks MariaDB for what a session has of its own, in two columns: in [`BASELINE_QUESTION`]'s answer are also variables that
/// others change, of which some (gtid_binlog_pos) do so with every write.
pub const OWN_VARIABLES_QUESTION: &str = "SELECT CAST(LOWER(VARIABLE_NAME) AS BINARY),CAST(SESSION_VALUE AS BINARY) FROM \
                                          information_schema.SYSTEM_VARIABLES WHERE VARIABLE_SCOPE<>'GLOBAL' LIMIT 100000";

/// Asks for what goes with a session from connection to connection: one number.
///
/// As all questions in the middle of a session: sql_select_limit and character_set_results may be what they like.
pub const INSERT_ID_QUESTION: &str = "SELECT CAST(LAST_INSERT_ID() AS BINARY) LIMIT 1";

/// Asks MariaDB for the names of user variables that are not NULL. Its trackers do not tell of those that triggers set.
pub const VARIABLES_QUESTION: &str =
    "SELECT VARIABLE_NAME FROM information_schema.USER_VARIABLES WHERE VARIABLE_VALUE IS NOT NULL LIMIT 100000";

/// Asks what a session's last result found, where its rows do not tell: one number.
pub const FOUND_ROWS_QUESTION: &str = "SELECT CAST(FOUND_ROWS() AS BINARY) LIMIT 1";

/// Sets LAST_INSERT_ID().
#[must_use]
pub fn set_insert_id(id: u64) -> String {
    format!("SET last_insert_id={id}")
}

/// The character set of texts that the session is told: its own word, else the login's. Empty where neither is known, or texts
/// are not converted.
#[must_use]
pub fn results_character_set<'a>(session: &'a SessionState, baseline: Option<&'a Variables>) -> &'a [u8] {
    let name = b"character_set_results".as_slice();
    session.variables().get(name).or_else(|| baseline?.get(name)).map(|value| &**value).unwrap_or_default()
}

/// How long a session may be idle: its own word, else the login's. None where neither is known.
#[must_use]
pub fn wait_timeout(session: &SessionState, baseline: Option<&Variables>) -> Option<Duration> {
    let name = b"wait_timeout".as_slice();
    let value = session.variables().get(name).or_else(|| baseline?.get(name))?;
    std::str::from_utf8(value).ok()?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use rolecall_protocol::StatusFlags;

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::sql::{Lexing, classify};
    use crate::topology::ServerId;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
    }

    fn baseline() -> Variables {
        variables(&[
            ("character_set_client", "utf8mb4"),
            ("character_set_connection", "utf8mb4"),
            ("character_set_results", "utf8mb4"),
            ("collation_connection", "utf8mb4_0900_ai_ci"),
            ("sql_mode", "ANSI"),
            ("time_zone", "SYSTEM"),
        ])
    }

    fn restored(session: &SessionState, view: &mut View) -> Option<Vec<String>> {
        let prefixes = restore(session, view, &baseline(), true)?;
        let text = |prefix| match prefix {
            Prefix::Set(sql) => String::from_utf8(sql).expect("ASCII"),
            other => format!("{other:?}"),
        };
        Some(prefixes.into_iter().map(text).collect())
    }

    #[test]
    fn c25_what_the_next_session_has_not_set_goes_back() {
        let session = SessionState::new(b"a".to_vec(), Lexing::default(), StatusFlags::AUTOCOMMIT);
        let session = session.in_context(b"a", &variables(&[("time_zone", "+05:00")]));
        let left = variables(&[("sql_mode", ""), ("time_zone", "+01:00")]);
        let mut view = View { schema: b"b".to_vec(), variables: left, ..View::default() };
        assert_eq!(restored(&session, &mut view), Some(vec!["SET @@session.sql_mode='ANSI'".into()]));
        assert_eq!(view.variables, variables(&[("time_zone", "+01:00")]), "the difference is left for diff");
    }

    #[test]
    fn c7_character_sets_go_back_together() {
        let session = SessionState::new(b"a".to_vec(), Lexing::default(), StatusFlags::AUTOCOMMIT);
        let mut view = View { variables: variables(&[("character_set_results", "latin1")]), ..View::default() };
        let set = "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_0900_ai_ci'";
        assert_eq!(restored(&session, &mut view), Some(vec![set.into()]));
    }

    /// They have the collation of the connection when they were set.
    #[test]
    fn c7_numbers_are_never_taken_over() {
        for flavour in [Flavour::Mysql, Flavour::Mariadb] {
            let lexing = Lexing { flavour, ..Lexing::default() };
            let mut session = SessionState::new(b"a".to_vec(), lexing, StatusFlags::AUTOCOMMIT);
            let (sql, mut view) = (b"SET @n = 5", View::default());
            let statement = classify(sql, &lexing, &Catalogue::unknown());
            session.note_assigned(&mut view, ServerId(1), &statement, sql, true);
            assert_eq!(restored(&session, &mut view), Some(Vec::new()));
            assert_eq!(session.missing_values(&view).count(), usize::from(flavour == Flavour::Mysql), "{flavour:?}");
        }
    }

    #[test]
    fn what_cannot_go_back_keeps_the_connection_from_being_used() {
        let session = SessionState::new(Vec::new(), Lexing::default(), StatusFlags::AUTOCOMMIT);
        let mut with_schema = View { schema: b"b".to_vec(), ..View::default() };
        assert_eq!(restored(&session, &mut with_schema), None);
        let mut unknown = View { variables: variables(&[("nobody_knows", "1")]), ..View::default() };
        assert_eq!(restored(&session, &mut unknown), None);
    }

    #[test]
    fn c20_the_sessions_own_wait_timeout_comes_first() {
        let session = SessionState::new(Vec::new(), Lexing::default(), StatusFlags::AUTOCOMMIT);
        let login = variables(&[("wait_timeout", "28800")]);
        assert_eq!(wait_timeout(&session, None), None);
        assert_eq!(wait_timeout(&session, Some(&login)), Some(Duration::from_secs(28_800)));
        let session = session.in_context(b"", &variables(&[("wait_timeout", "2")]));
        assert_eq!(wait_timeout(&session, Some(&login)), Some(Duration::from_secs(2)));
    }
}
