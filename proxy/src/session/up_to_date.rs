//! Connections made for a session, and brought up to date with it.

use std::sync::Arc;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_router::refusal::{is_about_role, is_about_schema, unknown_variable};
use rolecall_router::session::{Prefix, Role, View, diff, each_role, other_name, set_insert_id, tracker_setup};
use rolecall_router::topology::ServerId;

use super::Session;
use super::links::LinkError;
use crate::backend::{ConnectError, Connection, Identity, QueryError};
use crate::metrics::{ConnectOutcome, Destroyed};
use crate::pool::Permit;
use crate::registry::Link;
use crate::topology::ServerError;

impl Session {
    pub(super) async fn open_link(
        &mut self,
        target: ServerId,
        permit: Option<Permit>,
    ) -> Result<Box<Connection>, LinkError> {
        let server = self.worker.shared.topology.load().server(target).cloned();
        let Some(server) = server else {
            return Err(LinkError::Unreachable("the server is no longer part of the topology".into()));
        };
        let mut identity = Identity { schema: self.state.schema().to_vec(), ..self.identity.clone() };
        let mut connected = self.worker.shared.connector.connect(&server, &identity).await;
        if let Err(ConnectError::Refused(err)) = &connected
            && is_about_schema(err)
        {
            // A session whose schema is gone goes on at a server (trap C12): only what needs the schema fails.
            identity.schema.clear();
            connected = self.worker.shared.connector.connect(&server, &identity).await;
            if let Ok(connection) = &mut connected {
                connection.view.revision = View::NOBODYS;
            }
        }
        match connected {
            Ok(connection) => {
                self.worker.metrics.backend_connects.increment(ConnectOutcome::Connected);
                Ok(Box::new(Connection { permit, ..connection }))
            }
            Err(ConnectError::Refused(err) | ConnectError::TurnedAway(err)) => {
                self.worker.metrics.backend_connects.increment(ConnectOutcome::Refused);
                if err.code == ErrorCode::ACCESS_DENIED.code {
                    self.worker.shared.accounts.disprove(&identity.user, &identity.credential);
                }
                Err(LinkError::Refused(err))
            }
            Err(error) => {
                self.worker.metrics.backend_connects.increment((&error).into());
                self.worker.shared.topology.report(target, ServerError::Unreachable);
                tracing::debug!(server = %server.name, %error, "no connection for a statement");
                Err(LinkError::Unreachable(format!("server {}: {error}", server.name)))
            }
        }
    }

    /// A new connection in the place of one that cannot be what the session needs, which is closed.
    pub(super) async fn replace(
        &mut self,
        mut link: Box<Connection>,
        why: Destroyed,
    ) -> Result<Box<Connection>, LinkError> {
        self.worker.metrics.destroyed.increment(why);
        let (server, permit) = (link.server.id, link.permit.take());
        link.transport.close().await;
        // What it alone knew goes with it.
        self.sharing.insert_id.lose_at(server);
        self.publish_links();
        self.open_link(server, permit).await
    }

    /// Sets trackers on a fresh connection and applies the difference between what it believes and the session. Where
    /// that is refused, the connection stays with whatever it holds.
    pub(super) async fn bring_up_to_date(&mut self, mut link: Box<Connection>) -> Result<Box<Connection>, LinkError> {
        let is_new = !link.is_tracked || link.is_used;
        if std::mem::take(&mut link.is_used) {
            let is_there = link.is_there(&self.worker.shared.clock).await;
            if !is_there || !self.restore(&mut link).await {
                if !is_there {
                    self.sharing.pool.drop_quiet(link.server.id, link.quiet_since);
                }
                link = self.replace(link, if is_there { Destroyed::NotRestored } else { Destroyed::Broken }).await?;
            }
        }
        let updated = match self.sharing.is_on && self.state.was_reset() {
            true => match link.send_ahead().await {
                Ok(()) => self.learn_reset_names(&mut link).await,
                Err(error) => Err(error),
            },
            false => Ok(()),
        };
        let mut updated = match updated {
            Ok(()) => self.update(&mut link).await,
            Err(error) => Err(error),
        };
        if let Err(QueryError::Refused(err)) = &updated
            && is_about_schema(err)
            && !self.state.depends_on(link.server.id)
        {
            // It has another session's schema, which nothing takes away.
            link = self.replace(link, Destroyed::NotRestored).await?;
            updated = self.update(&mut link).await;
        }
        if let Err(QueryError::Refused(err)) = &updated
            && is_about_role(err)
        {
            if self.is_primary(link.server.id) {
                tracing::warn!(server = %link.server.name, error = %err, "a session goes on without a role that is gone");
                updated = match self.keep_roles(&mut link).await {
                    Ok(()) => self.update(&mut link).await,
                    Err(error) => Err(error),
                };
            } else {
                // It may only be late. The primary is asked again, whose connection of this session's has it already.
                self.links.iter_mut().for_each(|link| {
                    link.view.role = Role::Unread;
                    link.view.revision = View::NOBODYS;
                });
            }
        }
        let (server, thread_id) = (Arc::clone(&link.server), link.thread_id);
        let outcome = match updated {
            Ok(()) => Ok(link),
            Err(QueryError::Refused(err)) => {
                tracing::warn!(server = %server.name, error = %err, "cannot bring a connection up to date with its session");
                link.is_spoilt = true;
                self.put_back(link);
                Err(LinkError::Refused(err))
            }
            Err(QueryError::Leg(error)) => {
                tracing::warn!(server = %server.name, %error, "lost a connection while bringing it up to date");
                self.worker.shared.topology.report(server.id, ServerError::Lost);
                Err(LinkError::Unreachable(format!("server {}: {error}", server.name)))
            }
        };
        if is_new || outcome.is_err() {
            if self.sharing.is_on {
                self.sharing.lose_count_at(server.id);
            }
            self.publish_links();
        }
        if is_new && outcome.is_ok() {
            // Where KILL looks for the server's own id.
            self.handle.add_link(Link { server: server.id, thread_id });
        }
        outcome
    }

