//! What a server's own word allows, before any label is looked at.

use std::time::Duration;

use super::distance::Nearness;
use super::{Galera, GroupReplication, MemberState, ReplicaStatus, Replication, ServerFacts, ThreadState};

/// What a server says that it can do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// It takes writes.
    Writable,
    /// It is read-only; its data may be read.
    Readable(String),
    /// It should not be asked at all.
    Unusable(String),
}

/// How a read target is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadPolicy {
    /// A replica that is farther behind, or whose lag cannot be told, serves no reads; None: any lag is accepted.
    pub max_lag: Option<Duration>,
    /// How near it is, by its positions and threads from probe to probe.
    pub nearness: Nearness,
    /// There is a primary that a healthy replica would be connected to.
    pub has_primary: bool,
}

/// What `facts` say about their server.
pub(super) fn word(facts: &ServerFacts, policy: ReadPolicy) -> Word {
    if facts.offline_mode {
        return Word::Unusable("it is in offline_mode".into());
    }
    match &facts.replication {
        Replication::Galera(node) => galera(facts, node),
        Replication::GroupReplication(member) => group_replication(facts, member),
        Replication::Async(replica) => asynchronous(facts, replica.as_ref(), policy),
        Replication::Unseen => asynchronous(facts, None, policy),
    }
}

fn read_only_variable(facts: &ServerFacts) -> Option<&'static str> {
    if facts.super_read_only {
        Some("super_read_only is on")
    } else if facts.read_only {
        Some("read_only is on")
    } else {
        None
    }
}

fn asynchronous(facts: &ServerFacts, replica: Option<&ReplicaStatus>, policy: ReadPolicy) -> Word {
    match read_only_variable(facts) {
        None => Word::Writable,
        Some(reason) => match replica.map_or(Ok(()), |replica| fresh_enough(replica, policy)) {
            Ok(()) => Word::Readable(reason.into()),
            Err(stale) => Word::Unusable(format!("{reason}, and {stale}")),
        },
    }
}

/// Whether a replica's data are fresh enough; else why not. Never names a number that changes from probe to probe.
pub(super) fn fresh_enough(replica: &ReplicaStatus, policy: ReadPolicy) -> Result<(), String> {
    let Some(max_lag) = policy.max_lag else { return Ok(()) };
    if replica.applier == ThreadState::Stopped {
        return Err("its applier thread is stopped".into());
    }
    match (replica.receiver, policy.nearness) {
        (ThreadState::Running, Nearness::Behind) => {
            Err(format!("it is more than {} s behind its source, or was a moment ago", max_lag.as_secs_f64()))
        }
        (ThreadState::Running, Nearness::Near) => Ok(()),
        (ThreadState::Running, Nearness::Unknown) => Err("it does not say how far it is behind its source".into()),
        (ThreadState::Stopped, _) => Err("its receiver thread is stopped".into()),
        // Without a primary every replica's receiver is looking for one; refusing them all would end reads too.
        (ThreadState::Connecting, _) if !policy.has_primary => Ok(()),
        (ThreadState::Connecting, _) => Err("its receiver thread cannot connect to the source".into()),
    }
}

fn group_replication(facts: &ServerFacts, member: &GroupReplication) -> Word {
    if member.state != MemberState::Online {
        return Word::Unusable(format!("its member state is {:?}, not Online", member.state));
    }
    if !member.quorate {
        return Word::Unusable("its group view has lost the majority".into());
    }
    match read_only_variable(facts) {
        None if member.primary => Word::Writable,
        None => Word::Readable("it is a secondary of its group".into()),
        // The newly elected member is PRIMARY and super_read_only until it has applied its backlog; reads hang there.
        Some(reason) if member.primary => Word::Unusable(format!("it has been elected, but {reason} still")),
        Some(reason) => Word::Readable(format!("it is a secondary of its group, {reason}")),
    }
}

fn galera(facts: &ServerFacts, node: &Galera) -> Word {
    const SYNCED: u32 = 4;
    let unusable = |why: &str| Word::Unusable(why.into());
    if !node.primary_component {
        unusable("wsrep_cluster_status is not Primary")
    } else if !node.ready {
        unusable("wsrep_ready is OFF")
    } else if node.local_state != SYNCED {
        Word::Unusable(format!("wsrep_local_state is {}, not 4 (Synced)", node.local_state))
    } else if node.rejects_queries {
        unusable("wsrep_reject_queries is set")
    } else if node.maintenance {
        unusable("pxc_maint_mode is set")
    } else {
        read_only_variable(facts).map_or(Word::Writable, |reason| Word::Readable(reason.into()))
    }
}
