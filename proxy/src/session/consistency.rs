//! Reads that see what their session wrote and read before: what is noted of each statement, and what is asked and
//! awaited before a read goes to a replica. The rule stands in [`rolecall_router::consistency`].

use rolecall_protocol::command::Command;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::consistency::{
    Board, Bounds, Causality, Consistency, Ended, Position, Requirement, Trace, WaitAnswer,
};
use rolecall_router::sql::{Access, Flavour, Hint};
use rolecall_router::topology::{Primary, Role, ServerId, Topology};

use super::dispatch::Job;
use super::links::{Hold, LinkError};
use super::unsaved::{Unsaved, asked_within};
use super::{CloseReason, Session};
use crate::backend::{Connection, TextResult, wait_answer};
use crate::buffer::Buffer;
use crate::metrics::CatchUp;
use crate::monotonic;
use crate::topology::ServerError;

/// What a session's reads are promised, and what that rests on.
#[derive(Debug)]
pub(super) struct Reads {
    pub causality: Causality,
    /// The session's own level.
    pub level: Consistency,
    /// The listener's.
    pub default_level: Consistency,
    /// The primary that was known last.
    primary: Option<ServerId>,
    /// When a replica had told its position last, at a wait in vain: until one tells another, no more time is lost, and
    /// reads go to the primary.
    pub late_since: Option<u64>,
}

impl Reads {
    pub fn new(level: Consistency) -> Self {
        Self { causality: Causality::default(), level, default_level: level, primary: None, late_since: None }
    }

    /// The connection to `server` broke: it may have started anew, with less than it has shown.
    pub fn lost(&mut self, server: ServerId) {
        self.causality.replica_restarted(server, monotonic::nanoseconds());
        if self.primary == Some(server) {
            self.causality.primary_changed();
        }
    }

    /// Before a server is chosen: a new primary is noted, and probes pay debts.
    pub fn settle(&mut self, level: Consistency, topology: &Topology, board: &Board) {
        if level == Consistency::Global {
            self.causality.arrive(monotonic::nanoseconds());
        }
        if let Primary::One(primary) = topology.primary
            && self.primary != Some(primary)
            && self.primary.replace(primary).is_some()
        {
            self.causality.primary_changed();
        }
        let home = match self.causality.needs(level) {
            Requirement::AskPrimaryFirst => None,
            Requirement::Stay { server, .. } => Some(server),
            _ => return,
        };
        if let Some(progress) = home.and_then(|home| board.of(home)) {
            self.causality.notice_restart(progress, monotonic::nanoseconds());
        }
        // One that is gone has told what it had before.
        let Some(primary) = self.primary else { return };
        let asked = match home {
            Some(home) if topology.server(home).is_some_and(|server| server.role == Role::Replica) => return,
            // Its home is gone: what it told before it went, or the primary, frees the session.
            home => [home, Some(primary)],
        };
        for server in asked.into_iter().flatten() {
            let role = if server == primary { Role::Primary } else { Role::Replica };
            if board.of(server).is_some_and(|progress| self.causality.settle(progress, role)) {
                break;
            }
        }
    }
}

/// What came of a question to a server.
enum Answer {
    Told(TextResult),
    /// It refused.
    Refused(ErrPacket),
    /// It could not be asked: no connection was free in time, or none could be made.
    NotAsked,
}

impl Session {
    /// What the statement of this job is promised.
    pub(super) fn level_of(&self, job: &Job) -> Consistency {
        match job.statement.hint {
            Some(Hint::Consistency(level)) => level,
            _ => self.reads.level,
        }
    }

    /// Whether a wait was in vain, and no replica has told anything new since.
    pub(super) fn replicas_are_late(&self) -> bool {
        self.reads.late_since.is_some_and(|late_since| self.newest_word() == late_since)
    }

    /// When a replica was asked last how far it is.
    pub(super) fn newest_word(&self) -> u64 {
        self.worker.with_topology(|topology| {
            self.worker.with_board(|board| {
                let told = topology.replicas().filter_map(|server| board.of(server.id));
                told.map(|progress| progress.asked_at).max().unwrap_or(0)
            })
        })
    }

