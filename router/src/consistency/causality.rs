//! What a session depends on: the state behind `session` consistency.

use super::{Bounds, Consistency, Position, Progress, Requirement, Unjoinable};
use crate::sql::Flavour;
use crate::topology::{Role, ServerId};

/// What a session has written and read, as far as its next read needs it. The rule and its proof stand in the module's
/// head ([`super`]).
///
/// The caller reports events in the order in which their replies *ended*, with the time at which it saw the end; asks
/// [`Self::needs`] before a read and [`Self::needs_at_primary`] before what goes to the primary; and asks servers for
/// [`Bounds`] where the answer says so. Times are nanoseconds of one monotonic clock, which may be coarse: a probe of the
/// same tick counts as earlier.
///
/// Reads at `eventual` leave no trace: they are promised nothing, and promise nothing to later ones.
///
/// ```
/// # use rolecall_router::consistency::{Admission, Bounds, Causality, Consistency, Progress};
/// # use rolecall_router::{sql::Flavour, topology::ServerId};
/// let replica = ServerId(2);
/// let row = [Some(b"ON".as_slice()), Some(b""), Some(b"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-6")];
/// let progress = Progress::new(replica, Bounds::read(Flavour::Mysql, &row), 1_000);
///
/// let mut session = Causality::default();
/// session.wrote_tracked(Flavour::Mysql, b"3e11fa47-71ca-11e1-9e33-c80aa9429562:7", 2_000);
/// let needs = session.needs(Consistency::Session);
/// let Admission::Wait(position) = needs.at_replica(replica, Some(&progress)) else { panic!("it has not got that far") };
/// // `position.wait_statement(…)` runs there and answers 0: the read may follow, and others need not wait.
/// let progress = progress.reached(position);
/// assert_eq!(needs.at_replica(replica, Some(&progress)), Admission::Admit);
/// session.read_on_replica(replica, 3_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Causality {
    /// Transactions that the session depends on, by name.
    floor: Position,
    /// Those that it depends on without knowing their names.
    debt: Debt,
    /// When the statement under way arrived, and whether the primary has answered since.
    arrived: u64,
    answered: bool,
    /// `floor` has everything that the primary had committed before this time.
    primary_asked_at: u64,
    /// Some of `floor` did not come from this primary and was not seen there yet: a token, another primary's.
    foreign: bool,
    /// A replica has shown something that the primary was not seen to have executed.
    ahead: bool,
    replicas_run_ahead: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Debt {
    /// `floor` names everything.
    #[default]
    Nothing,
    /// And what was visible at this replica at `since`, and at `first`, when the first of the reads ended that nothing has named
    /// yet. It has executed all of `floor` if `level`.
    Replica { server: ServerId, first: u64, since: u64, level: bool },
    /// And what was visible at the primary (or anywhere: the primary knows it all) at `since`. Not `askable`: it was
    /// asked and had no position to tell.
    Primary { since: u64, askable: bool },
}

// Events.
impl Causality {
    /// A new session. `replicas_run_ahead` where a replica may show a transaction before the primary does: with
    /// semi-synchronous replication the primary waits for acknowledgements between the two (AFTER_SYNC). Then reads go
    /// from a replica to the primary only after a question, which costs a round trip for each change of place; else
    /// (the default) the primary is taken to show what replicas show.
    #[must_use]
    pub fn new(replicas_run_ahead: bool) -> Self {
        Self { replicas_run_ahead, ..Self::default() }
    }

    /// A statement arrived. Needed for `global` only.
    pub fn arrive(&mut self, now: u64) {
        self.arrived = now;
        self.answered = false;
    }

    /// An OK of the primary named these GTIDs (OWN_GTID; MariaDB: `last_gtid`). A text that cannot be kept, or is empty,
    /// counts as [`Self::wrote_untracked`].
    pub fn wrote_tracked(&mut self, flavour: Flavour, gtids: &[u8], now: u64) {
        if gtids.is_empty() || self.floor.insert_text(flavour, gtids).is_err() {
            self.wrote_untracked(now);
        } else if let Debt::Replica { level, .. } = &mut self.debt {
            *level = false;
        }
    }

    /// A statement that could write ended at the primary and its GTIDs are not known: an ERR, a connection without
    /// trackers, an OK without GTIDs (a write that changed nothing has still shown what is there).
    pub fn wrote_untracked(&mut self, now: u64) {
        self.owe_primary(now);
    }

