//! The one entry point of routing: [`decide`].

use std::sync::Arc;

use rolecall_protocol::StatusFlags;

use crate::balance::least_busy;
use crate::consistency::{Admission, Board, Requirement};
use crate::session::{Pins, SessionState};
use crate::sql::{Access, Effects, Hint, Statement, Verb};
use crate::topology::{Primary, Role, Server, ServerId, Topology};

/// What a listener does with statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Writes to the primary, reads to replicas.
    #[default]
    Split,
    /// Everything to the primary.
    PrimaryOnly,
    /// Everything to a replica; writes get the server's own refusal.
    ReplicaOnly,
}

/// Whether the primary serves reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadsOnPrimary {
    /// Only when no replica may.
    #[default]
    WhenNoReplica,
    /// Never: reads wait.
    Never,
    /// Like any replica.
    Always,
}

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct DecisionInput<'a> {
    /// The statement's verdict.
    pub statement: &'a Statement,
    /// The session.
    pub session: &'a SessionState,
    /// What is believed about the servers.
    pub topology: &'a Topology,
    /// The listener's mode.
    pub mode: Mode,
    /// Policy for reads.
    pub reads_on_primary: ReadsOnPrimary,
    /// Changes from call to call; breaks ties between idle replicas.
    pub rotation: u32,
    /// Where a prepared statement ran last: it is chosen among equally loaded servers, since it is prepared there, and a
    /// server derives the types of results from what it has executed a statement with before.
    pub favourite: Option<ServerId>,
    /// What a read asks of the server that serves it.
    pub requirement: Requirement<'a>,
    /// What is known of the servers' positions.
    pub board: &'a Board,
}

/// Where a statement goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To this server.
    Forward(ServerId),
    /// To this replica, once it has executed what the requirement names; if that takes too long, to the primary.
    After(ServerId),
    /// The primary must first be asked for its position; then decide again.
    Ask(ServerId),
    /// No server may take it now; the text says why. It may be kept waiting, or be refused.
    NoServer(String),
    /// No server may take it, however long it waits.
    Refuse(&'static str),
}

/// A decision that can explain itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// Why.
    pub why: &'static str,
}

/// Decides where a statement goes.
#[must_use]
pub fn decide(input: &DecisionInput<'_>) -> Decision {
    let DecisionInput { statement, session, topology, .. } = *input;
    if let Some(server) = session.tied_to() {
        if input.mode != Mode::ReplicaOnly && is_replica(topology, server) {
            if may_write(statement, session) {
                return Decision {
                    action: Action::Refuse(STATE_AT_REPLICA),
                    why: "what writes never goes to a replica",
                };
            }
            if statement.effects.contains(Effects::NAMED_LOCK) {
                let reads_only = session.status().contains(StatusFlags::IN_TRANS_READONLY);
                let reason = if reads_only { LOCK_AT_REPLICA } else { STATE_AT_REPLICA };
                return Decision { action: Action::Refuse(reason), why: "a replica's named lock keeps nobody out" };
            }
        }
        return forward(server, "the session is tied to this server by a transaction or a pin");
    }
    match input.mode {
        Mode::PrimaryOnly => return primary(topology, "the listener sends everything to the primary"),
        Mode::ReplicaOnly => return sticky_replica(input),
        Mode::Split => {}
    }
    if statement.hint == Some(Hint::Primary) {
        return primary(topology, "a hint asks for the primary");
    }
    let pins = Pins::of(statement);
    match statement.access {
        Access::Previous => match session.last() {
            // A replica must hold nothing of a session that can write.
            Some(server) if !pins.is_empty() && is_replica(topology, server) => primary(topology, statement.why.0),
            Some(server) => forward(server, "asks about the previous statement"),
            None => primary(topology, "asks about a previous statement that does not exist"),
        },
        _ if !session.is_autocommit() => primary(topology, "autocommit=0: the statement begins a transaction"),
        // A read that leaves something behind (SQL_CALC_FOUND_ROWS) ties the session to its server, writes included.
        Access::Read | Access::Node if !pins.is_empty() => primary(topology, statement.why.0),
        Access::Read => read(input, statement.why.0),
        Access::Node if statement.hint == Some(Hint::Replica) => read(input, "a hint asks for a replica"),
        // A read, though one whose answer differs from server to server: a replica is better than nothing.
        Access::Node => or_else_replica(input, primary(topology, "answers differ from server to server")),
        Access::Session if pins.is_empty() => home(input),
        Access::Primary if is_read_only_transaction(statement.effects) => read(input, "a READ ONLY transaction begins"),
        Access::Session | Access::Primary => primary(topology, statement.why.0),
    }
}

