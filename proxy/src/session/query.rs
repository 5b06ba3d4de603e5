//! COM_QUERY, and the loop that brings any job to a server.

use rolecall_protocol::SequenceId;
use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_protocol::statement::QueryRequest;
use rolecall_router::command::{is_repeatable, may_have_changed_data};
use rolecall_router::decide::{Mode, ReadsOnPrimary};
use rolecall_router::session::Pins;
use rolecall_router::sql::{
    Access, Effects, Hint, NamedCollation, OwnVariable, OwnVariableUse, Statement, Verb, bare_connection_id,
    names_collation, own_variable, redacted,
};
use rolecall_router::topology::{Primary, Role, ServerId};

use super::dispatch::Job;
use super::forward::Exchanged;
use super::line::no_connection;
use super::links::{Destination, Hold, LinkError, unreachable};
use super::own_variable::RowForm;
use super::relay::Outcome;
use super::waits::Voided;
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;
use crate::metrics::{ErrorKind, Target};
use crate::monotonic;

/// Bytes that are shown of a statement that pins.
const PIN_TEXT: usize = 120;
/// A statement during which its server was lost this many times is not sent again: it may be what kills servers.
const LOSSES: u32 = 2;

/// How the tries of one job go on.
#[derive(Debug, Default)]
struct Tries {
    /// Where the next one goes, whatever would be decided.
    forced: Option<ServerId>,
    /// How often its server was lost.
    losses: u32,
    /// A server that had too many prepared statements has closed some for it.
    has_made_room: bool,
    /// What its connection must be told first goes in its own write.
    goes_ahead: bool,
}

/// What came of the search for a connection.
enum Ready {
    /// The connection, and the bytes to send where they differ from the client's.
    Go(Box<Connection>, Option<Vec<u8>>),
    /// Try again, where that was.
    Again,
    /// Try this server instead, or decide anew: the session cannot go there.
    Elsewhere(Option<ServerId>),
    /// The client has been told why there is none.
    Told,
}

impl Session {
    /// COM_QUERY.
    pub(super) async fn query(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let payload = &buffer.filled()[HEADER_LENGTH..taken];
        let request = match QueryRequest::read(payload, self.leg_capabilities()) {
            Ok(request) => request,
            Err(error) => return self.malformed(&error).await,
        };
        let sql = request.sql();
        let mut statement = self.worker.classify(sql, self.state.lexing()).in_schema(self.state.schema());
        if statement.verb == Verb::Unknown {
            self.worker.metrics.unknown(&statement);
        }
        if let Some(text) = self.state.executed_text(&statement, sql) {
            let executed = self.worker.classify(text, self.state.lexing());
            if executed.verb == Verb::Select && executed.access == Access::Read && executed.effects.is_empty() {
                // A text that reads, and no more, leaves nothing.
                statement.effects -= Effects::UNKNOWN_ROUTINE;
            }
        }
        if request.has_attributes() {
            if statement.hint.is_none() {
                statement.hint = request.attribute(b"rolecall").and_then(Hint::from_name);
            }
            if let Some(token) = request.attribute(OwnVariable::CausalToken.name().as_bytes()) {
                let token = token.to_vec();
                if let Err(err) = self.adopt(&token) {
                    return self.fail(&err).await;
                }
            }
        }
        if statement.effects.contains(Effects::OWN_VARIABLE) {
            match own_variable(sql, self.state.lexing()) {
                // A place for a value, where there is none: for the server to refuse.
                None | Some(OwnVariableUse::Bind(_)) => {}
                Some(usage) => return Box::pin(self.own_variable(usage, RowForm::Text, buffer)).await,
            }
        }
        if statement.verb == Verb::Kill {
            let sql = sql.to_vec();
            return Box::pin(self.kill_statement(buffer, taken, &sql, statement)).await;
        }
        if statement.effects.contains(Effects::CONNECTION_ID)
            && let Some(column) = bare_connection_id(sql, self.state.lexing())
        {
            return self.tell_connection_id(column).await;
        }
        if statement.effects.contains(Effects::SETS_COLLATION)
            && let Some(NamedCollation { name, is_alone }) = names_collation(sql, self.state.lexing())
        {
            statement = statement.with_known_collation(!is_alone);
            let name = name.to_vec();
            return self.set_names(buffer, taken, statement, &name, is_alone).await;
        }
        if matches!(statement.verb, Verb::Dml | Verb::Do) && statement.access == Access::Primary {
            self.state.doubt_state_change();
        }
        if self.asks_too_late(sql, &statement) {
            let sql = sql.to_vec();
            return Box::pin(self.answer(buffer, taken, &sql)).await;
        }
        self.run(buffer, taken, Job::new(Command::Query, ReplyKind::Results, statement)).await
    }

