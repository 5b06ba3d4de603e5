//! User variables in a session's state.

use rolecall_protocol::response::text::{Column, Row};

use super::SessionState;
use crate::session::diff::other_name;
use crate::session::pins::names_its_variables;
use crate::session::user_variables::{MOST_ON_CONNECTION, cleared};
use crate::session::{Pins, Variables, View};
use crate::sql::{Effects, FLAGS_MARIADB, Flavour, Statement, assigned_integers, user_variables};
use crate::topology::ServerId;

impl SessionState {
    /// The server whose connection alone knows the values of some user variables, the active roles, or flags: they must be read
    /// there before the session uses another one.
    #[must_use]
    pub fn unread_at(&self) -> Option<ServerId> {
        self.variables_unread_at().or(self.role_unread_at()).or(self.flags_unread_at)
    }

    /// The server whose connection alone knows which of MariaDB's flags were set.
    #[must_use]
    pub const fn flags_unread_at(&self) -> Option<ServerId> {
        self.flags_unread_at
    }

    /// The session ends, and nobody asks the connection to `server`, which believes `view`: whoever takes it sets all flags that
    /// may have been set.
    pub fn leave_flags(&self, view: &mut View, server: ServerId) {
        if self.flags_unread_at == Some(server) {
            view.variables.extend(FLAGS_MARIADB.map(|name| (name.as_bytes().into(), Box::default())));
        }
    }

    /// That connection, which believes `view` and whose login found `baseline`, has told these values
    /// ([`crate::session::flags_question`]).
    pub fn note_flags(&mut self, view: &mut View, flags: Variables, baseline: Option<&Variables>) {
        for (name, value) in flags {
            let is_as_found = baseline.is_some_and(|baseline| baseline.get(&name) == Some(&value));
            if !is_as_found || self.variables.contains_key(&name) {
                view.variables.insert(name.clone(), value.clone());
                self.variables.insert(name, value);
            }
        }
        self.flags_unread_at = None;
        self.bump(view);
    }

    /// The server whose connection alone knows the values of some user variables.
    #[must_use]
    pub const fn variables_unread_at(&self) -> Option<ServerId> {
        self.user_variables.unread_at()
    }

    /// Whether the session is not whole without its connection to `server`.
    #[must_use]
    pub fn depends_on(&self, server: ServerId) -> bool {
        self.tied_to() == Some(server) || self.unread_at() == Some(server)
    }

    /// A statement that may set user variables was run, successfully or not (`accepted`), at `server`, whose connection believes
    /// `view`. Where its text does not name all of them, they keep the connection.
    pub fn note_assigned(
        &mut self,
        view: &mut View,
        server: ServerId,
        statement: &Statement,
        sql: &[u8],
        accepted: bool,
    ) {
        if !statement.effects.contains(Effects::USER_VARIABLES) || !names_its_variables(statement) {
            return;
        }
        if accepted && let Some(assigned) = assigned_integers(sql, &self.lexing) {
            for (name, value) in assigned {
                let assignment = self.user_variables.assigned_integer(&name, value);
                view.user_variables.insert(name, Some(assignment));
            }
            return self.end_assigned(view, server);
        }
        match user_variables(sql, &self.lexing) {
            Some(names) => self.note_variables(view, server, names),
            None => self.pin(Pins::USER_VARIABLE, server),
        }
    }

    /// Code that nobody looked into may have set variables at `server`: the session's own, and these.
    pub fn doubt_variables(&mut self, view: &mut View, server: ServerId, names: Vec<Box<[u8]>>) {
        let own = self.user_variables.values().keys().cloned();
        let all = own.chain(names).collect();
        self.note_variables(view, server, all);
    }

    /// These variables may have been set at `server`.
    fn note_variables(&mut self, view: &mut View, server: ServerId, names: Vec<Box<[u8]>>) {
        if names.is_empty() {
            return;
        }
        for name in names {
            view.user_variables.insert(name.clone(), None);
            self.user_variables.assigned(name, server);
        }
        self.end_assigned(view, server);
    }

    fn end_assigned(&mut self, view: &mut View, server: ServerId) {
        self.bump(view);
        if self.user_variables.are_too_many() {
            self.pin(Pins::USER_VARIABLE, server);
        }
    }