const STATE_AT_REPLICA: &str = "this session's state is on a server that is a replica, by a READ ONLY transaction or a switchover \
     (/sessions names it): end that state, or reconnect";

const LOCK_AT_REPLICA: &str = "a named lock is taken at the primary, and this session's READ ONLY transaction runs on a replica: end it \
     first, or begin it by /* rolecall: primary */ START TRANSACTION READ ONLY";

/// Whether a statement may change data where the server itself would allow it. A replica's own read_only lets privileged
/// accounts write, and keeps nobody from writing to a replica whose switch is off.
fn may_write(statement: &Statement, session: &SessionState) -> bool {
    let may = match statement.verb {
        Verb::Dml | Verb::Several | Verb::Unknown => true,
        // The end of a temporary table is the end of what ties.
        Verb::Ddl => !statement.effects.contains(Effects::TEMPORARY_TABLE),
        Verb::Begin => !is_read_only_transaction(statement.effects),
        _ => statement.effects.contains(Effects::UNKNOWN_ROUTINE),
    };
    may && statement.access == Access::Primary && !session.status().contains(StatusFlags::IN_TRANS_READONLY)
}

const fn is_read_only_transaction(effects: Effects) -> bool {
    effects.contains(Effects::BEGINS.union(Effects::READ_ONLY))
}

const fn forward(server: ServerId, why: &'static str) -> Decision {
    Decision { action: Action::Forward(server), why }
}

fn primary(topology: &Topology, why: &'static str) -> Decision {
    match &topology.primary {
        Primary::One(server) => forward(*server, why),
        Primary::None(reason) => Decision { action: Action::NoServer(format!("no primary: {reason}")), why },
    }
}

fn read(input: &DecisionInput<'_>, why: &'static str) -> Decision {
    let always = input.reads_on_primary == ReadsOnPrimary::Always;
    let readers = input
        .topology
        .servers
        .iter()
        .filter(|server| server.role == Role::Replica || (always && server.role == Role::Primary));
    if input.requirement == Requirement::Anything {
        if let Some(server) = least_busy(readers, input.rotation, input.favourite) {
            return forward(server.id, why);
        }
    } else if let Some(decision) = demanding_read(input, readers, why) {
        return decision;
    }
    match input.reads_on_primary {
        ReadsOnPrimary::Never => Decision {
            action: Action::NoServer("no replica may serve reads, and policy keeps them off the primary".into()),
            why,
        },
        ReadsOnPrimary::WhenNoReplica | ReadsOnPrimary::Always => primary(input.topology, "no replica may serve reads"),
    }
}

