//! What the admin endpoint shows, as values: made from snapshots at each request.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use rolecall_router::topology::{Label, Primary, Role, ServerReport, Topology};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::observation::observation;
use crate::config::Config;
use crate::metrics::{Label as _, Metrics, ServerRole, TopologyFigures};
use crate::registry::Sessions;
use crate::shared::Phase;
use crate::topology::{Observed, TopologyHandle};

/// Handles to all that is shown; nothing here can change anything.
#[derive(Debug, Clone)]
pub struct State {
    /// Believed about the servers.
    pub topology: TopologyHandle,
    /// All sessions.
    pub sessions: Arc<Sessions>,
    /// All metrics.
    pub metrics: Metrics,
    /// The configuration in effect.
    pub config: watch::Receiver<Arc<Config>>,
    /// Where the process is in its life.
    pub phase: watch::Receiver<Phase>,
}

/// Whether clients should be sent here, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether.
    pub ready: bool,
    /// What keeps it from being ready.
    pub reasons: Vec<String>,
    /// What is missing although it is ready: no primary, rights of the monitor account …
    pub warnings: Vec<String>,
}

// === impl State ===

impl State {
    /// Tells the metrics where to ask for the topology.
    pub fn feed_metrics(&self) {
        let (topology, config) = (self.topology.clone(), self.config.clone());
        self.metrics.set_topology(move || {
            let from_watch = matches!(config.borrow().source, crate::config::Source::Kubernetes(_));
            figures(&topology.load(), &topology.observed(), from_watch, Instant::now())
        });
    }

    /// Ready: the list of servers is known, and a verified primary or at least one replica may be used. A missing
    /// primary alone does not make it unready, or all proxies would drop out at once and reads with them.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let draining = *self.phase.borrow() != Phase::Running;
        readiness(&self.topology.load(), &self.topology.observed(), draining)
    }

    /// `/topology`.
    #[must_use]
    pub fn topology_json(&self) -> Value {
        topology(&self.topology.load(), &self.topology.observed(), Instant::now())
    }

    /// `/sessions`: no SQL text but that of statements that pin, and that without literals; no secrets.
    #[must_use]
    pub fn sessions_json(&self) -> Value {
        let topology = self.topology.load();
        let name = |id| topology.server(id).map_or_else(|| "gone".to_owned(), |server| server.name.clone());
        let mut sessions = self.sessions.all();
        sessions.sort_by_key(|session| session.id);
        let list = sessions.iter().map(|session| {
            let links = session.links();
            let links = links.iter().map(|link| json!({"server": name(link.server), "thread_id": link.thread_id}));
            let pins = session.pin_causes().into_iter().map(|cause| {
                json!({
                    "reason": cause.pin.names().collect::<Vec<_>>().join(","),
                    "statement": cause.statement,
                    "seconds": cause.since.elapsed().as_secs(),
                    "ends_with": cause.pin.ends_with(),
                })
            });
            let pins: Vec<_> = pins.collect();
            json!({
                "id": session.id,
                "user": String::from_utf8_lossy(&session.user()),
                "peer": session.peer.map(|peer| peer.to_string()),
                "seconds": session.since.elapsed().as_secs(),
                "statements": session.statements.value(),
                "running_on": session.busy().map(|link| name(link.server)),
                "pinned_by": session.pins().names().collect::<Vec<_>>(),
                "pins": pins,
                "connections": links.collect::<Vec<_>>(),
            })
        });
        json!({"count": sessions.len(), "sessions": list.collect::<Vec<_>>()})
    }

    /// `/config`: what is in effect, without secrets.
    #[must_use]
    pub fn config_json(&self) -> Value {
        let config = self.config.borrow().clone();
        // Debug prints neither passwords nor keys, by the types' own making.
        let users: Vec<_> = config.users.iter().map(|user| user.name.as_str()).collect();
        json!({
            "listeners": config.listeners.iter().map(|one| json!({
                "address": one.address.to_string(),
                "mode": format!("{:?}", one.mode).to_lowercase(),
                "tls": format!("{:?}", one.tls.mode).to_lowercase(),
            })).collect::<Vec<_>>(),
            "source": format!("{:?}", config.source),
            "zone": config.zone,
            "monitor": config.monitor.as_ref().map(|monitor| monitor.user.as_str()),
            "users": users,
            "routing": format!("{:?}", config.routing),
            "probe": format!("{:?}", config.probe),
            "limits": format!("{:?}", config.limits),
            "login": format!("{:?}", config.login),
            "tcp": format!("{:?}", config.tcp),
            "workers": config.workers.get(),
            "log_level": config.log.level,
        })
    }
}

