//! Places at a server's limits: taken where one is free, waited for in line where none is.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::topology::ServerId;
use tokio::time::Instant;

use super::dispatch::Job;
use super::forward::READ_AHEAD;
use super::links::{Hold, LinkError, unreachable};
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;
use crate::metrics::{Counter, Held};
use crate::pool::Place;

/// What comes of a command that has got no connection. Nothing was executed.
#[derive(Debug)]
pub(super) enum NoLink {
    /// The client is to be told why.
    Told(ErrPacket),
    /// The session ends.
    Ends(CloseReason),
}

impl Session {
    /// A connection to `server` that another session has used, or the place for a new one; None: the session has to wait for
    /// it.
    pub(super) fn take_place(&mut self, server: ServerId) -> Option<Place> {
        if let Some((granted, permit)) = self.sharing.granted.take()
            && granted == server
        {
            self.sharing.insert_id.lose_at(server);
            return Some(Place::New(permit));
        }
        self.sharing.insert_id.lose_at(server);
        let with_schema = !self.state.schema().is_empty();
        self.sharing.pool.take(server, with_schema, !self.sharing.takes_used())
    }

    /// Waits in line for a connection to `server`; false after `pool.wait_timeout`. Ends early when the client leaves.
    pub(super) async fn wait_in_line(
        &mut self,
        server: ServerId,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<bool, CloseReason> {
        let limit = self.worker.with_settings(|settings| settings.wait_timeout);
        let deadline = *hold.line_deadline.get_or_insert_with(|| Instant::now() + limit);
        let read_limit = buffer.len() + READ_AHEAD;
        let (handle, pool) = (Arc::clone(&self.handle), Rc::clone(&self.sharing.pool));
        let fresh = !self.sharing.takes_used();
        let _held = Held::begin(&self.worker.metrics);
        let mut line = pin!(pool.line_up(server, fresh));
        let worker = Rc::clone(&self.worker);
        let mut joins = Some(&worker.metrics.waits);
        let mut keeps = true;
        let place = loop {
            let waits = poll_fn(|cx| {
                let place = line.as_mut().poll(cx);
                // Counted once it stands in line.
                joins.take().into_iter().for_each(Counter::increment);
                place
            });
            tokio::select! {
                biased;
                place = waits => break place,
                // Behind its own word in the line, so that of two which wait for each other's at least one sees the other's.
                () = std::future::ready(()), if keeps => {
                    keeps = false;
                    if self.may_be_shareable() {
                        Box::pin(self.give_what_is_wanted()).await;
                    }
                }
                summons = handle.summoned() => return Err(summons.into()),
                read = self.client.fill(buffer), if buffer.len() < read_limit => match read {
                    Ok(0) | Err(_) => return Err(CloseReason::ClientGone),
                    // Pipelined commands; they are served in their turn.
                    Ok(_) => {}
                },
                () = self.worker.shared.clock.sleep_until(deadline) => {
                    self.worker.metrics.wait_timeouts.increment();
                    return Ok(false);
                }
            }
        };
        match place {
            Place::New(permit) => self.sharing.granted = Some((server, permit)),
            Place::Used(link) => {
                self.sharing.insert_id.lose_at(server);
                self.links.push(link);
                self.publish_links();
            }
        }
        Ok(true)
    }

    /// A connection for a command that stays with one server: waits in line where that is needed.
    pub(super) async fn take_link_in_line(
        &mut self,
        job: &Job,
        buffer: &mut Buffer,
    ) -> Result<Box<Connection>, NoLink> {
        let mut hold = Hold::default();
        loop {
            let server = match self.target_of(job, false, &mut hold, buffer).await {
                Ok(target) => target.map_err(NoLink::Told)?.server,
                Err(reason) => return Err(NoLink::Ends(reason)),
            };
            match self.take_link_for(server, &job.statement).await {
                Ok(link) => return Ok(link),
                Err(LinkError::NoneFree) => match Box::pin(self.wait_in_line(server, &mut hold, buffer)).await {
                    Ok(true) => {}
                    Ok(false) => return Err(self.no_link(LinkError::NoneFree)),
                    Err(reason) => return Err(NoLink::Ends(reason)),
                },
                Err(LinkError::Stays) => {}
                Err(error) => return Err(self.no_link(error)),
            }
        }
    }

    /// The same, made ready for the command at the front of `buffer`: with the bytes to send where they differ from the client's.
    pub(super) async fn take_ready_link_in_line(
        &mut self,
        job: &Job,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(Box<Connection>, Option<Vec<u8>>), NoLink> {
        let mut link = self.take_link_in_line(job, buffer).await?;
        match self.outgoing(&mut link, buffer, taken, job).await {
            Ok(own) => Ok((link, own)),
            Err(error) => {
                if matches!(error, LinkError::Refused(_)) {
                    self.put_back(link);
                }
                Err(self.no_link(error))
            }
        }
    }

    fn no_link(&self, error: LinkError) -> NoLink {
        match error {
            LinkError::Refused(err) => NoLink::Told(err),
            LinkError::Unreachable(reason) => NoLink::Told(unreachable(&reason)),
            LinkError::NoneFree => NoLink::Told(no_connection(self.worker.shared.gates.limits())),
            LinkError::TieLost | LinkError::Stays => NoLink::Ends(CloseReason::ServerLost),
            LinkError::Ended(reason) => NoLink::Ends(reason),
        }
    }
}

/// What a client is told when no connection became free in time.
pub(super) fn no_connection((limit, limit_of_user): (usize, usize)) -> ErrPacket {
    let of_user = match limit_of_user {
        0 => String::new(),
        limit => format!(", pool.max_connections_per_user: {limit}"),
    };
    ErrPacket::new(
        ErrorCode::NO_SERVER,
        format!(
            "Rolecall has no free connection to the server: all connections that may exist (pool.max_connections: \
             {limit}{of_user}) were in use for pool.wait_timeout. Nothing was executed; a retry is safe"
        ),
    )
}