    /// Asks for the values that only the connection to [`Self::variables_unread_at`] knows.
    #[must_use]
    pub fn user_variables_question(&self) -> Vec<u8> {
        self.user_variables.question()
    }

    /// The answer of that connection, which believes `view`. False: there are values that cannot be carried.
    #[must_use]
    pub fn note_values(&mut self, view: &mut View, columns: &[Column], row: &Row) -> bool {
        let Some(unset) = self.user_variables.read(columns, row) else { return false };
        view.user_variables.extend(self.user_variables.values().clone());
        unset.iter().for_each(|name| drop(view.user_variables.remove(name)));
        true
    }

    /// `view` is what the session is: its connection was brought up to date.
    pub fn settle(&self, view: &mut View) {
        view.variables.clone_from(&self.variables);
        for name in &view.unknown {
            if let (Some(value), Some(other)) = (view.variables.remove(name), other_name(name))
                && !view.unknown.contains(other)
            {
                view.variables.insert(other.into(), value);
            }
        }
        view.schema.clone_from(&self.schema);
        view.multi_statements = self.multi_statements;
        view.client_tracks = self.tracking.own;
        view.user_variables.extend(self.user_variables.values().clone());
        view.role.clone_from(&self.role);
        view.revision = self.revision;
    }

    /// The assignments that `view`'s connection lacks.
    pub(in crate::session) fn missing_values(&self, view: &View) -> impl Iterator<Item = &[u8]> {
        let missing =
            self.user_variables.values().iter().filter(|(name, value)| view.user_variables.get(*name) != Some(value));
        missing.filter_map(|(_, value)| value.as_deref()).filter(|_| !crate::left_out!("user-variables"))
    }

    /// Assignments that take from `view`'s connection what another session has set. None: that cannot be done. On MySQL a
    /// variable that was never set is no typed NULL as any other is: `COALESCE(@a,'x')='X'` would not be the same.
    pub(in crate::session) fn foreign_values(&self, view: &mut View) -> Option<Vec<Vec<u8>>> {
        let own = self.user_variables.values();
        let is_back = !crate::left_out!("user-variables-back");
        let foreign = view.user_variables.iter_mut().filter(|(name, _)| is_back && !own.contains_key(*name));
        let can_be_cleared = self.lexing.flavour == Flavour::Mariadb && !view.login_sets;
        let mut is_possible = true;
        let mut assignments = Vec::new();
        for (name, value) in foreign {
            // Also one that its session has made NULL itself.
            is_possible &= can_be_cleared;
            let cleared = cleared(name);
            if value.as_deref() != Some(&cleared) {
                assignments.push(cleared.clone());
                *value = Some(cleared.into());
            }
        }
        (is_possible && view.user_variables.len() <= MOST_ON_CONNECTION).then_some(assignments)
    }
}

#[cfg(test)]
mod tests {
    use rolecall_protocol::StatusFlags;

    use super::*;
    use crate::sql::Lexing;

    /// What another session leaves of `@c`, whose value is known.
    fn cleaned(flavour: Flavour, login_sets: bool, left: Vec<u8>) -> Option<usize> {
        let lexing = Lexing { flavour, ..Lexing::default() };
        let session = SessionState::new(b"a".to_vec(), lexing, StatusFlags::AUTOCOMMIT);
        let mut view = View { login_sets, ..View::default() };
        view.user_variables.insert(b"c".as_slice().into(), Some(left.into()));
        session.foreign_values(&mut view).map(|assignments| assignments.len())
    }

    /// On MySQL, and where init_connect may have set it, a NULL is not what a new connection has.
    #[test]
    fn c2_a_variable_that_another_session_made_null_is_its_own_still() {
        for (flavour, login_sets, null, five) in [
            (Flavour::Mysql, false, None, None),
            (Flavour::Mariadb, false, Some(0), Some(1)),
            (Flavour::Mariadb, true, None, None),
        ] {
            assert_eq!(cleaned(flavour, login_sets, cleared(b"c")), null, "{flavour:?}");
            assert_eq!(cleaned(flavour, login_sets, b"@`c`=5".to_vec()), five, "{flavour:?}");
        }
    }
}
