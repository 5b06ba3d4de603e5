//! A statement's way to one server, and its reply's way back.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::SequenceId;
use rolecall_protocol::response::{ErrPacket, ReplyContext, ReplyScanner};
use rolecall_protocol::{Capabilities, MariadbCapabilities, StatusFlags};
use rolecall_router::consistency::Ended;
use rolecall_router::refusal::{refuses_writes, unknown_variable};
use rolecall_router::sql::{Access, Effects, Verb};
use rolecall_router::topology::Role;

use super::dispatch::Job;
use super::local_file::send_file;
use super::patience::Patience;
use super::relay::{Outcome, Relay, Step};
use super::waits::Voided;
use super::{CloseReason, Session, write_to_client};
use crate::backend::Connection;
use crate::buffer::{Buffer, Scratch};
use crate::exchange::LegError;
use crate::monotonic;
use crate::registry::{Link, SessionHandle};
use crate::topology::ServerError;
use crate::transport::Transport;

/// Pipelined bytes that are read while a statement runs, before the client is left waiting.
pub(super) const READ_AHEAD: usize = 16 * 1024;

/// How an exchange with a server ended.
#[derive(Debug)]
pub(super) enum Exchanged {
    /// The whole reply reached the client.
    Done(Outcome),
    /// The server refused what another one may accept; nothing of that has reached the client.
    Misplaced(ErrPacket),
    /// It went behind something that failed: its reply is thrown away.
    Void(Voided),
    /// The server has as many prepared statements as it may have, and made no other; nothing of that has reached the client.
    TooManyStatements(ErrPacket),
    /// The server was lost.
    Lost {
        /// Whether bytes of the reply have reached the client.
        reached: bool,
        /// The sequence id for an error packet, where the client stands between two packets.
        boundary: Option<SequenceId>,
    },
}

/// A command as it went to a server; by default in one packet, as nearly all do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// The sequence id of its last packet.
    pub last: SequenceId,
    /// What the client's ids are ahead of the server's by, since its packets were cut anew (wrapping).
    pub raised: u8,
}

impl Default for Sent {
    fn default() -> Self {
        Self { last: SequenceId(0), raised: 0 }
    }
}

/// What came of waiting for a server's bytes.
enum Arrived {
    Bytes,
    ServerLost,
    ClientGone,
}

impl Session {
    /// Sends a command (`own`, or the first `taken` bytes of `buffer`) to `link` and its reply to the client. The link
    /// goes back to the session only when the exchange ended cleanly.
    pub(super) async fn exchange(
        &mut self,
        mut link: Box<Connection>,
        buffer: &mut Buffer,
        taken: usize,
        own: Option<Vec<u8>>,
        job: &Job,
    ) -> Result<Exchanged, CloseReason> {
        if link.has_anything_ahead() {
            debug_assert!(own.is_none(), "what the proxy writes itself goes by itself");
            return match self.go_behind(link, &buffer.filled()[..taken]).await? {
                Ok(link) => self.receive(link, buffer, taken, job, Sent::default()).await,
                Err(exchanged) => Ok(exchanged),
            };
        }
        self.begin(&link);
        link.transport.new_exchange();
        let bytes = own.as_deref().unwrap_or(&buffer.filled()[..taken]);
        let written = match link.transport.write_now(bytes) {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(count) => match self.handle.unless_summoned(link.transport.write_all(&bytes[count..])).await {
                Ok(written) => written,
                Err(summons) => {
                    self.abandon(link);
                    return Err(summons.into());
                }
            },
            Err(error) => Err(error),
        };
        if written.is_err() {
            // It may have said why it hung up: what it sent is read below, and the end is found there.
            tracing::debug!(server = %link.server.name, "writing a command failed");
        }
        self.receive(link, buffer, taken, job, Sent::default()).await
    }

    /// Sends a read behind commands of the proxy's own, in one write (sessions.md 3), and reads the answers to these: the
    /// connection on which the read's own reply comes, or what came of it where they failed.
    async fn go_behind(
        &mut self,
        mut link: Box<Connection>,
        read: &[u8],
    ) -> Result<Result<Box<Connection>, Exchanged>, CloseReason> {
        self.begin(&link);
        let awaited = self.reads.causality.awaited();
        let timeout = self.worker.with_settings(|settings| settings.catch_up_timeout);
        let waits = link.waits_ahead;
        let mut bytes = Scratch::new();
        link.put_with_ahead(bytes.out(), (awaited, timeout), read);
        debug_assert!(!waits || link.waits_ahead, "what was waited for when it was decided can be waited for still");
        let ok = awaited.answer_of_ok();
        let mut due = u64::MAX;
        if link.waits_ahead {
            let limit = u64::try_from(self.wait_limit().as_nanos()).unwrap_or(u64::MAX);
            due = monotonic::nanoseconds().saturating_add(limit);
            self.worker.pool.keep_time(&self.sharing.spot);
        }
        let answered = {
            // Pinned where it is: what is handed on is copied each time.
            let exchange = pin!(async {
                let rest = link.transport.write_now(bytes.filled()).map(|written| &bytes.filled()[written..]);
                let rest = rest.map_err(LegError::from)?;
                if !rest.is_empty() {
                    Box::pin(link.transport.write_all(rest)).await.map_err(LegError::from)?;
                }
                link.answers_ahead(ok).await
            });
            self.sharing.spot.unless_overdue(due, self.handle.unless_cut_off(exchange)).await.transpose()
        };
        match answered {
            Ok(answered) => Ok(self.void(link, answered)),
            Err(summons) => {
                self.abandon(link);
                Err(summons.into())
            }
        }
    }