pub(super) fn readiness(topology: &Topology, observed: &Observed, draining: bool) -> Readiness {
    let mut reasons = Vec::new();
    let mut warnings = observed.missing.clone();
    if draining {
        reasons.push("the proxy is shutting down".to_owned());
    }
    if observed.source.last_event.is_none() {
        let error = observed.source.error.as_deref().unwrap_or("no answer yet");
        reasons.push(format!("the list of servers is not known yet: {error}"));
    } else if let Some(error) = &observed.source.error {
        warnings.push(format!("the list of servers may be old: {error}"));
    }
    let usable = topology.primary().is_some() || topology.replicas().next().is_some();
    if !usable {
        reasons.push(match topology.servers.as_slice() {
            [] => "no server is known".to_owned(),
            servers => {
                let each = servers.iter().map(|server| format!("{}: {}", server.name, server.why));
                format!("no server may be used: {}", each.collect::<Vec<_>>().join("; "))
            }
        });
    } else if let Primary::None(why) = &topology.primary {
        warnings.push(format!("no primary, so that writes wait: {why}"));
    }
    Readiness { ready: reasons.is_empty(), reasons, warnings }
}

pub(super) fn topology(topology: &Topology, observed: &Observed, now: Instant) -> Value {
    let servers = topology.servers.iter().map(|server| {
        let report = observed.servers.iter().find(|report| report.id == server.id);
        json!({
            "name": server.name,
            "address": server.address.to_string(),
            "role": server.role.to_string(),
            "why": server.why,
            "uuid": server.uuid,
            "weight": server.weight,
            "zone": server.zone,
            "is_in_own_zone": server.is_near,
            "outstanding": server.outstanding.load(Relaxed),
            "observed": report.map(observation),
        })
    });
    let (primary, no_primary) = match &topology.primary {
        Primary::One(id) => (topology.server(*id).map(|server| server.name.clone()), None),
        Primary::None(why) => (None, Some(why.clone())),
    };
    let offer = topology.offer.as_ref();
    json!({
        "generation": topology.generation,
        "primary": primary,
        "no_primary_because": no_primary,
        "servers": servers.collect::<Vec<_>>(),
        "greeting_version": offer.map(|offer| String::from_utf8_lossy(&offer.version_text).into_owned()),
        "source": {
            "seconds_since_last_event":
                observed.source.last_event.map(|at| now.saturating_duration_since(at).as_secs_f64()),
            "error": observed.source.error,
        },
        "missing": observed.missing,
    })
}

/// A view of a watch ages; a list in the configuration does not.
fn figures(topology: &Topology, observed: &Observed, from_watch: bool, now: Instant) -> TopologyFigures {
    let mut servers = [0; 3];
    for server in &topology.servers {
        let role = match server.role {
            Role::Primary => ServerRole::Primary,
            Role::Replica => ServerRole::Replica,
            Role::Unroutable => ServerRole::Unroutable,
        };
        servers[role.index()] += 1;
    }
    let in_conflict = |report: &&ServerReport| {
        let Some(facts) = &report.facts else { return false };
        match report.endpoint.label {
            Label::Primary => facts.read_only,
            Label::Replica => !facts.read_only,
            Label::Absent | Label::Unlabelled => false,
        }
    };
    let last_event = observed.source.last_event.filter(|_| from_watch);
    TopologyFigures {
        servers,
        generation: topology.generation,
        conflicts: observed.servers.iter().filter(in_conflict).count() as u64,
        view_age: last_event.map(|at| now.saturating_duration_since(at).as_secs_f64()),
    }
}
