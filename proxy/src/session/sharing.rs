//! Server connections that the session shares with others of its account.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_router::session::{
    ConditionsBehind, Pins, Prefix, ResetNames, Told, conditions_behind, restore, wait_timeout,
};
use rolecall_router::sql::{Answers, Conditions, Flavour, Verb};
use rolecall_router::topology::ServerId;

use super::dispatch::Job;
use super::insert_id::InsertId;
use super::unsaved::Unsaved;
use super::{CloseReason, Session};
use crate::backend::{Connection, QueryError};
use crate::metrics::Destroyed;
use crate::monotonic;
use crate::pool::{AccountPool, Permit, Spot};
use crate::topology::ServerError;

/// A session's part in its account's pool.
#[derive(Debug)]
pub(super) struct Sharing {
    /// Whether the listener's sessions share, where nothing else is said of their user.
    by_listener: bool,
    /// Whether its user's sessions do, at this listener.
    by_user: bool,
    /// Whether this one does now.
    pub is_on: bool,
    pub pool: Rc<AccountPool>,
    pub spot: Rc<Spot>,
    pub insert_id: InsertId,
    /// The connection on which the last statement ran has been handed over: what it said of that statement.
    pub answers: Option<Box<Answers>>,
    /// What knows FOUND_ROWS().
    count: Count,
    /// The statement asks about the one before it, and no other session's must answer.
    pub wants_fresh: bool,
    /// The same, however it is answered: where the proxy refuses it, it may be asked again.
    pub is_question: bool,
    /// The statement only reads: what its connection must be told first goes in its own write.
    pub goes_ahead: bool,
    /// A place for a new connection, for which the session stood in line.
    pub granted: Option<(ServerId, Permit)>,
    /// wait_timeout in nanoseconds, and the session's revision for which that is so.
    idle_limit: (u64, u64),
}

/// What knows the session's FOUND_ROWS().
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Count {
    /// No statement has counted: a fresh connection is as good as another.
    #[default]
    Nobody,
    /// The connection to this server, where the last one ran that did.
    At(ServerId),
    /// No connection; what was told of it may.
    Lost,
}

impl Sharing {
    pub fn new(by_listener: bool, by_user: bool, pool: Rc<AccountPool>, spot: Rc<Spot>) -> Self {
        if by_user {
            pool.enlist(&spot);
        }
        Self {
            by_listener,
            by_user,
            is_on: by_user,
            pool,
            spot,
            insert_id: InsertId::default(),
            // Nothing has run yet, whatever the connection has served.
            answers: by_user.then(Box::default),
            count: Count::default(),
            wants_fresh: false,
            is_question: false,
            goes_ahead: false,
            granted: None,
            idle_limit: (u64::MAX, u64::MAX),
        }
    }

    /// Whether the listener's sessions share, where nothing else is said of their user.
    pub const fn by_listener(&self) -> bool {
        self.by_listener
    }

    /// Whether this session shares, as long as nothing keeps it from that.
    pub const fn by_user(&self) -> bool {
        self.by_user
    }

    /// COM_RESET_CONNECTION.
    pub fn begin_anew(&mut self, told: Told) {
        self.insert_id = InsertId::default();
        let Told { row_count, found_rows, .. } = told;
        self.answers = None;
        if self.by_user {
            self.keep(Answers { row_count, found_rows, ..Answers::default() });
        }
    }

    /// No connection tells of the last statement: these are the answers.
    pub fn keep(&mut self, answers: Answers) {
        self.answers = Some(Box::new(answers));
        self.count = Count::Lost;
    }