    /// SET NAMES … COLLATE: forwarded to one server, noted for the others.
    async fn set_names(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
        statement: Statement,
        collation: &[u8],
        is_alone: bool,
    ) -> Result<(), CloseReason> {
        let job = Job::new(Command::Query, ReplyKind::Results, statement);
        let accepted = self.run_observed(buffer, taken, job).await?;
        self.note_collation(accepted, collation, is_alone);
        Ok(())
    }

    /// What became of a SET NAMES … COLLATE at the server that accepted it. Nobody tells what a refused one has set that
    /// sets more: it stays at the primary, where it ran unless a transaction is open elsewhere.
    pub(super) fn note_collation(&mut self, accepted: Option<ServerId>, collation: &[u8], is_alone: bool) {
        if let Some(link) = self.links.iter_mut().find(|link| Some(link.server.id) == accepted) {
            self.state.set_collation(&mut link.view, collation);
        } else if !is_alone
            && self.state.transaction().is_none()
            && let Some(server) = self.state.tied_to()
        {
            self.state.pin(Pins::OPAQUE_STATE, server);
            self.handle.set_pins(self.state.pins());
        }
    }

    /// Runs a job whose bytes are the first `taken` of `buffer`.
    pub(super) async fn run(&mut self, buffer: &mut Buffer, taken: usize, job: Job) -> Result<(), CloseReason> {
        self.run_observed(buffer, taken, job).await.map(drop)
    }

    /// Runs a job; gives the server that accepted it, None where the client got an error.
    pub(super) async fn run_observed(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
        job: Job,
    ) -> Result<Option<ServerId>, CloseReason> {
        let started = monotonic::nanoseconds();
        let mut hold = Hold::default();
        let mut tries =
            Tries { goes_ahead: job.command == Command::Query && is_repeatable(&job.statement), ..Tries::default() };
        if job.statement.effects.contains(Effects::TRACKERS) {
            self.state.hand_over_trackers();
        }
        loop {
            let Destination { server: target, waits } = match tries.forced {
                Some(server) => Destination::at(server),
                None => match self.target_of(&job, tries.goes_ahead, &mut hold, buffer).await? {
                    Ok(target) => target,
                    Err(err) => return self.fail(&err).await.map(|()| None),
                },
            };
            let tied = self.state.tied_to().is_some() || self.state.unread_at() == Some(target);
            let unknown = self.may_have_changed_data(&job);
            self.sharing.goes_ahead = tries.goes_ahead;
            let ready = self.ready(target, &job, &mut hold, buffer, taken).await;
            self.sharing.goes_ahead = false;
            let (mut link, own) = match ready? {
                Ready::Go(link, own) => (link, own),
                Ready::Again => {
                    tries.forced = tries.forced.filter(|server| self.is_primary(*server));
                    continue;
                }
                Ready::Elsewhere(server) => {
                    tries.forced = server;
                    continue;
                }
                Ready::Told => return Ok(None),
            };
            tries.forced = None;
            if waits && !link.can_go_ahead(&[]) {
                self.put_back(link);
                tries.goes_ahead = false;
                continue;
            }
            link.waits_ahead = waits;
            match self.exchange(link, buffer, taken, own, &job).await? {
                Exchanged::Done(outcome) => {
                    let accepted = outcome.err.is_none().then_some(target);
                    self.after(&job, target, &outcome, started, &buffer.filled()[HEADER_LENGTH..taken]);
                    if accepted.is_some() && self.state.is_released_by(&job.statement) {
                        // Its server is closing it: nobody else may have it.
                        self.links.retain(|link| link.server.id != target);
                        return Err(CloseReason::Released);
                    }
                    return Ok(accepted);
                }
                Exchanged::Lost { reached, boundary } => {
                    tries.losses += 1;
                    self.note_lost(target);
                    if tied || reached || tries.losses >= LOSSES || !is_repeatable(&job.statement) {
                        return self.report_loss(boundary, tied, unknown).await.map(|()| None);
                    }
                }
                other => {
                    let is_voided = matches!(other, Exchanged::Void(_));
                    if let Some(err) = self.refused(other, target, &mut tries).await {
                        // Of all others their connection tells.
                        let told = if is_voided { self.pass_on_error(&err).await } else { self.send_error(&err).await };
                        return told.map(|()| None);
                    }
                }
            }
            if self.handle.is_killed() {
                return Err(CloseReason::Killed);
            }
        }
    }

