//! User variables and active roles on their way from one connection to the next.

use rolecall_protocol::command::Command;
use rolecall_router::session::Pins;
use rolecall_router::sql::Effects;
use rolecall_router::topology::ServerId;

use super::Session;
use super::dispatch::Job;
use super::links::LinkError;
use super::unsaved::{Unsaved, asked};
use crate::backend::Connection;
use crate::topology::ServerError;

impl Session {
    /// A job was run at `server`, successfully or not: what it may have set is asked for before the connection is left.
    pub(super) fn note_assigned(&mut self, job: &Job, server: ServerId, payload: &[u8], accepted: bool) {
        if !job.statement.effects.intersects(Effects::USER_VARIABLES | Effects::SETS_ROLE)
            || job.command == Command::StmtPrepare
        {
            return;
        }
        let text = self.text_of(job, payload).map(<[u8]>::to_vec);
        let link = self.links.iter_mut().find(|link| link.server.id == server);
        match (link, text) {
            (Some(link), Some(sql)) => {
                self.state.note_role(&mut link.view, server, &job.statement);
                self.state.note_assigned(&mut link.view, server, &job.statement, &sql, accepted);
            }
            _ => self.state.pin(Pins::USER_VARIABLE, server),
        }
    }

    /// Before the session uses its connection to `target`: what only another one knows is read there.
    ///
    /// # Errors
    /// [`LinkError::TieLost`], [`LinkError::Stays`] and [`LinkError::Refused`].
    pub(super) async fn fetch_variables(&mut self, target: ServerId) -> Result<(), LinkError> {
        let Some(server) = self.state.unread_at().filter(|server| *server != target) else { return Ok(()) };
        let Some(at) = self.links.iter().position(|link| link.server.id == server) else {
            return Err(LinkError::TieLost);
        };
        let mut link = self.links.swap_remove(at);
        // The question for them ends what could be asked about the statement before.
        let saved = match self.save_answers(&mut link).await {
            Ok(()) => self.save_values(&mut link).await,
            unsaved => unsaved,
        };
        if saved != Err(Unsaved::Lost) {
            self.put_back(link);
            self.sharing.lose_count_at(server);
        }
        match saved {
            Ok(()) => Ok(()),
            Err(Unsaved::Never | Unsaved::Held) => {
                self.stay_at(server);
                Err(LinkError::Stays)
            }
            Err(Unsaved::Refused(err)) => Err(LinkError::Refused(err)),
            Err(Unsaved::Lost) => {
                self.publish_links();
                self.worker.shared.topology.report(server, ServerError::Lost);
                Err(LinkError::TieLost)
            }
        }
    }

    /// Reads the values and the roles that only this connection knows.
    pub(super) async fn save_values(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        self.save_variables(link).await?;
        self.save_role(link).await?;
        self.save_flags(link).await
    }

    /// Reads MariaDB's flags.
    async fn save_flags(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        if self.state.flags_unread_at() == Some(link.server.id) {
            let flags = asked(&self.worker.shared.clock, &self.handle, link.flags()).await?;
            self.state.note_flags(&mut link.view, flags, link.baseline.as_deref());
        }
        Ok(())
    }

    /// Reads the roles.
    pub(super) async fn save_role(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        if self.state.role_unread_at() == Some(link.server.id) {
            let role = asked(&self.worker.shared.clock, &self.handle, link.role(self.state.lexing().flavour))
                .await?
                .ok_or(Unsaved::Never)?;
            self.state.set_role(&mut link.view, role);
        }
        Ok(())
    }

    async fn save_variables(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        let server = link.server.id;
        if link.may_have_variables {
            let names = asked(&self.worker.shared.clock, &self.handle, link.doubtful_variables())
                .await?
                .ok_or(Unsaved::Never)?;
            self.state.doubt_variables(&mut link.view, server, names);
        }
        if self.state.variables_unread_at() != Some(server) {
            return Ok(());
        }
        if self.state.pins().contains(Pins::USER_VARIABLE) {
            return Err(Unsaved::Never);
        }
        let question = self.state.user_variables_question();
        let answer = asked(&self.worker.shared.clock, &self.handle, link.query(&question)).await?;
        let columns = answer.columns().map_err(|_| Unsaved::Lost)?;
        let row = answer.rows.first();
        let is_known = row.is_some_and(|row| self.state.note_values(&mut link.view, &columns, row));
        if is_known { Ok(()) } else { Err(Unsaved::Never) }
    }

    /// The session stays with the connection to `server`, for what cannot be carried, or not now.
    pub(super) fn stay_at(&mut self, server: ServerId) {
        let (pin, what) = if self.state.variables_unread_at() == Some(server) {
            (Pins::USER_VARIABLE, "user variables that are too many, too long or of a special type")
        } else {
            (Pins::OPAQUE_STATE, "roles, or answers about its last statement, that the server does not tell")
        };
        self.state.pin(pin, server);
        self.handle.set_pins(self.state.pins());
        self.handle.note_pinned(pin, what);
    }
}
