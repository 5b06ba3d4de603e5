//! The state machine that fuses a source's endpoints with the servers' own word into snapshots.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::distance::{Course, Distance, Nearness};
use super::election::{Member, Outcome, Situation, certify_together, elect, has_older_view, replicates};
use super::verdict::{ReadPolicy, Word, word};
use super::{
    Change, Endpoint, Label, Primary, ProbeOutcome, Role, RoleEpoch, Server, ServerFacts, ServerId, Topology, offer,
};
use crate::consistency::Bounds;
use crate::health::{Detector, Health, Turn};

/// What an absent role label means in a source that has labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AbsentLabel {
    /// No traffic: several operators take the label away from a server that must not be read.
    #[default]
    Unroutable,
    /// A replica: some operators label the primary only.
    Replica,
}

/// How the fusion judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A replica that is farther behind, or whose lag cannot be told, serves no reads; None: any lag is accepted.
    pub max_lag: Option<Duration>,
    /// What an absent role label means.
    pub absent_label: AbsentLabel,
    /// Failed probes in a row after which a server counts as down and is no longer asked more often than usual.
    pub down_after: NonZeroU32,
    /// For how long after the last change servers are asked more often while something is wrong.
    pub urgent_for: Duration,
    /// The zone whose servers are preferred for reads; None: zones do not matter.
    pub zone: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_lag: None,
            absent_label: AbsentLabel::default(),
            down_after: Detector::DOWN_AFTER,
            urgent_for: Duration::from_secs(60),
            zone: None,
        }
    }
}

/// What a session reports of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Report {
    /// A new connection was refused or timed out: no traffic until a probe succeeds.
    ConnectFailed,
    /// An established connection broke. One broken connection may be a KILL or a timeout of its own, so traffic goes on
    /// until the probe that is asked for at once says otherwise, a millisecond later.
    ConnectionLost,
    /// A statement was refused because the server is read-only, offline, or leaving its group: asked at once.
    Demoted,
}

/// What came of an event.
#[derive(Debug, Default)]
#[must_use]
pub struct Step {
    /// The new snapshot, if anything that routing or people see has changed.
    pub topology: Option<Topology>,
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// Servers to ask now and not at their next turn.
    pub probe: Vec<ServerId>,
}

/// What is known of a server, beyond its role: for people and metrics.
#[derive(Debug, Clone)]
pub struct ServerReport {
    /// The server.
    pub id: ServerId,
    /// Its source's description.
    pub endpoint: Endpoint,
    /// Whether it is believed to be there.
    pub health: Health,
    /// Its last answer, which may be old where it is not trusted.
    pub facts: Option<ServerFacts>,
    /// How far it is behind the primary; None where that is not known.
    pub lag: Option<Duration>,
}

/// The fusion. Give it every event in the order in which it happened; `now` and probe times are durations since one
/// moment of the caller's choice and never fall.
#[derive(Debug)]
pub struct Fusion {
    settings: Settings,
    members: Vec<Member>,
    next_id: u32,
    established: Option<ServerId>,
    epoch_floor: Option<RoleEpoch>,
    current: Topology,
    changed_at: Duration,
    course: Course,
}