/// A read that not every server may serve; None where there is no replica.
fn demanding_read<'a>(
    input: &DecisionInput<'_>,
    readers: impl Iterator<Item = &'a Arc<Server>> + Clone,
    why: &'static str,
) -> Option<Decision> {
    let judge = |server: &Server| match server.role {
        Role::Primary => Admission::Admit,
        _ => input.requirement.at_replica(server.id, input.board.of(server.id)),
    };
    let admitted = readers.clone().filter(|server| judge(server) == Admission::Admit);
    if let Some(server) = least_busy(admitted, input.rotation, input.favourite) {
        return Some(forward(server.id, why));
    }
    // The nearest one: the fewest transactions are missing there.
    let missing = |server: &Server| match judge(server) {
        Admission::Wait(position) => {
            Some(input.board.of(server.id).and_then(|known| known.missing(position)).unwrap_or(u64::MAX))
        }
        Admission::Admit | Admission::Ask | Admission::Refuse => None,
    };
    let waiting = readers
        .clone()
        .filter_map(|server| missing(server).map(|missing| (server.weight == 0, missing, !server.is_near, server.id)));
    if let Some((.., server)) = waiting.min() {
        return Some(Decision {
            action: Action::After(server),
            why: "the replica that is nearest to what the session needs",
        });
    }
    // Nobody admits it, and nobody can wait for it: they all say the same.
    let may_ask = judge(readers.clone().next()?) == Admission::Ask;
    let decision = primary(input.topology, "only the primary has what the session wrote or read");
    Some(match decision.action {
        Action::Forward(server) if may_ask => {
            Decision { action: Action::Ask(server), why: "the primary must tell what the session has to see" }
        }
        Action::Forward(_) if input.reads_on_primary == ReadsOnPrimary::Never => {
            let reason = "no replica has what the session wrote or read, and policy keeps reads off the primary";
            Decision { action: Action::NoServer(reason.into()), why }
        }
        _ => decision,
    })
}

fn or_else_replica(input: &DecisionInput<'_>, decision: Decision) -> Decision {
    let Action::NoServer(_) = decision.action else { return decision };
    // A SELECT may show data beside what differs: that must not be older than what the session has seen.
    let shows_data = input.statement.verb == Verb::Select && input.requirement != Requirement::Anything;
    let instead = if shows_data {
        demanding_read(input, replicas(input.topology), "no primary; a replica has what the session has seen")
    } else {
        least_busy(replicas(input.topology), input.rotation, input.favourite)
            .map(|server| forward(server.id, "no primary; a replica can answer this"))
    };
    instead.unwrap_or(decision)
}

fn is_replica(topology: &Topology, server: ServerId) -> bool {
    topology.server(server).is_some_and(|server| server.role == Role::Replica)
}

fn replicas(topology: &Topology) -> impl Iterator<Item = &Arc<Server>> + Clone {
    topology.servers.iter().filter(|server| server.role == Role::Replica)
}

/// Statements that only change the session run where it was last, if that server still serves.
fn home(input: &DecisionInput<'_>) -> Decision {
    let last = input
        .session
        .last()
        .filter(|id| input.topology.server(*id).is_some_and(|server| server.role != Role::Unroutable));
    match last {
        Some(server) => forward(server, "changes only the session"),
        None => or_else_replica(input, primary(input.topology, "changes only the session")),
    }
}

/// In a replica-only listener a session stays with its replica while that serves and has what the session has seen.
/// What may write goes to a replica or nowhere: the primary would not refuse it.
fn sticky_replica(input: &DecisionInput<'_>) -> Decision {
    const WHY: &str = "the listener sends everything to a replica";
    const NONE: &str = "no replica may serve, and the listener is for replicas";
    let last = input.session.last().filter(|server| is_replica(input.topology, *server));
    let is_read = matches!(input.statement.access, Access::Read | Access::Node)
        || is_read_only_transaction(input.statement.effects);
    let decision = match (input.statement.access, last) {
        _ if is_read => {
            match last.map(|server| (server, input.requirement.at_replica(server, input.board.of(server)))) {
                Some((server, Admission::Admit)) => forward(server, WHY),
                Some((server, Admission::Wait(_))) => Decision { action: Action::After(server), why: WHY },
                Some((_, Admission::Ask | Admission::Refuse)) | None => read(input, WHY),
            }
        }
        (_, Some(server)) => forward(server, WHY),
        (Access::Session | Access::Previous, None) => read(input, WHY),
        (_, None) => match least_busy(replicas(input.topology), input.rotation, input.favourite) {
            Some(server) => forward(server.id, WHY),
            None => Decision { action: Action::NoServer(NONE.into()), why: WHY },
        },
    };
    match decision.action {
        // With autocommit=0 a read begins a transaction, in which writes could follow it.
        Action::Forward(server) if !input.session.is_autocommit() && !is_replica(input.topology, server) => {
            Decision { action: Action::NoServer(NONE.into()), why: WHY }
        }
        _ => decision,
    }
}
