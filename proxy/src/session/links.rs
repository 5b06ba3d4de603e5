//! A session's server connections: which one a statement gets, opened and brought up to date.

use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::consistency::{Admission, Consistency, Requirement};
use rolecall_router::decide::{Action, DecisionInput, Mode, ReadsOnPrimary, decide};
use rolecall_router::sql::Access;
use rolecall_router::topology::{Primary, ServerId};
use tokio::time::Instant;

use super::dispatch::Job;
use super::forward::READ_AHEAD;
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;
use crate::metrics::{Destroyed, ErrorKind, Held};
use crate::pool::Place;
use crate::topology::ServerError;

/// A server that cannot be reached is tried again after this time, unless the topology changes before.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(200);

/// Why a session has no usable connection to a server.
#[derive(Debug)]
pub(super) enum LinkError {
    /// The server refused the login, or a command that brings the connection up to date: its own words.
    Refused(ErrPacket),
    /// The connection that held the session's transaction or state is gone.
    TieLost,
    /// The session cannot leave another connection, or has lost one, as it turned out: decide again. Nothing was executed.
    Stays,
    /// The server cannot be reached. Nothing was executed.
    Unreachable(String),
    /// All connections that may exist are in use. Nothing was executed.
    NoneFree,
    /// The session must end. Nothing was executed.
    Ended(CloseReason),
}

/// No server may take a statement.
struct Absence {
    reason: String,
    /// Of the topology that says so.
    generation: u64,
    worth: Worth,
}

/// What may change that.
enum Worth {
    /// Another topology.
    AChange,
    /// Time, too.
    APause,
    /// Nothing.
    Nothing,
}

/// What a decision comes to.
#[derive(Debug, Clone, Copy)]
enum Route {
    To(ServerId),
    /// To the primary, which must be seen to have what the session has seen.
    Behind(ServerId),
    After(ServerId),
    Ask(ServerId),
}

/// Where a statement goes.
#[derive(Debug)]
pub(super) struct Destination {
    pub server: ServerId,
    /// A wait for what it must show goes in front of it, in one write.
    pub waits: bool,
}

impl Destination {
    pub const fn at(server: ServerId) -> Self {
        Self { server, waits: false }
    }
}

/// How long a statement has been waiting for a server.
#[derive(Debug, Default)]
pub(super) struct Hold {
    deadline: Option<Instant>,
    /// Counts the wait until a server is there.
    held: Option<Held>,
    /// Bytes in the client's buffer at which nothing more is read ahead: the rest of a long command stays where it is.
    read_limit: Option<usize>,
    /// For a connection, where all are in use.
    pub(super) line_deadline: Option<Instant>,
}

