//! LAST_INSERT_ID() of a session whose statements run on more connections than one.

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::session::View;
use rolecall_router::sql::{Access, Effects, Statement, Verb};
use rolecall_router::topology::ServerId;

use super::Session;
use super::links::LinkError;
use super::unsaved::{Unsaved, asked};
use crate::backend::Connection;
use crate::topology::ServerError;

/// What is known of it, and where the rest is.
#[derive(Debug, Default)]
pub(super) struct InsertId {
    /// As far as it was asked for.
    value: u64,
    /// The server where a statement may have changed it since.
    at: Option<ServerId>,
    /// It went with the connection that knew it.
    is_lost: bool,
}

impl InsertId {
    /// A statement has run on `link`. `told`: what its OK packets told; None where it failed.
    pub fn note(&mut self, statement: &Statement, link: &mut Connection, told: Option<u64>) {
        // One whose OK tells of none has left it as it was, if its text is all that ran.
        let is_seen_through = statement.verb != Verb::Several
            && !statement.effects.intersects(Effects::UNKNOWN_ROUTINE | Effects::SETS_INSERT_ID);
        let is_left = told == Some(0) && is_seen_through;
        if !is_left && may_touch(statement) {
            self.at = Some(link.server.id);
            link.view.insert_id = None;
            self.is_lost &= told.is_none_or(|id| id == 0);
        }
    }

    /// Whether only the connection to `server` knows it.
    pub fn is_at(&self, server: ServerId) -> bool {
        self.at == Some(server)
    }

    /// Whether it must be asked for ([`Session::fetch_insert_id`]) before `statement` runs at `target`.
    pub fn is_elsewhere(&self, target: ServerId, statement: &Statement) -> bool {
        self.at.is_some_and(|server| server != target) && may_touch(statement)
    }

    /// What a connection must be told of it before it runs this session's statements.
    pub fn missing_on(&self, link: &Connection) -> Option<u64> {
        let is_known = link.view.insert_id == Some(self.value) || self.is_at(link.server.id);
        (!is_known && !rolecall_router::left_out!("last-insert-id")).then_some(self.value)
    }

    /// The connection to `server` is gone, and the number with it where only that knew it.
    pub fn lose_at(&mut self, server: ServerId) {
        if self.is_at(server) {
            self.at = None;
            self.is_lost = true;
        }
    }

    /// Whether a statement asks for what nobody knows any more.
    pub fn is_lost_to(&self, statement: &Statement) -> bool {
        self.is_lost && statement.effects.contains(Effects::READS_INSERT_ID)
    }
}

/// Whether a statement may read or change it.
const fn may_touch(statement: &Statement) -> bool {
    !matches!(statement.access, Access::Read | Access::Node | Access::Session | Access::Previous)
        && !matches!(statement.verb, Verb::Begin | Verb::Commit | Verb::Rollback | Verb::Savepoint | Verb::Use)
}

impl Session {
    /// The session's connection to `target` for a statement, which must not be answered with another one's LAST_INSERT_ID().
    pub(super) async fn take_link_for(
        &mut self,
        target: ServerId,
        statement: &Statement,
    ) -> Result<Box<Connection>, LinkError> {
        if self.sharing.insert_id.is_elsewhere(target, statement) {
            Box::pin(self.fetch_insert_id()).await;
        }
        if may_touch(statement)
            && let Some(link) = self.links.iter_mut().find(|link| link.server.id == target)
            && self.sharing.insert_id.missing_on(link).is_some()
        {
            // The number is no part of the session's revision: few statements are about it.
            link.view.revision = View::NOBODYS;
        }
        let link = self.take_link(target).await?;
        if self.sharing.insert_id.is_lost_to(statement) {
            self.put_back(link);
            return Err(LinkError::Refused(insert_id_lost()));
        }
        Ok(link)
    }

    /// Before a statement that reads or changes LAST_INSERT_ID() runs elsewhere: what another connection knows of it is asked for.
    async fn fetch_insert_id(&mut self) {
        let Some(server) = self.sharing.insert_id.at else { return };
        // A KILL must not hit the question.
        self.handle.kills_over().await;
        if let Some(at) = self.links.iter().position(|link| link.server.id == server) {
            let mut link = self.links.swap_remove(at);
            if self.save_insert_id(&mut link).await == Err(Unsaved::Lost) {
                self.publish_links();
                self.note_lost(server);
                self.worker.shared.topology.report(server, ServerError::Lost);
            } else {
                self.put_back(link);
                self.sharing.lose_count_at(server);
            }
        }
        self.sharing.insert_id.lose_at(server);
    }

    /// LAST_INSERT_ID(), where a statement may have changed it on this connection.
    pub(super) async fn save_insert_id(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        if self.sharing.insert_id.is_at(link.server.id) {
            let id = asked(&self.worker.shared.clock, &self.handle, link.last_insert_id()).await?;
            self.sharing.insert_id.value = id;
            self.sharing.insert_id.at = None;
            link.view.insert_id = Some(id);
        }
        Ok(())
    }
}

/// What a client is told who asks for a LAST_INSERT_ID() that nobody knows.
fn insert_id_lost() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::CONNECTION_LOST,
        "Rolecall lost the connection that knew this session's LAST_INSERT_ID(). Nothing was executed: use the id that the \
         answer to the INSERT itself has told, which drivers keep",
    )
}
