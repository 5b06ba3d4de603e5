//! How many statements connections keep for others, and what goes where a server has no room for one more.

use std::rc::Rc;

use rolecall_protocol::command;
use rolecall_router::topology::ServerId;

use crate::backend::Connection;
use crate::session::Session;
use crate::session::unsaved::asked;

impl Session {
    /// Statements that one connection may have; a session's own are not counted against it.
    pub(super) fn statement_limit(&self) -> usize {
        self.worker.with_settings(|settings| settings.max_prepared_statements)
    }

    /// Takes from a connection, which the session is about to give up, the statements that others must not find there.
    pub(in crate::session) fn leave_statements(&self, link: &mut Connection) {
        let limit = self.statement_limit();
        self.worker.metrics.statements_closed.add(link.statements.leave_session(limit) as u64);
    }

    /// Gives a connection up that nobody may want for a while: statements that are to be closed do not wait for its next
    /// command.
    pub(in crate::session) fn give_without_closing(&self, mut link: Box<Connection>) {
        let pool = Rc::clone(&self.sharing.pool);
        if !link.statements.has_closing() {
            return pool.give(link);
        }
        tokio::task::spawn_local(async move {
            if link.send_closing().await.is_ok() {
                pool.give(link);
            }
        });
    }

    /// The server of `link` has as many prepared statements as it may have (error 1461): closes some that this session does not
    /// need. False where there are none.
    pub(super) async fn make_room(&self, link: &mut Connection) -> bool {
        let closed = link.statements.make_room();
        self.worker.metrics.statements_closed.add(closed as u64);
        closed > 0 || self.make_room_elsewhere(link.server.id).await
    }

    /// The same for a client's own COM_STMT_PREPARE, which was refused on the session's connection to `server`.
    pub(in crate::session) async fn make_room_at(&mut self, server: ServerId) -> bool {
        if let Some(link) = self.links.iter_mut().find(|link| link.server.id == server) {
            let closed = link.statements.make_room();
            self.worker.metrics.statements_closed.add(closed as u64);
            if closed > 0 {
                return true;
            }
        }
        self.make_room_elsewhere(server).await
    }

    /// Closes all statements of a connection that nobody has.
    async fn make_room_elsewhere(&self, server: ServerId) -> bool {
        while let Some((pool, mut link)) = self.worker.pool.take_free_with_statements(server) {
            let closed = link.statements.leave_session(0);
            // COM_STMT_CLOSE has no answer: that of a PING tells that it was read.
            if asked(&self.worker.shared.clock, &self.handle, link.command(&command::PING)).await.is_ok() {
                self.worker.metrics.statements_closed.add(closed as u64);
                pool.give(link);
                return true;
            }
        }
        false
    }
}
