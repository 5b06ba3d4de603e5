//! KILL, and queries whose client left.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::command::{Command, process_kill_id};
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::{ErrPacket, ReplyKind, UnsignedColumn};
use rolecall_protocol::{MariadbCapabilities, SequenceId};
use rolecall_router::command::statement_of;
use rolecall_router::sql::{Flavour, Kill, KillTarget, Statement, kill};

use super::dispatch::Job;
use super::{CloseReason, Session};
use crate::backend::{Connection, Identity, QueryError};
use crate::buffer::Buffer;
use crate::registry::{Leave, Link, SessionHandle};
use crate::shared::Shared;

/// A KILL of the proxy's own takes at most this long.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

impl Session {
    /// A KILL statement: ids are the proxy's, or a server's thread ids, of sessions of the same user.
    pub(super) async fn kill_statement(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
        sql: &[u8],
        statement: Statement,
    ) -> Result<(), CloseReason> {
        match kill(sql, self.state.lexing()) {
            Some(Kill { query_only, target: KillTarget::Id(id) }) => self.kill(id, query_only).await,
            // The server kills the connection that runs this very statement: the session's own.
            Some(Kill { query_only, target: KillTarget::Own }) => {
                self.run(buffer, taken, Job::new(Command::Query, ReplyKind::Results, statement)).await?;
                if query_only { Ok(()) } else { Err(CloseReason::Killed) }
            }
            Some(Kill { target: KillTarget::Other, .. }) | None => {
                let err = ErrPacket::new(
                    ErrorCode::NOT_SUPPORTED_YET,
                    "Rolecall does not map this form of KILL to a server: use KILL [QUERY] with a number, as CONNECTION_ID() \
                     or the processlist gives it",
                );
                self.fail(&err).await
            }
        }
    }

    /// `SELECT CONNECTION_ID()` with this column name: the id by which KILL reaches this session.
    pub(super) async fn tell_connection_id(&mut self, column: &[u8]) -> Result<(), CloseReason> {
        let layout = match self.state.lexing().flavour {
            Flavour::Mysql => UnsignedColumn::BIGINT,
            Flavour::Mariadb => {
                UnsignedColumn::INT.extended(self.identity.mariadb.contains(MariadbCapabilities::EXTENDED_METADATA))
            }
        };
        let reply = self.local(SequenceId(1)).unsigned(column, layout, u64::from(self.handle.id));
        self.note_own_answer(true);
        self.send(&reply).await
    }

    /// COM_PROCESS_KILL: answered by MariaDB; MySQL 9 does not know it, and says so itself.
    pub(super) async fn process_kill(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let mariadb = self.state.lexing().flavour == Flavour::Mariadb;
        match process_kill_id(&buffer.filled()[HEADER_LENGTH..taken]) {
            Some(id) if mariadb => self.kill(u64::from(id), false).await,
            _ => {
                let job = Job::new(Command::ProcessKill, ReplyKind::Single, statement_of(Command::ProcessKill));
                self.run(buffer, taken, job).await
            }
        }
    }

    async fn kill(&mut self, id: u64, query_only: bool) -> Result<(), CloseReason> {
        let sessions = &self.worker.shared.sessions;
        let found = u32::try_from(id)
            .ok()
            .and_then(|id| sessions.get(id).or_else(|| sessions.by_thread(id, &self.identity.user)));
        let Some(victim) = found else {
            let err = ErrPacket::new(ErrorCode::NO_SUCH_THREAD, format!("Unknown thread id: {id}"));
            return self.fail(&err).await;
        };
        if victim.user() != self.identity.user {
            let err = ErrPacket::new(ErrorCode::KILL_DENIED, format!("You are not owner of thread {id}"));
            return self.fail(&err).await;
        }
        if !query_only {
            victim.kill();
        }
        if let Some((link, guard)) = victim.begin_kill() {
            let arrival = kill_at_server(&self.worker.shared, &self.identity, link, query_only).await;
            if arrival == Arrival::Unknown || (arrival == Arrival::Not && !query_only) {
                // The server may not end what runs there, and the session ends; or it may do so later, and nothing else may
                // run there then (trap H4).
                victim.kill();
                victim.call_up(Leave::Now);
            }
            drop(guard);
        }
        if Arc::ptr_eq(&victim, &self.handle) {
            let err = ErrPacket::new(ErrorCode::QUERY_INTERRUPTED, "Query execution was interrupted");
            let told = self.fail(&err).await;
            return if query_only { told } else { Err(CloseReason::Killed) };
        }
        self.note_own_answer(false);
        let ok = self.local(SequenceId(1)).ok();
        self.send(&ok).await
    }

    /// Gives up a link in mid-exchange: what still runs there is killed, and the connection is closed.
    pub(super) fn abandon(&self, link: Box<Connection>) {
        let shared = Arc::clone(&self.worker.shared);
        let identity = self.identity.clone();
        let lost = Link { server: link.server.id, thread_id: link.thread_id };
        self.forget(&self.handle, lost);
        let counted = self.worker.count_kill();
        tokio::task::spawn_local(async move {
            kill_at_server(&shared, &identity, lost, false).await;
            drop((link, counted));
        });
    }

    fn forget(&self, handle: &SessionHandle, lost: Link) {
        handle.set_links(handle.links().into_iter().filter(|link| *link != lost).collect());
    }
}

/// What became of a KILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// The server has done it.
    Done,
    /// It never will.
    Not,
    /// It was sent, and not answered.
    Unknown,
}

/// Runs KILL on a connection of its own, as the session's user: any account may kill its own threads. When it cannot, the
/// orphan ends by itself when it writes to its closed connection.
async fn kill_at_server(shared: &Shared, identity: &Identity, link: Link, query_only: bool) -> Arrival {
    let Some(server) = shared.topology.load().server(link.server).cloned() else { return Arrival::Not };
    let identity = Identity { schema: Vec::new(), ..identity.clone() };
    let sql = format!("KILL {}{}", if query_only { "QUERY " } else { "" }, link.thread_id);
    let was_sent = Cell::new(false);
    let attempt = async {
        let mut connection = shared.connector.connect(&server, &identity).await.map_err(|error| error.to_string())?;
        was_sent.set(true);
        match connection.query(sql.as_bytes()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                was_sent.set(!matches!(error, QueryError::Refused(_)));
                Err(error.to_string())
            }
        }
    };
    match shared.clock.timeout(KILL_TIMEOUT, attempt).await {
        Ok(Ok(())) => return Arrival::Done,
        Ok(Err(error)) => tracing::debug!(server = %server.name, thread = link.thread_id, %error, "KILL failed"),
        Err(_) => tracing::warn!(server = %server.name, thread = link.thread_id, "KILL took too long"),
    }
    if was_sent.get() { Arrival::Unknown } else { Arrival::Not }
}