    /// A read ended at the primary, in a transaction or not.
    pub fn read_on_primary(&mut self, now: u64) {
        self.owe_primary(now);
    }

    /// A read that [`Self::needs`] admitted ended at replica `server`. What was known of the replica before does not
    /// bound what the read saw, so nothing of it is taken.
    pub fn read_on_replica(&mut self, server: ServerId, now: u64) {
        self.showed(server, now, true);
    }

    /// A read ended at replica `server` that went there without a look at [`Self::needs`]: in a transaction, for example,
    /// which may have begun before a token came. What the replica has is not known by it.
    pub fn read_on_replica_unasked(&mut self, server: ServerId, now: u64) {
        self.showed(server, now, false);
    }

    fn showed(&mut self, server: ServerId, now: u64, admitted: bool) {
        self.ahead = true;
        match self.debt {
            // Nothing => Replica
            Debt::Nothing => {
                let level = admitted || self.floor.is_start();
                self.debt = Debt::Replica { server, first: now, since: now, level };
            }
            // Replica => Replica: it shows more than before, never less.
            Debt::Replica { server: home, first, since, level } if home == server => {
                self.debt = Debt::Replica { server, first, since: since.max(now), level: admitted || level };
            }
            // (Replica | Primary) => Primary: nobody admitted this read. The primary knows all that replicas have.
            Debt::Replica { .. } | Debt::Primary { .. } => self.owe_primary(now),
        }
    }

    /// The primary answered a question that was sent after all events so far, [`Self::arrive`] among them.
    pub fn learnt(&mut self, bounds: &Bounds) {
        self.learn_from_primary(&bounds.visible, &bounds.executed);
        self.answered = true;
    }

    /// Replica `server` answered a question that was sent after all events so far. Of use only if the session read there
    /// last.
    pub fn learnt_from_replica(&mut self, server: ServerId, bounds: &Bounds) {
        if matches!(self.debt, Debt::Replica { server: home, .. } if home == server) {
            self.learn_from_replica(&bounds.visible);
        }
    }

    /// Takes from a probe what it proves: all, if it began after what the session is unsure of ended. `role` is the
    /// server's role when it answered. Says whether the answer was of use.
    pub fn settle(&mut self, progress: &Progress, role: Role) -> bool {
        // Not in the same tick: the read may have been the later one.
        let owed_since = match self.debt {
            Debt::Nothing => None,
            Debt::Replica { since, .. } | Debt::Primary { since, .. } => Some(since),
        };
        if Some(progress.asked_at) <= owed_since || *progress.visible == Position::Unknown {
            return false;
        }
        match (role, self.debt) {
            (Role::Primary, _) if progress.asked_at > self.primary_asked_at => {
                self.learn_from_primary(&progress.visible, &progress.executed);
                if self.debt == Debt::Nothing {
                    self.primary_asked_at = progress.asked_at;
                }
            }
            (Role::Replica, Debt::Replica { server, .. }) if server == progress.server => {
                self.learn_from_replica(&progress.visible);
            }
            _ => return false,
        }
        self.debt == Debt::Nothing
    }

    /// The client brought a token.
    ///
    /// # Errors
    /// [`Unjoinable`]: another flavour, or too much. The read that it came with must not run as if it had been taken.
    pub fn adopt(&mut self, token: &Position) -> Result<(), Unjoinable> {
        if token.is_start() {
            return Ok(());
        }
        self.foreign = true;
        if let Debt::Replica { level, .. } = &mut self.debt {
            *level = false;
        }
        self.floor.try_merge(token)
    }

    /// The primary was seen to have executed what [`Self::needs_at_primary`] named.
    pub fn confirmed_by_primary(&mut self) {
        self.foreign = false;
        self.ahead = !matches!(self.debt, Debt::Nothing) && self.ahead;
    }

    /// Replica `server` started anew, and may have come back with less than it had shown. Its [`Progress`] must be dropped.
    pub fn replica_restarted(&mut self, server: ServerId, now: u64) {
        if matches!(self.debt, Debt::Replica { server: home, .. } if home == server) {
            self.owe_primary(now);
        }
    }

    /// What a probe tells of a restart since the session began to read there: [`Self::replica_restarted`] where it may have been.
    /// A restart between two probes, by which no connection of the session's broke, is seen by the second of them.
    pub fn notice_restart(&mut self, progress: &Progress, now: u64) {
        if matches!(self.debt, Debt::Replica { server, first, .. }
            if server == progress.server && first <= progress.unbroken_since)
        {
            self.owe_primary(now);
        }
    }