impl Fusion {
    /// No endpoint is known yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            members: Vec::new(),
            next_id: 1,
            established: None,
            epoch_floor: None,
            current: Topology::empty(),
            changed_at: Duration::ZERO,
            course: Course::default(),
        }
    }

    /// Judges by other settings from the next event on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The snapshot as of the last event.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.current
    }

    /// What is known of every server.
    pub fn reports(&self) -> impl Iterator<Item = ServerReport> {
        self.members.iter().map(|member| ServerReport {
            id: member.id,
            endpoint: member.endpoint.clone(),
            health: member.detector.health(),
            facts: member.facts.as_deref().cloned(),
            lag: member.distance.age(),
        })
    }

    /// Whether this server should be asked more often than usual: it is suspect, or a primary is being looked for.
    #[must_use]
    pub fn is_urgent(&self, id: ServerId, now: Duration) -> bool {
        let Some(member) = self.members.iter().find(|member| member.id == id) else { return false };
        let something_is_wrong = matches!(self.current.primary, Primary::None(_)) || member.detector.was_silent();
        something_is_wrong
            && !matches!(member.detector.health(), Health::Down { .. })
            && now.saturating_sub(self.changed_at) < self.settings.urgent_for
    }

    /// The source's whole list, in the order in which equals are preferred. Servers that are not in it are forgotten;
    /// so never pass a list that a source could not read.
    pub fn set_endpoints(&mut self, endpoints: Vec<Endpoint>, now: Duration) -> Step {
        let mut step = Step::default();
        let mut old = std::mem::take(&mut self.members);
        let mut roles_moved = false;
        for endpoint in endpoints {
            if endpoint.label == Label::Primary {
                self.epoch_floor = self.epoch_floor.max(endpoint.epoch);
            }
            let same =
                |member: &Member| member.endpoint.key == endpoint.key && member.endpoint.address == endpoint.address;
            if let Some(at) = old.iter().position(same) {
                let mut member = old.swap_remove(at);
                let moved = (member.endpoint.label, member.endpoint.epoch) != (endpoint.label, endpoint.epoch);
                roles_moved |= moved;
                member.endpoint = endpoint;
                self.members.push(member);
            } else if !self.members.iter().any(|member| member.endpoint.key == endpoint.key) {
                let member = self.admit(endpoint, &mut step);
                step.probe.push(member.id);
                self.members.push(member);
            }
        }
        old.sort_by_key(|member| member.id);
        for gone in old {
            step.changes.push(left(&gone, "its source does not list it any more"));
        }
        if roles_moved {
            step.probe = self.ids();
        }
        self.refresh(step, now)
    }

    /// A probe of `id` told how far that server is; to be followed by [`Self::on_probe`] with the rest of its answer.
    pub fn on_position(&mut self, id: ServerId, bounds: &Bounds) {
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.distance.told(bounds);
        }
    }

    /// A probe of `id` that began at `started` ended at `now`. Answers of servers that are gone, and answers older than
    /// the last one, are ignored.
    pub fn on_probe(&mut self, id: ServerId, started: Duration, outcome: ProbeOutcome, now: Duration) -> Step {
        let mut step = Step::default();
        let Some(at) = self.members.iter().position(|member| member.id == id) else { return step };
        if self.members[at].probed.is_some_and(|probed| started < probed) {
            return step;
        }
        self.members[at].probed = Some(started);
        let turn = match outcome {
            ProbeOutcome::Failed(error) => {
                self.members[at].note = format!("it does not answer: {error}");
                self.members[at].detector.on_failure(now)
            }
            ProbeOutcome::Greeted { identity, reason } => {
                let member = &mut self.members[at];
                member.identity = Some(*identity);
                member.note = format!("it does not tell its role: {reason}");
                member.detector.on_failure(now)
            }
            ProbeOutcome::Facts(facts) => self.on_facts(at, started, facts, now, &mut step),
        };
        if turn == Turn::Lost {
            step.probe = self.ids();
        }
        let max_lag = self.settings.max_lag;
        self.course.observe(&mut self.members[at], self.established, max_lag, (started, now));
        self.refresh(step, now)
    }

    /// A session has seen `report` at `id`.
    pub fn on_report(&mut self, id: ServerId, report: Report, now: Duration) -> Step {
        let mut step = Step::default();
        let Some(member) = self.members.iter_mut().find(|member| member.id == id) else { return step };
        step.probe.push(id);
        if report == Report::ConnectFailed && member.detector.on_suspicion(now) == Turn::Lost {
            member.note = "a session could not connect to it".into();
        }
        self.refresh(step, now)
    }

    fn ids(&self) -> Vec<ServerId> {
        self.members.iter().map(|member| member.id).collect()
    }

    fn admit(&mut self, endpoint: Endpoint, step: &mut Step) -> Member {
        let id = ServerId(self.next_id);
        self.next_id += 1;
        step.changes.push(Change::Joined { id, name: endpoint.name.clone(), address: endpoint.address.clone() });
        Member {
            id,
            endpoint,
            detector: Detector::new(self.settings.down_after),
            identity: None,
            facts: None,
            note: "it has not answered yet".into(),
            outstanding: Arc::default(),
            probed: None,
            distance: Distance::default(),
        }
    }

    fn on_facts(
        &mut self,
        at: usize,
        started: Duration,
        facts: Box<ServerFacts>,
        now: Duration,
        step: &mut Step,
    ) -> Turn {
        let known = self.members[at].facts.as_ref().and_then(|facts| facts.uuid.as_ref());
        if known.is_some() && facts.uuid.is_some() && known != facts.uuid.as_ref() {
            step.changes.push(left(&self.members[at], "a server with another server_uuid answers in its place"));
            let endpoint = self.members[at].endpoint.clone();
            self.members[at] = self.admit(endpoint, step);
            self.members[at].probed = Some(started);
        }
        self.members[at].identity = Some(facts.identity.clone());
        self.members[at].facts = Some(facts);
        match self.stale(at) {
            None => self.members[at].detector.on_current_view(started),
            Some(why) => {
                self.members[at].note = why;
                self.members[at].detector.on_stale_view(now)
            }
        }
    }

    /// Why a server that was silent does not show the current view; None where it does, or was never silent.
    ///
    /// A server that was stopped and goes on believes for seconds what it believed before; what it says of itself counts
    /// only when it agrees with what happened meanwhile.
    fn stale(&self, at: usize) -> Option<String> {
        let member = &self.members[at];
        if !member.detector.was_silent() {
            return None;
        }
        let trusted = |other: &&Member| other.id != member.id && other.detector.is_trusted();
        if self.members.iter().filter(trusted).any(|other| has_older_view(member, other)) {
            return Some("it was silent, and shows an old view of its group".into());
        }
        let elected = self.members.iter().find(|other| Some(other.id) == self.established && other.id != member.id)?;
        let claims = member.may_be_primary() && !replicates(member) && is_writable(member.facts.as_deref());
        let demoted = elected.believed().is_some_and(|facts| !is_writable(Some(facts)));
        let superseded = member.endpoint.epoch > elected.endpoint.epoch;
        if claims && elected.may_be_primary() && !demoted && !superseded && !certify_together(member, elected) {
            let name = &elected.endpoint.name;
            return Some(format!("it was silent, and is writable though {name} became primary meanwhile"));
        }
        None
    }

    /// Elects anew and publishes a snapshot if it differs from the current one.
    fn refresh(&mut self, mut step: Step, now: Duration) -> Step {
        if self.established.is_some_and(|id| !self.members.iter().any(|member| member.id == id)) {
            self.established = None;
        }
        let outcome = elect(&Situation {
            members: &self.members,
            established: self.established,
            epoch_floor: self.epoch_floor,
            settings: &self.settings,
        });
        if let Primary::One(id) = outcome.primary {
            self.established = Some(id);
        }
        let next = self.snapshot(outcome);
        compare(&self.current, &next, &mut step.changes);
        if same(&self.current, &next) {
            return step;
        }
        if self.current.primary != next.primary {
            // Whoever is primary now, the others' roles are about to change as well.
            if matches!(next.primary, Primary::None(_)) != matches!(self.current.primary, Primary::None(_)) {
                step.probe = self.ids();
            }
            self.changed_at = now;
        }
        self.current = next.clone();
        step.topology = Some(next);
        step
    }

    fn snapshot(&self, outcome: Outcome) -> Topology {
        let servers = self.members.iter().zip(outcome.roles).map(|(member, (role, why))| {
            Arc::new(Server {
                id: member.id,
                address: member.endpoint.address.clone(),
                name: member.endpoint.name.clone(),
                uuid: member.facts.as_ref().and_then(|facts| facts.uuid.clone()),
                role,
                why,
                weight: member.endpoint.weight,
                is_near: member.endpoint.zone.is_some() && member.endpoint.zone == self.settings.zone,
                zone: member.endpoint.zone.clone(),
                outstanding: Arc::clone(&member.outstanding),
            })
        });
        let sql_mode = || {
            let primary = self.members.iter().filter(|member| Some(member.id) == self.established);
            let facts = primary.chain(&self.members).find_map(|member| member.facts.as_ref());
            facts.map(|facts| facts.sql_mode.clone()).unwrap_or_default()
        };
        let identities = self.members.iter().filter_map(|member| member.identity.as_ref());
        Topology {
            generation: self.current.generation + 1,
            servers: servers.collect(),
            primary: outcome.primary,
            offer: outcome.flavour.and_then(|flavour| offer::minimum(flavour, identities, sql_mode())),
        }
    }
}

