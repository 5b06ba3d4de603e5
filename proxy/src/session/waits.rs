//! A read that waits for its replica takes the wait with it, in one write: no round trip more.
//!
//! A wait in vain costs the connection, since the read behind it has run all the same. So no session of the worker goes behind
//! one at that server until a wait there, which then goes by itself, has been reached.

use std::time::Duration;

use rolecall_protocol::SequenceId;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::consistency::WaitAnswer;
use rolecall_router::topology::ServerId;

use super::Session;
use super::forward::Exchanged;
use crate::backend::{Connection, QueryError};
use crate::metrics::{CatchUp, Destroyed};
use crate::monotonic;
use crate::topology::ServerError;

/// How much later than asked a server may answer.
const GRACE: Duration = Duration::from_secs(2);

/// Why a statement's reply is thrown away with its connection, unread: it went behind something that failed.
#[derive(Debug)]
pub(super) enum Voided {
    /// The server refused what the session has set: the statement has run in a state that is not the session's.
    NotUpToDate,
    /// The server has not executed in time what the statement must show.
    TooLate,
    /// A KILL QUERY has hit what went ahead.
    Interrupted(ErrPacket),
}

impl Session {
    /// Whether a read may take its wait for replica `server` along; else the wait goes by itself, or the read elsewhere.
    pub(super) fn may_take_wait_along(&self, server: ServerId) -> bool {
        !self.worker.is_late(server)
            && !self.state.depends_on(server)
            && self.reads.causality.awaited().can_be_waited_for()
            && !self.replicas_are_late()
    }

    /// What a replica has said to a wait for what the session depends on.
    pub(super) fn note_waited(&mut self, server: ServerId, has_reached: bool) {
        self.worker.note_late(server, !has_reached);
        if has_reached {
            self.worker.metrics.catch_ups.increment(CatchUp::Reached);
            // Others look for the replica that is ahead.
            let position = self.reads.causality.awaited();
            let is_noted = self
                .worker
                .with_board(|board| board.of(server).is_some_and(|progress| progress.note_reached(position)));
            if !is_noted && self.worker.takes_turn_to_tell(monotonic::nanoseconds()) {
                self.worker.shared.topology.positions().note_reached(server, position);
            }
        } else {
            self.worker.metrics.catch_ups.increment(CatchUp::TooLate);
            self.keep_from_replicas();
        }
    }

    /// Reads that would have to wait are the primary's until a replica tells more.
    fn keep_from_replicas(&mut self) {
        self.reads.late_since = Some(self.newest_word());
    }

    /// What the answer to a wait may take; the server itself ends it before, unless it stands still.
    pub(super) fn wait_limit(&self) -> Duration {
        self.worker.with_settings(|settings| settings.catch_up_timeout) + GRACE
    }

    /// Gives up a connection on which a statement has run behind something that failed, or None: it has not failed.
    pub(super) fn void(
        &mut self,
        mut link: Box<Connection>,
        answered: Option<Result<Option<WaitAnswer>, QueryError>>,
    ) -> Result<Box<Connection>, Exchanged> {
        let server = link.server.id;
        let has_waited = std::mem::take(&mut link.waits_ahead);
        match &answered {
            Some(Ok(Some(answer))) => self.note_waited(server, *answer == WaitAnswer::Reached),
            // The next try must not stand behind the same silence.
            None | Some(Err(QueryError::Leg(_))) if has_waited => self.keep_from_replicas(),
            _ => {}
        }
        let voided = match answered {
            Some(Ok(None | Some(WaitAnswer::Reached))) => return Ok(link),
            Some(Ok(Some(_))) => Some(Voided::TooLate),
            Some(Err(QueryError::Refused(err))) if err.code == ErrorCode::QUERY_INTERRUPTED.code => {
                Some(Voided::Interrupted(err))
            }
            Some(Err(QueryError::Refused(_))) => Some(Voided::NotUpToDate),
            Some(Err(QueryError::Leg(_))) | None => None,
        };
        tracing::debug!(server = %link.server.name, ?voided, "what went ahead of a read failed");
        self.sharing.insert_id.lose_at(server);
        match &voided {
            None => {
                drop(link);
                self.worker.shared.topology.report(server, ServerError::Lost);
            }
            Some(Voided::NotUpToDate) => {
                drop(link);
                self.worker.metrics.destroyed.increment(Destroyed::NotRestored);
            }
            // The read behind it may run for long, for nobody.
            Some(Voided::TooLate | Voided::Interrupted(_)) => {
                self.worker.metrics.destroyed.increment(Destroyed::BehindAWait);
                self.abandon(link);
            }
        }
        self.publish_links();
        self.handle.end();
        let lost = Exchanged::Lost { reached: false, boundary: Some(SequenceId(1)) };
        Err(voided.map_or(lost, Exchanged::Void))
    }
}