    /// A command has run on `link`. `insert_id`: what its OK packets told of; None where it failed.
    pub fn note_command(
        &mut self,
        job: &Job,
        link: &mut Connection,
        insert_id: Option<u64>,
        told: Told,
        flavour: Flavour,
    ) {
        let statement = &job.statement;
        let is_preparation = job.command == Command::StmtPrepare && insert_id.is_some();
        let behind = conditions_behind(job.command, statement, flavour);
        self.answers = self.answers.take().and_then(|answers| answers_behind(answers, is_preparation, behind, told));
        self.wants_fresh = false;
        link.has_conditions &= behind != ConditionsBehind::Cleared;
        link.has_conditions |= told.may_have_conditions;
        if is_preparation {
            return;
        }
        // One that failed leaves the number.
        let counts = statement.verb == Verb::Select || (flavour == Flavour::Mysql && statement.counts_matched);
        if counts && insert_id.is_some() {
            self.count = Count::At(link.server.id);
        }
        self.insert_id.note(statement, link, insert_id);
    }

    /// Whether the connection to `last`, where the last statement ran, tells nothing of the session's FOUND_ROWS(): a statement
    /// that leaves the number, or may, is not always where the one ran that made it.
    pub fn counts_elsewhere(&self, last: Option<ServerId>) -> bool {
        match self.count {
            Count::Nobody => false,
            Count::At(server) => Some(server) != last,
            Count::Lost => true,
        }
    }

    /// The connection to `server` was another session's, or has served the proxy: it tells another FOUND_ROWS().
    pub fn lose_count_at(&mut self, server: ServerId) {
        if self.count == Count::Nobody || self.count == Count::At(server) {
            self.count = Count::Lost;
        }
    }

    /// Whether connections that others have used will do.
    pub const fn takes_used(&self) -> bool {
        self.is_on && !self.wants_fresh
    }
}

/// wait_timeout where no connection of the account has told it yet.
const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs(28_800);

impl Session {
    /// The connection that was reset goes: its variables are no login's any more.
    pub(super) async fn close_links(&mut self) {
        for link in std::mem::take(&mut self.links) {
            link.transport.close().await;
        }
    }

    /// What COM_RESET_CONNECTION made of the character sets becomes what the session has set, so that any connection will do.
    pub(super) async fn learn_reset_names(&mut self, link: &mut Connection) -> Result<(), QueryError> {
        let names = link.reset_names(self.state.lexing().flavour).await?;
        self.state.assume_names(&names);
        Ok(())
    }

    /// The same, asked of a connection that the session has; None: later, on its next one.
    pub(super) async fn reset_names(&mut self) -> Option<ResetNames> {
        let flavour = self.state.lexing().flavour;
        let handle = Arc::clone(&self.handle);
        let link = self.links.first_mut()?;
        if let Ok(Ok(names)) = handle.unless_summoned(link.reset_names(flavour)).await {
            return Some(names);
        }
        self.links.remove(0);
        None
    }

    /// Whether others may have the idle session's connections.
    pub(super) fn is_shareable(&self) -> bool {
        self.state.is_free() && self.may_be_shareable()
    }

    /// The same, but for what an error has left in doubt: [`Self::hand_over`] asks.
    pub(super) fn may_be_shareable(&self) -> bool {
        self.sharing.is_on && self.state.may_be_free() && !self.state.tracking().own && self.prepared.can_move()
    }

    /// The session is idle: others may ask for its connections, and who waits in line gets them at once. False: it stays where it
    /// is, maybe by what a connection told on its way.
    pub(super) async fn park(&mut self) -> bool {
        if !self.may_be_shareable() {
            return false;
        }
        self.sharing.granted = None;
        let now = monotonic::nanoseconds();
        // The last one is where the last statement ran.
        if let Some(link) = self.links.last_mut() {
            link.quiet_since = now;
        }
        let is_wanted = self.sharing.pool.has_line();
        if is_wanted || self.links.iter().any(|link| now >= link.old_at) {
            if is_wanted {
                Box::pin(self.give_what_is_wanted()).await;
            }
            Box::pin(self.replace_old(now)).await;
            if !self.may_be_shareable() {
                return false;
            }
        }
        let until = now.saturating_add(self.idle_limit());
        self.sharing.pool.park(&self.sharing.spot, &self.links, now, until);
        true
    }

