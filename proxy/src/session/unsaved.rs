//! What only a connection knows of its session is asked for before it goes.

use std::time::Duration;

use rolecall_protocol::command::Command;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::command::statement_of;

use super::Session;
use crate::backend::{Connection, QueryError};
use crate::clock::Clock;
use crate::registry::SessionHandle;
use crate::topology::ServerError;

/// Why something is still known to the connection alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unsaved {
    /// It cannot be carried.
    Never,
    /// The session holds something there after all.
    Held,
    /// The server did not tell this time, in its own words.
    Refused(ErrPacket),
    /// The connection does not answer.
    Lost,
}

/// A server that stands still (SIGSTOP, a disk that is gone) keeps neither the session nor what waits for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The answer to one of the proxy's own questions, unless the session has to end first. [`Unsaved::Lost`]: the connection is in
/// the middle of an exchange, and must be given up.
pub(super) async fn asked<T>(
    clock: &Clock,
    handle: &SessionHandle,
    question: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, Unsaved> {
    asked_within(ANSWER_TIMEOUT, clock, handle, question).await
}

/// The same for a question whose answer may take `limit` by itself.
pub(super) async fn asked_within<T>(
    limit: Duration,
    clock: &Clock,
    handle: &SessionHandle,
    question: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, Unsaved> {
    match handle.unless_summoned(clock.timeout(limit, question)).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(QueryError::Refused(err)))) => Err(Unsaved::Refused(err)),
        Ok(Ok(Err(QueryError::Leg(_))) | Err(_)) | Err(_) => Err(Unsaved::Lost),
    }
}

impl Session {
    /// All that the connection alone knows.
    pub(super) async fn save(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        // First: the OK to any other question would tell what the session set, to nobody.
        let doubt = self.end_doubt(link).await;
        if doubt.is_ok() || doubt == Err(Unsaved::Held) {
            // ROW_COUNT() is the PING's here, also where the session stays.
            self.save_answers(link).await?;
        }
        doubt?;
        self.save_insert_id(link).await?;
        self.save_values(link).await?;
        if self.state.may_hide_variables_at(link.server.id) {
            if asked(&self.worker.shared.clock, &self.handle, link.has_other_variables()).await? {
                return Err(Unsaved::Never);
            }
            self.state.has_no_hidden_variables();
        }
        Ok(())
    }

    /// The same where nothing else ties the session, and the statement at hand must not run there. False: the doubt stays.
    pub(super) async fn settle_doubt(&mut self) -> bool {
        let Some(server) = self.state.uncertain_at() else { return false };
        let Some(at) = self.links.iter().position(|link| link.server.id == server) else { return false };
        let mut link = self.links.swap_remove(at);
        let doubt = self.end_doubt(&mut link).await;
        if doubt == Err(Unsaved::Lost) {
            drop(link);
            self.publish_links();
            self.note_lost(server);
            self.worker.shared.topology.report(server, ServerError::Lost);
        } else {
            self.put_back(link);
        }
        self.handle.set_pins(self.state.pins());
        self.state.uncertain_at().is_none()
    }

    /// What an error has left in doubt: the next OK tells the status and what was set.
    async fn end_doubt(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        let server = link.server.id;
        if self.state.uncertain_at() != Some(server) {
            return Ok(());
        }
        let (told, warnings) = (self.state.told(), self.state.warnings_told());
        let ok = asked(&self.worker.shared.clock, &self.handle, link.ping()).await?.ok;
        let ping = statement_of(Command::Ping);
        self.state.observe_ok(server, &mut link.view, &ok, &ping, 0).map_err(|_| Unsaved::Lost)?;
        self.state.assume_told(told, warnings);
        // The error has counted as a write without a name: what a PING names is not the next statement's.
        self.state.forget_gtids();
        if self.state.is_free() { Ok(()) } else { Err(Unsaved::Held) }
    }
}