    /// Waits until replica `server` has executed what the session needs; false where that takes too long.
    pub(super) async fn catch_up(
        &mut self,
        server: ServerId,
        level: Consistency,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<bool, CloseReason> {
        let Some(position) = self.reads.causality.needs(level).position().cloned() else { return Ok(true) };
        let Some(reached) = self.wait_for(server, &position, hold, buffer).await? else { return Ok(false) };
        debug_assert_eq!(position, *self.reads.causality.awaited(), "nothing has come to it meanwhile");
        self.note_waited(server, reached);
        Ok(reached)
    }

    /// Whether `server` reaches a position in time; None: it could not be asked.
    async fn wait_for(
        &mut self,
        server: ServerId,
        position: &Position,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<Option<bool>, CloseReason> {
        let limit = self.worker.with_settings(|settings| settings.catch_up_timeout);
        if !position.can_be_waited_for() {
            return Ok(Some(position.is_start()));
        }
        let question = |link: &Connection| position.wait_statement(limit, link.wait_form()).unwrap_or_default();
        let answer = match self.ask(server, question, hold, buffer).await? {
            Answer::Told(told) => wait_answer(position.answer_of_ok(), &told),
            Answer::Refused(err) => WaitAnswer::of_err(&err),
            Answer::NotAsked => return Ok(None),
        };
        Ok(Some(answer == WaitAnswer::Reached))
    }

    /// Asks the primary how far it is; whether it has told, None: it could not be asked.
    pub(super) async fn ask_primary(
        &mut self,
        primary: ServerId,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<Option<bool>, CloseReason> {
        let flavour = self.state.lexing().flavour;
        let asked = monotonic::nanoseconds();
        let row = match self.ask(primary, |_| Bounds::question(flavour).to_owned(), hold, buffer).await? {
            Answer::Told(mut told) => told.rows.pop(),
            Answer::Refused(_) => None,
            Answer::NotAsked => return Ok(None),
        };
        let Some(row) = row else { return Ok(Some(false)) };
        let row: Vec<Option<&[u8]>> = row.iter().map(Option::as_deref).collect();
        let bounds = Bounds::read(flavour, &row);
        self.reads.causality.learnt(&bounds);
        self.worker.metrics.catch_ups.increment(CatchUp::Asked);
        self.worker.shared.topology.positions().note(primary, bounds, asked);
        Ok(Some(true))
    }

    /// What comes before the primary serves a session that has seen what this primary may not have. False: it could not be
    /// asked, and nothing is known of it.
    pub(super) async fn catch_up_at_primary(
        &mut self,
        primary: ServerId,
        level: Consistency,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<bool, CloseReason> {
        let Some(has_told) = self.ask_primary(primary, hold, buffer).await? else { return Ok(false) };
        let Requirement::AtLeast(position) = self.reads.causality.needs_at_primary(level) else { return Ok(true) };
        let position = position.clone();
        // MariaDB's wait does not see a primary's own writes.
        let reached = match has_told && self.state.lexing().flavour == Flavour::Mysql {
            true => self.wait_for(primary, &position, hold, buffer).await?,
            false => Some(false),
        };
        let Some(reached) = reached else { return Ok(false) };
        if !reached {
            // Trap G12: they are lost, or were never there (a token that somebody made up).
            self.worker.metrics.catch_ups.increment(CatchUp::MissingAtPrimary);
            tracing::debug!(primary = primary.0, "transactions that a session has seen are not at the primary");
        }
        self.reads.causality.confirmed_by_primary();
        Ok(true)
    }

    /// Asks a question of the proxy's own; waits in line for a connection as statements do.
    async fn ask(
        &mut self,
        server: ServerId,
        question: impl FnOnce(&Connection) -> String,
        hold: &mut Hold,
        buffer: &mut Buffer,
    ) -> Result<Answer, CloseReason> {
        let mut link = loop {
            match self.take_link(server).await {
                Ok(link) => break link,
                Err(LinkError::NoneFree) if Box::pin(self.wait_in_line(server, hold, buffer)).await? => {}
                Err(LinkError::Ended(reason)) => return Err(reason),
                Err(_) => return Ok(Answer::NotAsked),
            }
        };
        // The server itself ends a wait in time, unless it stands still.
        let limit = self.wait_limit();
        let sql = question(&link);
        match asked_within(limit, &self.worker.shared.clock, &self.handle, link.query(sql.as_bytes())).await {
            Ok(told) => {
                // FOUND_ROWS() is the question's here.
                self.sharing.lose_count_at(server);
                self.put_back(link);
                Ok(Answer::Told(told))
            }
            Err(Unsaved::Refused(err)) => {
                self.put_back(link);
                Ok(Answer::Refused(err))
            }
            Err(Unsaved::Lost | Unsaved::Never | Unsaved::Held) => {
                self.lose(link);
                Ok(Answer::NotAsked)
            }
        }
    }

    fn lose(&mut self, link: Box<Connection>) {
        let server = link.server.id;
        drop(link);
        self.publish_links();
        self.note_lost(server);
        self.worker.shared.topology.report(server, ServerError::Lost);
    }

    /// The connection to `server` is gone, with whatever it held.
    pub(super) fn note_lost(&mut self, server: ServerId) {
        self.state.lost(server);
        self.reads.lost(server);
    }

    /// Notes what a statement that ended at `server` means for later reads.
    pub(super) fn note_read_or_write(&mut self, job: &Job, at: (ServerId, Role), ended: Ended, now: u64) {
        // A preparation shows nothing but the shape of a result.
        if job.command != Command::StmtPrepare {
            self.note_execution(job, at, ended, now);
        }
        self.state.forget_gtids();
    }

    fn note_execution(&mut self, job: &Job, (server, role): (ServerId, Role), ended: Ended, now: u64) {
        let trace = Trace::of(&job.statement, ended, !self.state.gtids().is_empty(), self.state.tracking().own);
        if !trace.is_tracked && !trace.has_shown {
            return;
        }
        let flavour = self.state.lexing().flavour;
        let promised = self.level_of(job) != Consistency::Eventual;
        // Statements of a transaction follow its beginning, without a look at what is needed by now.
        let was_admitted = job.statement.access == Access::Read && self.state.tied_to().is_none();
        let causality = &mut self.reads.causality;
        if trace.is_tracked {
            causality.wrote_tracked(flavour, self.state.gtids(), now);
        }
        match (trace.has_shown, role == Role::Replica) {
            (true, true) if promised && was_admitted => causality.read_on_replica(server, now),
            (true, true) if promised => causality.read_on_replica_unasked(server, now),
            (true, false) => causality.read_on_primary(now),
            _ => {}
        }
    }
}