    /// Another server is the primary now, or the primary started anew. What the session depends on is not believed to be there until it is seen.
    pub fn primary_changed(&mut self) {
        self.foreign = true;
    }

    /// COM_RESET_CONNECTION, COM_CHANGE_USER: another session begins.
    pub fn reset(&mut self) {
        *self = Self::new(self.replicas_run_ahead);
    }
}

// Questions.
impl Causality {
    /// Where the read under way may go.
    #[must_use]
    pub fn needs(&self, consistency: Consistency) -> Requirement<'_> {
        match consistency {
            Consistency::Eventual => Requirement::Anything,
            Consistency::Strong => Requirement::PrimaryOnly,
            Consistency::Global if !self.answered && self.primary_asked_at <= self.arrived => match self.debt {
                Debt::Primary { askable: false, .. } => Requirement::PrimaryOnly,
                _ => Requirement::AskPrimaryFirst,
            },
            Consistency::Session | Consistency::Global => match self.debt {
                Debt::Nothing if self.floor.is_start() => Requirement::Anything,
                Debt::Nothing => Requirement::AtLeast(&self.floor),
                Debt::Replica { server, since, level, .. } => {
                    Requirement::Stay { server, at_least: if level { &Position::Start } else { &self.floor }, since }
                }
                Debt::Primary { askable: true, .. } => Requirement::AskPrimaryFirst,
                Debt::Primary { askable: false, .. } => Requirement::PrimaryOnly,
            },
        }
    }

    /// What comes before the primary serves this session, reads and writes alike: [`Requirement::Anything`] almost always;
    /// [`Requirement::AtLeast`] for what did not come from this primary (a token, another primary's transactions): if it
    /// cannot be reached, transactions that this client has seen are lost (trap G12); [`Requirement::AskPrimaryFirst`]
    /// only where replicas run ahead.
    #[must_use]
    pub fn needs_at_primary(&self, consistency: Consistency) -> Requirement<'_> {
        let promised = matches!(consistency, Consistency::Session | Consistency::Global);
        let ahead = self.ahead && self.replicas_run_ahead;
        match self.debt {
            _ if !promised => Requirement::Anything,
            Debt::Replica { .. } | Debt::Primary { askable: true, .. } if ahead => Requirement::AskPrimaryFirst,
            _ if (ahead || self.foreign) && !self.floor.is_start() => Requirement::AtLeast(&self.floor),
            _ => Requirement::Anything,
        }
    }

    /// What a replica is waited for where [`Self::needs`] has a position: everything that the session depends on by name.
    #[must_use]
    pub const fn awaited(&self) -> &Position {
        &self.floor
    }

    /// Everything that the session depends on, for a token.
    ///
    /// # Errors
    /// What must be asked first: [`Requirement::Stay`] (that server, or the primary) or [`Requirement::AskPrimaryFirst`];
    /// [`Requirement::PrimaryOnly`] where no token can be had.
    pub fn position(&self) -> Result<&Position, Requirement<'_>> {
        match self.debt {
            Debt::Nothing => Ok(&self.floor),
            _ => Err(self.needs(Consistency::Session)),
        }
    }
}

// Moves.
impl Causality {
    // (Nothing | Replica | Primary) => Primary
    fn owe_primary(&mut self, now: u64) {
        self.debt = match self.debt {
            Debt::Nothing => Debt::Primary { since: now, askable: true },
            Debt::Replica { since, .. } => Debt::Primary { since: since.max(now), askable: true },
            Debt::Primary { since, askable } => Debt::Primary { since: since.max(now), askable },
        };
    }

    // (Nothing | Replica | Primary) => (Nothing | Primary)
    fn learn_from_primary(&mut self, visible: &Position, executed: &Position) {
        self.foreign = self.foreign && !self.floor.is_covered_by(executed);
        if self.floor.try_merge(visible).is_err() {
            self.owe_primary(self.arrived);
            if let Debt::Primary { askable, .. } = &mut self.debt {
                *askable = false;
            }
            return;
        }
        self.debt = Debt::Nothing;
        self.ahead = self.ahead && !self.floor.is_covered_by(executed);
    }

    // Replica => (Nothing | Replica)
    fn learn_from_replica(&mut self, visible: &Position) {
        if self.floor.try_merge(visible).is_ok() {
            self.debt = Debt::Nothing;
        }
    }
}