    async fn replace_old(&mut self, now: u64) {
        // Each once: one that cannot be given stays.
        let old = self.links.iter().filter(|link| now >= link.old_at).map(|link| link.server.id);
        for server in old.collect::<Vec<_>>() {
            self.hand_over(server).await;
        }
    }

    pub(super) async fn give_what_is_wanted(&mut self) {
        let servers: Vec<_> = self.links.iter().map(|link| link.server.id).collect();
        for server in servers {
            if self.sharing.pool.is_wanted(server) {
                self.hand_over(server).await;
            }
        }
    }

    /// wait_timeout, which no server enforces where the session has no connection: in nanoseconds.
    fn idle_limit(&mut self) -> u64 {
        let revision = self.state.revision();
        if self.sharing.idle_limit.0 != revision {
            let baseline = self.links.iter().find_map(|link| link.baseline.clone());
            // Without a connection the account's others tell; without these it is what servers have by default.
            let baseline = baseline.or_else(|| self.sharing.pool.baseline());
            let Some(limit) = wait_timeout(&self.state, baseline.as_deref()) else {
                return DEFAULT_WAIT_TIMEOUT.as_nanos() as u64;
            };
            self.sharing.idle_limit = (revision, u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        }
        self.sharing.idle_limit.1
    }

    /// Another session wants the connection to `server`: what only the connection can tell is saved, then it goes.
    pub(super) async fn hand_over(&mut self, server: ServerId) {
        if !self.may_be_shareable() {
            // Another one of its connections has told what keeps them all.
            return self.sharing.pool.ask_or_let_open(server);
        }
        let is_to_close = self.sharing.spot.is_to_close();
        let Some(at) = self.links.iter().position(|link| link.server.id == server) else { return };
        if self.handle.is_being_killed() {
            // A KILL that is still on its way must not hit the next owner (trap H4).
            self.handle.kills_over().await;
        }
        let mut link = self.links.swap_remove(at);
        self.publish_links();
        self.state.unpin(Pins::FOUND_ROWS);
        self.handle.set_pins(self.state.pins());
        // On a login's proof nothing has run yet.
        let is_proof = link.baseline.is_none();
        let saved = match link.is_gone() {
            true => Err(Unsaved::Lost),
            // Nor is anything of the session's on one that came out of the line for a statement which went elsewhere.
            false if is_proof || link.is_used => Ok(()),
            false => self.save(&mut link).await,
        };
        match saved {
            Ok(()) => {}
            Err(Unsaved::Held) => {
                self.handle.set_pins(self.state.pins());
                self.put_back(link);
                self.publish_links();
                self.sharing.lose_count_at(server);
                return self.sharing.pool.ask_or_let_open(server);
            }
            Err(Unsaved::Never | Unsaved::Refused(_)) => return self.keep_link(link),
            Err(Unsaved::Lost) => {
                self.worker.metrics.destroyed.increment(Destroyed::Broken);
                self.worker.shared.topology.report(server, ServerError::Lost);
                self.note_lost(server);
                self.sharing.pool.ask_or_let_open(server);
                return;
            }
        }
        if is_proof || link.is_spoilt {
            self.worker.metrics.destroyed.increment(Destroyed::NotClean);
            link.transport.close().await;
            self.sharing.pool.ask_or_let_open(server);
        } else if is_to_close && !self.sharing.pool.is_wanted(server) {
            link.transport.close().await;
        } else {
            self.leave_statements(&mut link);
            self.worker.metrics.handovers.increment();
            self.sharing.pool.give(link);
        }
    }

    /// The connection knows what cannot be carried: it stays.
    fn keep_link(&mut self, link: Box<Connection>) {
        let server = link.server.id;
        self.links.push(link);
        self.publish_links();
        self.sharing.lose_count_at(server);
        self.stay_at(server);
        self.sharing.pool.ask_or_let_open(server);
    }

    /// When a connection that is made now is to be replaced: spread out, so that not all are at once.
    pub(super) fn old_at(&self) -> u64 {
        let lifetime = self.worker.with_settings(|settings| settings.max_lifetime);
        crate::pool::old_at(lifetime, self.worker.rotation())
    }

    /// The session ends: what it leaves clean is for others.
    pub(super) fn release(&mut self) {
        if !self.sharing.by_user {
            return;
        }
        let links = std::mem::take(&mut self.links);
        if !self.is_shareable() || self.state.was_reset() || self.handle.is_being_killed() {
            self.worker.metrics.destroyed.of(Destroyed::NotClean).add(links.len() as u64);
            return;
        }
        for mut link in links {
            let may_hide_variables = self.state.may_hide_variables_at(link.server.id);
            if link.baseline.is_none() || link.is_spoilt || may_hide_variables || link.is_stale() {
                self.worker.metrics.destroyed.increment(Destroyed::Broken);
                continue;
            }
            let server = link.server.id;
            if self.sharing.insert_id.is_at(server) {
                link.view.insert_id = None;
            }
            self.state.leave_flags(&mut link.view, server);
            self.leave_statements(&mut link);
            self.give_without_closing(link);
        }
    }

    /// Takes from a connection what its last session left. False: it cannot be used.
    pub(super) async fn restore(&mut self, link: &mut Connection) -> bool {
        let Some(baseline) = link.baseline.clone() else { return false };
        if link.may_have_variables {
            let Ok(Some(names)) = link.doubtful_variables().await else { return false };
            link.view.user_variables.extend(names.into_iter().map(|name| (name, None)));
        }
        let multi_statements = self.identity.capabilities.contains(Capabilities::MULTI_STATEMENTS);
        let Some(mut prefixes) = restore(&self.state, &mut link.view, &baseline, multi_statements) else {
            return false;
        };
        if std::mem::take(&mut link.has_conditions) && self.state.lexing().flavour == Flavour::Mariadb {
            prefixes.push(Prefix::ClearConditions);
        }
        if self.goes_ahead_on(link) && link.can_go_ahead(&prefixes) {
            link.ahead = prefixes;
            return true;
        }
        for prefix in prefixes {
            if link.apply(&prefix).await.is_err() {
                return false;
            }
        }
        true
    }

    /// The session was idle for longer than its wait_timeout: it ends as at the server, with an unasked error.
    pub(super) async fn end_late(&mut self) -> CloseReason {
        let err = ErrPacket::new(
            ErrorCode::CLIENT_INTERACTION_TIMEOUT,
            "The client was disconnected by the server because of inactivity. See wait_timeout and interactive_timeout for \
             configuring this behavior.",
        );
        let bytes = self.local(SequenceId(0)).err(&err);
        let _ = self.send(&bytes).await;
        CloseReason::Idle
    }
}

/// What is still to be answered without the connection that ran a command, on which `answers` are not. None: it tells all.
fn answers_behind(
    mut answers: Box<Answers>,
    is_preparation: bool,
    behind: ConditionsBehind,
    told: Told,
) -> Option<Box<Answers>> {
    let were_some = !answers.conditions.is_none();
    if told.may_have_conditions {
        // The command's own are there, but a preparation's numbers are not.
        answers.conditions = Conditions::Lost;
        return is_preparation.then_some(answers);
    }
    match behind {
        ConditionsBehind::Kept => {}
        ConditionsBehind::Cleared => answers.conditions = Conditions::none(),
        ConditionsBehind::Unknown if were_some => answers.conditions = Conditions::Lost,
        ConditionsBehind::Unknown => {}
    }
    if !is_preparation {
        answers.row_count = told.row_count;
        if behind != ConditionsBehind::Kept {
            answers.found_rows = told.found_rows;
        }
    }
    (is_preparation || !answers.conditions.is_none()).then_some(answers)
}