impl Session {
    /// The server for a job: where its statement's cursor or data is, else the decision's. `goes_behind`: something may go in
    /// front of its statement.
    pub(super) async fn target_of(
        &mut self,
        job: &Job,
        goes_behind: bool,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<Result<Destination, ErrPacket>, CloseReason> {
        match job.at {
            // What holds the session's transaction or state comes first: the statement is prepared again there.
            Some(server)
                if self.state.tied_to().is_none_or(|tied| tied == server)
                    && self.links.iter().any(|link| link.server.id == server)
                    && self.may_read_at(server, job) =>
            {
                Ok(Ok(Destination::at(server)))
            }
            _ => self.target(job, goes_behind, hold, buffer).await,
        }
    }

    /// Whether what a job shows at `server` is not older than what its session has seen.
    fn may_read_at(&self, server: ServerId, job: &Job) -> bool {
        let is_replica = || self.worker.with_topology(|topology| topology.primary != Primary::One(server));
        let shows_data = matches!(job.statement.access, Access::Read | Access::Node);
        if self.state.tied_to().is_some() || !shows_data || !is_replica() {
            return true;
        }
        let requirement = self.reads.causality.needs(self.level_of(job));
        self.worker.with_board(|board| requirement.at_replica(server, board.of(server)) == Admission::Admit)
    }

    /// The server for a job by decision; waits for one within the hold timeout.
    async fn target(
        &mut self,
        job: &Job,
        goes_behind: bool,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<Result<Destination, ErrPacket>, CloseReason> {
        let level = self.level_of(job);
        match self.decided(job, level) {
            Ok(Route::To(server)) => {
                hold.held = None;
                Ok(Ok(Destination::at(server)))
            }
            Ok(Route::After(server)) if goes_behind && self.may_take_wait_along(server) => {
                hold.held = None;
                Ok(Ok(Destination { server, waits: true }))
            }
            // Boxed: the usual statement does not pay for the wait.
            other => Box::pin(self.awaited(job, level, goes_behind, other, hold, buffer)).await,
        }
    }

    fn decided(&mut self, job: &Job, level: Consistency) -> Result<Route, Absence> {
        let Self { worker, reads, state, mode, .. } = self;
        let asks_previous = job.statement.asks_previous();
        worker.with_topology(|topology| {
            let decision = worker.with_board(|board| {
                reads.settle(level, topology, board);
                decide(&DecisionInput {
                    statement: &job.statement,
                    session: state,
                    topology,
                    mode: *mode,
                    reads_on_primary: worker.with_settings(|settings| settings.reads_on_primary),
                    rotation: worker.rotation(),
                    favourite: job.favourite,
                    requirement: reads.causality.needs(level),
                    board,
                })
            });
            match decision.action {
                // The primary may lack what the session has seen; almost never. A question about the statement before shows no
                // data, and must be the next one on its connection.
                Action::Forward(server)
                    if reads.causality.needs_at_primary(level) != Requirement::Anything
                        && state.tied_to().is_none()
                        && !asks_previous
                        && topology.primary == Primary::One(server) =>
                {
                    Ok(Route::Behind(server))
                }
                Action::Forward(server) => Ok(Route::To(server)),
                Action::After(server) => Ok(Route::After(server)),
                Action::Ask(primary) => Ok(Route::Ask(primary)),
                Action::NoServer(reason) => {
                    Err(Absence { reason, generation: topology.generation, worth: Worth::AChange })
                }
                Action::Refuse(reason) => {
                    Err(Absence { reason: reason.into(), generation: topology.generation, worth: Worth::Nothing })
                }
            }
        })
    }

    async fn awaited(
        &mut self,
        job: &Job,
        level: Consistency,
        goes_behind: bool,
        mut route: Result<Route, Absence>,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<Result<Destination, ErrPacket>, CloseReason> {
        let mut has_asked = false;
        loop {
            route = match route {
                Ok(Route::To(server)) => {
                    hold.held = None;
                    return Ok(Ok(Destination::at(server)));
                }
                Ok(Route::Behind(primary)) => {
                    if self.catch_up_at_primary(primary, level, hold, buffer).await? {
                        Ok(Route::To(primary))
                    } else {
                        Err(Absence {
                            reason: "the primary does not tell whether it has what this session has seen".into(),
                            generation: self.worker.with_topology(|topology| topology.generation),
                            worth: Worth::APause,
                        })
                    }
                }
                Ok(Route::After(server)) => {
                    if goes_behind && self.may_take_wait_along(server) {
                        hold.held = None;
                        return Ok(Ok(Destination { server, waits: true }));
                    }
                    if !self.replicas_are_late() && self.catch_up(server, level, hold, buffer).await? {
                        Ok(Route::To(server))
                    } else {
                        self.instead_of_late(level)
                    }
                }
                Ok(Route::Ask(primary)) => {
                    // Once: an answer that says nothing is followed by the read itself.
                    let is_worth_it = level == Consistency::Global || !self.replicas_are_late();
                    if !std::mem::replace(&mut has_asked, true)
                        && is_worth_it
                        && self.ask_primary(primary, hold, buffer).await? == Some(true)
                    {
                        self.decided(job, level)
                    } else {
                        self.instead_of_late(level)
                    }
                }
                // An error at a replica has left in doubt what it did: its connection tells.
                Err(Absence { worth: Worth::Nothing, .. }) if Box::pin(self.settle_doubt()).await => {
                    self.decided(job, level)
                }
                Err(Absence { reason, generation, worth }) => {
                    let has_changed = match worth {
                        Worth::AChange => self.wait(hold, generation, None, buffer).await?,
                        Worth::APause => self.wait(hold, generation, Some(UNREACHABLE_PAUSE), buffer).await?,
                        Worth::Nothing => false,
                    };
                    if !has_changed {
                        self.worker.metrics.errors.increment(ErrorKind::NoServer);
                        return Ok(Err(no_server(&reason)));
                    }
                    self.decided(job, level)
                }
            };
        }
    }

    /// Where a read goes that waited for a replica, or asked the primary, in vain.
    fn instead_of_late(&self, level: Consistency) -> Result<Route, Absence> {
        // In a listener for replicas a read with autocommit=0 begins a transaction, in which writes could follow it.
        let never = self.worker.with_settings(|settings| settings.reads_on_primary == ReadsOnPrimary::Never)
            || (self.mode == Mode::ReplicaOnly && !self.state.is_autocommit());
        self.worker.with_topology(|topology| match &topology.primary {
            // A new one may lack what the session has seen.
            Primary::One(primary) if !never => match self.reads.causality.needs_at_primary(level) {
                Requirement::Anything => Ok(Route::To(*primary)),
                _ => Ok(Route::Behind(*primary)),
            },
            _ => Err(Absence {
                reason: "no replica has executed what this session wrote or read, and the primary may not serve reads"
                    .into(),
                generation: topology.generation,
                worth: Worth::APause,
            }),
        })
    }

    /// Waits for a change of the topology, at most for `pause`; false once the hold timeout has passed. Ends early when
    /// the client leaves.
    pub(super) async fn wait(
        &mut self,
        hold: &mut Hold,
        generation: u64,
        pause: Option<Duration>,
        buffer: &mut Buffer,
    ) -> Result<bool, CloseReason> {
        let now = Instant::now();
        let deadline = *hold.deadline.get_or_insert_with(|| now + self.worker.settings().hold_timeout);
        if now >= deadline {
            return Ok(false);
        }
        hold.held.get_or_insert_with(|| Held::begin(&self.worker.metrics));
        let until = pause.map_or(deadline, |pause| deadline.min(now + pause));
        let read_limit = *hold.read_limit.get_or_insert(buffer.len() + READ_AHEAD);
        let handle = Arc::clone(&self.handle);
        tokio::select! {
            () = self.worker.shared.topology.newer_than(generation) => Ok(true),
            () = self.worker.shared.clock.sleep_until(until) => Ok(pause.is_some() && until < deadline),
            summons = handle.summoned() => Err(summons.into()),
            read = self.client.fill(buffer), if buffer.len() < read_limit => match read {
                Ok(0) | Err(_) => Err(CloseReason::ClientGone),
                // Pipelined commands; they are served in their turn.
                Ok(_) => Ok(true),
            },
        }
    }

    /// Waits a little for a server that could not be reached; false once the hold timeout has passed.
    pub(super) async fn wait_for_reachable(
        &mut self,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<bool, CloseReason> {
        let generation = self.worker.shared.topology.load().generation;
        self.wait(hold, generation, Some(UNREACHABLE_PAUSE), buffer).await
    }

    /// The session's connection to `target`, up to date; the caller puts it back after a clean exchange. A KILL aimed at
    /// the statement before must be over: it must hit neither the next one (trap H4) nor what goes in front of that.
    pub(super) async fn take_link(&mut self, target: ServerId) -> Result<Box<Connection>, LinkError> {
        if self.handle.is_being_killed() {
            self.handle.kills_over().await;
        }
        match self.take_ready_link(target) {
            Some(link) => Ok(link),
            // Boxed: the usual statement does not pay for connecting.
            None => Box::pin(self.make_ready_unless_summoned(target)).await,
        }
    }

    /// The connection to `target` where nothing has to be done with it first.
    fn take_ready_link(&mut self, target: ServerId) -> Option<Box<Connection>> {
        let at = self.links.iter().position(|link| link.server.id == target)?;
        let link = &mut self.links[at];
        let is_ready = link.is_tracked && link.view.revision == self.state.revision() && !link.is_stale();
        is_ready.then(|| self.links.swap_remove(at))
    }

    /// A server that takes its time with what goes in front of a statement does not keep a session that must end.
    async fn make_ready_unless_summoned(&mut self, target: ServerId) -> Result<Box<Connection>, LinkError> {
        let handle = Arc::clone(&self.handle);
        match handle.unless_summoned(self.make_ready(target)).await {
            Ok(made) => made,
            Err(summons) => Err(LinkError::Ended(summons.into())),
        }
    }

    async fn make_ready(&mut self, target: ServerId) -> Result<Box<Connection>, LinkError> {
        self.fetch_variables(target).await?;
        let tied = self.state.depends_on(target);
        let existing = self.links.iter().position(|link| link.server.id == target);
        if let Some(at) = existing {
            let mut link = self.links.swap_remove(at);
            // Nothing takes a connection's schema away but a new login.
            let has_lost_schema = self.state.schema().is_empty() && !link.view.schema.is_empty();
            if has_lost_schema && !tied {
                let link = self.replace(link, Destroyed::NotRestored).await?;
                return self.bring_up_to_date(link).await;
            }
            if !link.is_stale() {
                return self.bring_up_to_date(link).await;
            }
            let is_shared = link.is_used;
            drop(link);
            self.publish_links();
            if !is_shared {
                self.worker.shared.topology.report(target, ServerError::Lost);
                self.reads.lost(target);
                if !tied && !self.is_primary(target) {
                    // It may have started anew with less: where the statement may go is another question now.
                    self.state.lost(target);
                    return Err(LinkError::Stays);
                }
            }
        }
        if tied {
            return Err(LinkError::TieLost);
        }
        self.state.lost(target);
        let link = match self.take_place(target) {
            Some(Place::Used(link)) => link,
            Some(Place::New(permit)) => self.open_link(target, Some(permit)).await?,
            None => return Err(LinkError::NoneFree),
        };
        self.bring_up_to_date(link).await
    }

    pub(super) fn put_back(&mut self, link: Box<Connection>) {
        debug_assert!(link.ahead.is_empty(), "a statement was to take these with it");
        self.links.push(link);
    }
}

/// What a client is told when no server may take its statement.
pub(super) fn no_server(reason: &str) -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NO_SERVER,
        format!("Rolecall has no server that may take this statement: {reason}. Nothing was executed; a retry is safe"),
    )
}

/// What a client is told when a server could not be reached within the hold timeout.
pub(super) fn unreachable(reason: &str) -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NO_SERVER,
        format!("Rolecall cannot reach the server for this statement: {reason}. Nothing was executed; a retry is safe"),
    )
}
