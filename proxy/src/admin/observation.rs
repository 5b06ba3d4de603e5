//! What a server was seen to be, for `/topology`: words that scripts may rely on.

use rolecall_router::health::Health;
use rolecall_router::topology::{
    Galera, GroupReplication, Label, MemberState, ReplicaStatus, Replication, ServerReport, ThreadState,
};
use serde_json::{Value, json};

/// Label and own word of one server.
pub(super) fn observation(report: &ServerReport) -> Value {
    let facts = report.facts.as_ref();
    let (health, failed_probes) = match report.health {
        Health::Unproven => ("unproven", None),
        Health::Trusted => ("trusted", None),
        Health::Suspect { failures, .. } => ("suspect", Some(failures)),
        Health::Down { .. } => ("down", None),
    };
    json!({
        "label": match report.endpoint.label {
            Label::Primary => "primary",
            Label::Replica => "replica",
            Label::Absent => "absent",
            Label::Unlabelled => "none expected",
        },
        "ready": report.endpoint.ready,
        "deleting": report.endpoint.deleting,
        "health": health,
        "failed_probes": failed_probes,
        "read_only": facts.map(|facts| facts.read_only),
        "super_read_only": facts.map(|facts| facts.super_read_only),
        "lag_seconds": report.lag.map(|lag| lag.as_secs_f64()),
        "replication": facts.map(|facts| replication(&facts.replication)),
        "gtid_executed": facts.and_then(|facts| facts.gtid_executed.clone()),
    })
}

fn replication(replication: &Replication) -> Value {
    match replication {
        Replication::Unseen => json!({ "kind": "not visible to the account" }),
        Replication::Async(None) => json!({ "kind": "none" }),
        Replication::Async(Some(ReplicaStatus { receiver, applier, source_uuid })) => json!({
            "kind": "asynchronous", "receiver": thread(*receiver), "applier": thread(*applier), "source_uuid": source_uuid,
        }),
        Replication::GroupReplication(GroupReplication { group, state, primary, quorate, view }) => json!({
            "kind": "group replication",
            "group": group,
            "member_state": match state {
                MemberState::Online => "ONLINE",
                MemberState::Recovering => "RECOVERING",
                MemberState::Unreachable => "UNREACHABLE",
                MemberState::Offline => "OFFLINE",
                MemberState::Error => "ERROR",
            },
            "is_primary": primary,
            "is_quorate": quorate,
            "view": view.as_ref().map(|view| format!("{}:{}", view.incarnation, view.number)),
        }),
        Replication::Galera(Galera {
            cluster,
            ready,
            primary_component,
            local_state,
            rejects_queries,
            maintenance,
        }) => json!({
            "kind": "galera",
            "cluster": cluster,
            "is_ready": ready,
            "is_in_primary_component": primary_component,
            "local_state": local_state,
            "rejects_queries": rejects_queries,
            "is_in_maintenance": maintenance,
        }),
    }
}

const fn thread(state: ThreadState) -> &'static str {
    match state {
        ThreadState::Running => "running",
        ThreadState::Connecting => "connecting",
        ThreadState::Stopped => "stopped",
    }
}