    /// Those of the session's roles that `link`, a connection to the primary, still takes.
    async fn keep_roles(&mut self, link: &mut Connection) -> Result<(), QueryError> {
        let Role::Set(roles) = self.state.role().clone() else { return Ok(()) };
        let mut kept = Vec::new();
        for role in each_role(&roles) {
            match link.apply(&Prefix::SetRole(role.to_vec())).await {
                Ok(_) => kept.push(role),
                Err(QueryError::Refused(err)) if is_about_role(&err) => {}
                Err(error) => return Err(error),
            }
        }
        self.state.keep_roles(&kept);
        Ok(())
    }

    /// Whether what this connection must be told may go in the statement's own write: where it is refused the connection is
    /// closed, and nothing of the session's must go with it.
    pub(super) fn goes_ahead_on(&self, link: &Connection) -> bool {
        let may = self.sharing.goes_ahead && !link.is_spoilt;
        may && !self.state.depends_on(link.server.id) && link.can_go_ahead(&[])
    }

    pub(super) async fn update(&self, link: &mut Connection) -> Result<(), QueryError> {
        if !link.is_tracked {
            link.send_ahead().await?;
            if self.state.was_reset() && !link.is_reset {
                link.reset().await?;
            }
            if self.sharing.is_on && link.baseline.is_none() {
                link.learn_baseline(self.state.lexing().flavour).await?;
                self.sharing.pool.note_baseline(link.baseline.as_ref());
                link.old_at = self.old_at();
            }
            link.query(tracker_setup(self.state.lexing().flavour).as_bytes()).await?;
            link.is_tracked = true;
        }
        if let Some(id) = self.sharing.insert_id.missing_on(link) {
            let prefix = Prefix::Set(set_insert_id(id).into_bytes());
            if self.goes_ahead_on(link) {
                link.ahead.push(prefix);
            } else {
                link.send_ahead().await?;
                link.apply(&prefix).await?;
            }
            link.view.insert_id = Some(id);
        }
        if link.view.revision == self.state.revision() {
            return Ok(());
        }
        let prefixes = diff(&self.state, &link.view);
        if self.goes_ahead_on(link) && link.can_go_ahead(&prefixes) {
            link.ahead.extend(prefixes);
            self.state.settle(&mut link.view);
            return Ok(());
        }
        link.send_ahead().await?;
        let mut without_schema = false;
        while let Err(error) = apply_all(link, &diff(&self.state, &link.view), without_schema).await {
            let QueryError::Refused(err) = &error else { return Err(error) };
            if is_about_schema(err) && link.view.schema.is_empty() && !without_schema {
                without_schema = true;
                continue;
            }
            let is_set = |name: &[u8]| self.state.variables().contains_key(name);
            let name = unknown_variable(err).filter(|name| is_set(name) || other_name(name).is_some_and(is_set));
            let Some(name) = name else { return Err(error) };
            if !link.view.unknown.insert(name.into()) {
                return Err(error);
            }
            let name = String::from_utf8_lossy(name);
            tracing::warn!(server = %link.server.name, %name, "a server does not know a variable that a session has set");
        }
        self.state.settle(&mut link.view);
        if without_schema {
            // It is tried again: a replica that lags may not have it yet.
            link.view.schema.clear();
            link.view.revision = View::NOBODYS;
        }
        Ok(())
    }
}

async fn apply_all(link: &mut Connection, prefixes: &[Prefix], without_schema: bool) -> Result<(), QueryError> {
    for prefix in prefixes {
        if !(without_schema && matches!(prefix, Prefix::InitDb(_))) {
            link.apply(prefix).await?;
        }
    }
    Ok(())
}