fn is_writable(facts: Option<&ServerFacts>) -> bool {
    let policy = ReadPolicy { max_lag: None, nearness: Nearness::Unknown, has_primary: false };
    facts.is_some_and(|facts| word(facts, policy) == Word::Writable)
}

fn left(member: &Member, why: &str) -> Change {
    Change::Left { id: member.id, name: member.endpoint.name.clone(), why: why.into() }
}

/// Whether two snapshots say the same, whatever their generation.
fn same(old: &Topology, new: &Topology) -> bool {
    let same_server = |(old, new): (&Arc<Server>, &Arc<Server>)| {
        (old.id, old.role, &old.name, &old.address, &old.uuid, &old.why)
            == (new.id, new.role, &new.name, &new.address, &new.uuid, &new.why)
            && (old.weight, &old.zone, old.is_near) == (new.weight, &new.zone, new.is_near)
    };
    old.servers.len() == new.servers.len()
        && old.servers.iter().zip(&new.servers).all(same_server)
        && old.primary == new.primary
        && old.offer == new.offer
}

/// Notes what differs in roles and in the primary.
fn compare(old: &Topology, new: &Topology, changes: &mut Vec<Change>) {
    for server in &new.servers {
        let from = old.server(server.id).map_or(Role::Unroutable, |server| server.role);
        if from != server.role {
            changes.push(Change::Role {
                id: server.id,
                name: server.name.clone(),
                from,
                to: server.role,
                why: server.why.clone(),
            });
        }
    }
    let id = |topology: &Topology| topology.primary().map(|server| server.id);
    let name = |topology: &Topology| topology.primary().map(|server| server.name.clone());
    if id(old) != id(new) {
        changes.push(Change::Primary { from: name(old), name: name(new), to: new.primary.clone() });
    }
}