    /// A statement is about to run on `link`, which [`Self::take_link`] gave: KILL reaches it from now on.
    pub(super) fn begin(&self, link: &Connection) {
        self.handle.begin(Link { server: link.server.id, thread_id: link.thread_id });
    }

    /// Brings the reply to a command that was `sent` to the client.
    pub(super) async fn receive(
        &mut self,
        mut link: Box<Connection>,
        buffer: &mut Buffer,
        taken: usize,
        job: &Job,
        sent: Sent,
    ) -> Result<Exchanged, CloseReason> {
        link.outstanding.begin();
        let mut result = self.receive_counted(&mut link, buffer, taken, job, sent).await;
        let now = monotonic::nanoseconds();
        let server = link.server.id;
        let role = self
            .worker
            .with_topology(|topology| topology.server(server).map_or(Role::Unroutable, |server| server.role));
        if let Ok(Exchanged::Done(outcome)) = &mut result {
            outcome.ended = Some((now, role));
        }
        link.outstanding.end();
        self.handle.end();
        let ended = match &result {
            Ok(Exchanged::Done(outcome)) if outcome.err.is_none() => Ended::Ok,
            Ok(Exchanged::Done(_) | Exchanged::Misplaced(_) | Exchanged::TooManyStatements(_)) => Ended::Err,
            Ok(Exchanged::Lost { .. } | Exchanged::Void(_)) | Err(_) => Ended::Broken,
        };
        let insert_id = match &result {
            Ok(Exchanged::Done(outcome)) if outcome.err.is_none() => Some(outcome.insert_id),
            _ => None,
        };
        link.may_have_variables |= self.sharing.is_on && self.state.may_hide_variables(&job.statement);
        let (told, flavour) = (self.state.told(), self.state.lexing().flavour);
        self.sharing.note_command(job, &mut link, insert_id, told, flavour);
        self.note_read_or_write(job, (server, role), ended, now);
        match result {
            Ok(exchanged @ (Exchanged::Done(_) | Exchanged::Misplaced(_) | Exchanged::TooManyStatements(_))) => {
                self.put_back(link);
                Ok(exchanged)
            }
            Ok(lost @ (Exchanged::Lost { .. } | Exchanged::Void(_))) => {
                let server = link.server.id;
                drop(link);
                self.publish_links();
                self.worker.shared.topology.report(server, ServerError::Lost);
                Ok(lost)
            }
            Err(reason) => {
                self.abandon(link);
                Err(reason)
            }
        }
    }

    async fn receive_counted(
        &mut self,
        link: &mut Connection,
        buffer: &mut Buffer,
        taken: usize,
        job: &Job,
        sent: Sent,
    ) -> Result<Exchanged, CloseReason> {
        let context = self.reply_context(link, job);
        let is_tied = self.state.tied_to().is_some();
        let mut reply = link.read_ahead.take().unwrap_or_else(Buffer::borrow);
        let mut is_there = !reply.is_empty();
        let Connection { transport, view, server, statements, .. } = link;
        let client = &mut self.client;
        let mut relay = Relay {
            scanner: ReplyScanner::new(job.kind, context, sent.last).raised_by(sent.raised),
            capabilities: self.capabilities,
            state: &mut self.state,
            view,
            server: server.id,
            statement: &job.statement,
            prepared: (statements.under_way, job.statement_id),
            outcome: Outcome::default(),
            out: Scratch::new(),
            passing: 0,
        };
        if relay.scanner.is_done() {
            return Ok(Exchanged::Done(relay.outcome));
        }
        let first = SequenceId(sent.last.next().0.wrapping_add(sent.raised));
        let mut reached = false;
        loop {
            let arrives = arrive(client, transport, (&mut reply, &mut is_there), buffer, taken);
            match self.handle.unless_cut_off(arrives).await? {
                Arrived::Bytes => {}
                Arrived::ClientGone => return Err(CloseReason::ClientGone),
                Arrived::ServerLost => return Ok(lost(&relay, reached, first, &reply)),
            }
            let full = reply.is_full();
            let step = match relay.step(&mut reply) {
                Ok(step) => step,
                Err(error) => {
                    tracing::warn!(server = %server.name, %error, "a reply cannot be understood: its connection is closed");
                    return Ok(lost(&relay, reached, first, &reply));
                }
            };
            if let Some(err) = &relay.outcome.err {
                if !reached
                    && step == Step::Done
                    && let Some(refused) = second_chance(err, job, taken, is_tied)
                {
                    return Ok(refused);
                }
                if refuses_writes(err) {
                    self.worker.shared.topology.report(server.id, ServerError::RefusesWrites);
                }
            }
            reached |= write_step(client, &self.handle, &mut relay, &mut reply).await?;
            match step {
                Step::More => {
                    if full {
                        reply.enlarge();
                    }
                }
                Step::LocalFile => {
                    let ids = (relay.scanner.client_sequence(), relay.scanner.raised());
                    let patience = Patience::of(&self.worker, &self.handle);
                    match Box::pin(send_file(client, transport, buffer, taken, ids, patience)).await? {
                        Some(last) => relay.scanner.file_sent(last),
                        None => return Ok(lost(&relay, reached, first, &reply)),
                    }
                }
                Step::Done if reply.is_empty() => return Ok(Exchanged::Done(relay.outcome)),
                Step::Done => {
                    // Bytes behind the reply belong to nobody: the connection is out of step and must not be used again.
                    tracing::warn!(server = %server.name, "bytes behind a reply: its connection is closed");
                    let outcome = std::mem::take(&mut relay.outcome);
                    self.worker.shared.topology.report(server.id, ServerError::Lost);
                    transport.poison();
                    return Ok(Exchanged::Done(outcome));
                }
            }
        }
    }