    /// What comes of a job that did nothing at `target`: the error that its client is told, or None: it is tried once more.
    async fn refused(&mut self, exchanged: Exchanged, target: ServerId, tries: &mut Tries) -> Option<ErrPacket> {
        match exchanged {
            Exchanged::Misplaced(err) => match self.primary_other_than(target) {
                Some(primary) => tries.forced = Some(primary),
                None => return Some(err),
            },
            // Once more, told what and by whom it is refused.
            Exchanged::Void(Voided::NotUpToDate) => tries.goes_ahead = false,
            Exchanged::Void(Voided::Interrupted(err)) => return Some(err),
            Exchanged::TooManyStatements(err) => {
                // It was refused: it may be sent again, once.
                if std::mem::replace(&mut tries.has_made_room, true) || !Box::pin(self.make_room_at(target)).await {
                    return Some(err);
                }
                tries.forced = Some(target);
            }
            // Noted: until a replica tells more, reads are the primary's.
            Exchanged::Void(Voided::TooLate) | Exchanged::Done(_) | Exchanged::Lost { .. } => {}
        }
        None
    }

    /// A link to `target` for the job.
    async fn ready(
        &mut self,
        target: ServerId,
        job: &Job,
        hold: &mut Hold,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<Ready, CloseReason> {
        let failed = match self.take_link_for(target, &job.statement).await {
            Ok(mut link) => match self.outgoing(&mut link, buffer, taken, job).await {
                Ok(own) => return Ok(Ready::Go(link, own)),
                Err(error) => {
                    if matches!(error, LinkError::Refused(_)) {
                        self.put_back(link);
                    }
                    error
                }
            },
            Err(error) => error,
        };
        match failed {
            LinkError::Ended(reason) => return Err(reason),
            LinkError::Refused(err) => match self.primary_instead_of(target) {
                // Trap F10: what the session set or prepared at the primary may name what a replica does not have yet.
                Some(primary) => return Ok(Ready::Elsewhere(Some(primary))),
                None => self.pass_on_error(&err).await?,
            },
            LinkError::NoneFree => {
                if Box::pin(self.wait_in_line(target, hold, buffer)).await? {
                    return Ok(Ready::Again);
                }
                self.worker.metrics.errors.increment(ErrorKind::NoServer);
                self.fail(&no_connection(self.worker.shared.gates.limits())).await?;
            }
            LinkError::Stays => return Ok(Ready::Elsewhere(None)),
            LinkError::TieLost => {
                self.note_lost(target);
                self.report_loss(Some(SequenceId(1)), true, false).await?;
            }
            LinkError::Unreachable(reason) => {
                if self.wait_for_reachable(hold, buffer).await? {
                    return Ok(Ready::Again);
                }
                self.fail(&unreachable(&reason)).await?;
            }
        }
        Ok(Ready::Told)
    }

    /// Tells the client that a server was lost, and whether the outcome of its statement is unknown; ends the session
    /// where its state went with the server.
    pub(super) async fn report_loss(
        &mut self,
        boundary: Option<SequenceId>,
        tied: bool,
        unknown: bool,
    ) -> Result<(), CloseReason> {
        self.worker.metrics.errors.increment(if unknown { ErrorKind::OutcomeUnknown } else { ErrorKind::BackendLost });
        let Some(sequence) = boundary else { return Err(CloseReason::ServerLost) };
        let err = if unknown {
            ErrPacket::new(
                ErrorCode::OUTCOME_UNKNOWN,
                "Rolecall lost the server before it answered: the statement may or may not have been executed; check before \
                 you try again",
            )
        } else if tied {
            ErrPacket::new(
                ErrorCode::CONNECTION_LOST,
                "Rolecall lost the server that held this session's transaction or state: what was not committed is rolled \
                 back; reconnect and try the transaction again",
            )
        } else {
            ErrPacket::new(
                ErrorCode::CONNECTION_LOST,
                "Rolecall lost the server before it answered this statement, which changes no data: a retry is safe",
            )
        };
        self.note_own_failure(&err);
        self.send_error_at(sequence, &err).await?;
        if tied { Err(CloseReason::ServerLost) } else { Ok(()) }
    }

    /// What a finished job leaves to be noted. `payload`: the command's, empty where nothing is left of it.
    pub(super) fn after(&mut self, job: &Job, server: ServerId, outcome: &Outcome, started: u64, payload: &[u8]) {
        let (ended_at, role) = outcome.ended.unwrap_or((started, Role::Unroutable));
        let target = if role == Role::Primary { Target::Primary } else { Target::Replica };
        let took = ended_at.saturating_sub(started);
        self.worker.metrics.statement(target, job.statement.verb, took);
        self.worker.metrics.pinned(outcome.pinned);
        self.note_prepared(job, server, outcome);
        let accepted = outcome.err.is_none();
        self.note_assigned(job, server, payload, accepted && !payload.is_empty());
        self.note_held_and_pins(job, payload, accepted);
    }

    /// What the connection holds by name may be less now, and pins end; lets others see what pins the session, and by which
    /// statement. Nearly always nothing has changed.
    pub(super) fn note_held_and_pins(&mut self, job: &Job, payload: &[u8], accepted: bool) {
        if job.command != Command::StmtPrepare && self.state.may_hold(&job.statement) {
            // Copied: this is rare.
            let text = self.text_of(job, payload).map(<[u8]>::to_vec);
            self.state.note_held(&job.statement, text.as_deref().unwrap_or_default(), accepted && text.is_some());
        }
        let (now, before) = (self.state.pins(), self.handle.pins());
        if now == before {
            return;
        }
        self.handle.set_pins(now);
        let new = now - before;
        if !new.is_empty() {
            let statement = match self.text_of(job, payload) {
                Some(sql) => redacted(sql, self.state.lexing(), PIN_TEXT),
                None => format!("{:?}", job.command),
            };
            self.handle.note_pinned(new, &statement);
        }
    }

    /// The text of a job's statement.
    pub(super) fn text_of<'a>(&'a self, job: &Job, payload: &'a [u8]) -> Option<&'a [u8]> {
        match job.command {
            Command::Query => QueryRequest::read(payload, self.leg_capabilities()).map(|request| request.sql()).ok(),
            _ => self.prepared.text(job.statement_id),
        }
    }

    /// Whether nobody knows what the job has done when its server is lost. A preparation has done nothing.
    pub(super) fn may_have_changed_data(&self, job: &Job) -> bool {
        let is_open = self.state.transaction().is_some();
        // An error may have ended it.
        let is_certain = is_open && self.state.uncertain_at().is_none();
        job.command != Command::StmtPrepare
            && ((is_open && may_have_changed_data(&job.statement, true))
                || (!is_certain && may_have_changed_data(&job.statement, false)))
    }

    pub(super) fn is_primary(&self, server: ServerId) -> bool {
        self.worker.with_topology(|topology| topology.primary == Primary::One(server))
    }

    fn primary_other_than(&self, server: ServerId) -> Option<ServerId> {
        let topology = self.worker.shared.topology.load();
        topology.primary().map(|primary| primary.id).filter(|primary| *primary != server)
    }

    /// Where a read goes that a replica refuses, since it would not have the session's state.
    fn primary_instead_of(&self, server: ServerId) -> Option<ServerId> {
        let never = self.mode == Mode::ReplicaOnly
            || self.state.tied_to().is_some()
            || self.worker.with_settings(|settings| settings.reads_on_primary == ReadsOnPrimary::Never);
        self.primary_other_than(server).filter(|_| !never)
    }

    /// A command whose packet cannot be read.
    pub(super) async fn malformed(&mut self, error: &rolecall_protocol::ProtocolError) -> Result<(), CloseReason> {
        tracing::debug!(%error, "a command cannot be read");
        self.send_error(&ErrPacket::new(ErrorCode::MALFORMED_PACKET, "Malformed communication packet.")).await
    }

    /// Capabilities that decide how the client's commands are laid out.
    pub(super) const fn leg_capabilities(&self) -> rolecall_protocol::Capabilities {
        self.capabilities
    }
}
