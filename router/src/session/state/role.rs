//! Active roles in a session's state.

use super::SessionState;
use crate::session::{Role, View};
use crate::sql::{Effects, Statement};
use crate::topology::ServerId;

impl SessionState {
    /// The active roles.
    #[must_use]
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// The server whose connection alone knows them.
    #[must_use]
    pub const fn role_unread_at(&self) -> Option<ServerId> {
        self.role_unread_at
    }

    /// A statement was run, successfully or not, at `server`, whose connection believes `view`: it may have set them.
    pub fn note_role(&mut self, view: &mut View, server: ServerId, statement: &Statement) {
        if statement.effects.contains(Effects::SETS_ROLE) {
            self.role = Role::Unread;
            self.role_unread_at = Some(server);
            view.role = Role::Unread;
            self.bump(view);
        }
    }

    /// That connection has told them.
    pub fn set_role(&mut self, view: &mut View, role: Role) {
        self.role = role.clone();
        self.role_unread_at = None;
        view.role = role;
    }

    /// The primary says that not all of the session's roles are its account's any more: it goes on with these (what stands behind
    /// SET ROLE, each by itself), as at a server, where the others give nothing any more.
    pub fn keep_roles(&mut self, kept: &[&[u8]]) {
        self.role = Role::Set(if kept.is_empty() { b"NONE".as_slice().into() } else { kept.join(&b',').into() });
        self.revision += 1;
    }

    /// Nobody can tell them any more: the next connection has the login's.
    pub fn forget_role(&mut self) {
        if self.role == Role::Unread {
            self.role = Role::OfLogin;
            self.role_unread_at = None;
        }
    }

    /// Whether `view`'s connection has other roles than the session, and nothing makes them what a login does.
    pub(in crate::session) fn has_foreign_role(&self, view: &View) -> bool {
        self.role == Role::OfLogin && view.role != Role::OfLogin && !crate::left_out!("role-back")
    }

    /// The argument of the SET ROLE that `view`'s connection lacks.
    pub(in crate::session) fn missing_role(&self, view: &View) -> Option<&[u8]> {
        match &self.role {
            Role::Set(argument) if view.role != self.role && !crate::left_out!("role") => Some(argument),
            _ => None,
        }
    }
}