    fn reply_context(&self, link: &Connection, job: &Job) -> ReplyContext {
        ReplyContext {
            server: link.capabilities,
            metadata_flag: link.has_metadata_flag(),
            progress_reports: link.mariadb.contains(MariadbCapabilities::PROGRESS),
            client_deprecates_eof: self.capabilities.contains(Capabilities::DEPRECATE_EOF),
            local_file_allowed: self.capabilities.contains(Capabilities::LOCAL_FILES)
                && job.statement.effects.intersects(Effects::LOCAL_FILE | Effects::UNKNOWN_ROUTINE),
            out_parameters_possible: job.command == Command::StmtExecute
                && job.statement.effects.contains(Effects::UNKNOWN_ROUTINE),
            ids_may_jump: link.transport.is_compressed(),
            status: self.state.status() & StatusFlags::OF_SESSION,
            statement_id: job.statement_id,
        }
    }
}

/// What comes of an error of which the client has not been told: the statement has done nothing, and may do better elsewhere,
/// or once more.
fn second_chance(err: &ErrPacket, job: &Job, taken: usize, is_tied: bool) -> Option<Exchanged> {
    let statement = &job.statement;
    let is_misplaced = match statement.access {
        Access::Read => refuses_writes(err),
        // Trap C23: a replica may be older or newer than the primary.
        Access::Session => statement.verb == Verb::Set && unknown_variable(err).is_some(),
        _ => false,
    };
    if is_misplaced && !is_tied {
        return Some(Exchanged::Misplaced(err.clone()));
    }
    // Else it has left the buffer, and cannot be sent again.
    let can_be_sent_again = job.command == Command::StmtPrepare && taken > 0;
    (can_be_sent_again && err.code == ErrorCode::MAX_PREPARED_STMT_COUNT_REACHED.code)
        .then(|| Exchanged::TooManyStatements(err.clone()))
}

/// Writes what a step let pass; says whether there was anything.
async fn write_step(
    client: &mut Transport,
    handle: &SessionHandle,
    relay: &mut Relay<'_>,
    reply: &mut Buffer,
) -> Result<bool, CloseReason> {
    let passing = relay.passing;
    if relay.out.filled().is_empty() {
        if passing == 0 {
            return Ok(false);
        }
        write_to_client(client, handle, &reply.filled()[..passing]).await?;
    } else {
        relay.out.out().extend_from_slice(&reply.filled()[..passing]);
        write_to_client(client, handle, relay.out.filled()).await?;
    }
    reply.consume(passing);
    Ok(true)
}

/// `first`: the id of the reply's first packet, which the client still waits for where nothing has reached it, whatever
/// the scanner has seen.
fn lost(relay: &Relay<'_>, reached: bool, first: SequenceId, reply: &Buffer) -> Exchanged {
    let boundary = (relay.scanner.is_at_boundary() && reply.is_empty()).then(|| relay.scanner.client_sequence());
    Exchanged::Lost { reached, boundary: if reached { boundary } else { Some(first) } }
}

/// Waits for the server's bytes, and for the client's end meanwhile: a client that left must not keep its query running.
/// Pipelined commands are read behind the first `taken` bytes of `buffer`, within a bound.
async fn arrive(
    client: &mut Transport,
    server: &mut Transport,
    (reply, is_there): (&mut Buffer, &mut bool),
    buffer: &mut Buffer,
    taken: usize,
) -> Arrived {
    poll_fn(|cx| {
        if std::mem::take(is_there) {
            return Poll::Ready(Arrived::Bytes);
        }
        match server.poll_fill(cx, reply) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Arrived::ServerLost),
            Poll::Ready(Ok(_)) => return Poll::Ready(Arrived::Bytes),
            Poll::Pending => {}
        }
        while buffer.len() < taken + READ_AHEAD {
            match client.poll_read_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Arrived::ClientGone),
                Poll::Pending => return Poll::Pending,
            }
            match client.poll_fill(cx, buffer) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Arrived::ClientGone),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    })
    .await
}
