//! Who receives writes and who serves reads, given what is known of every server now. Pure, without memory: what has to
//! be remembered (who was silent, the highest epoch) is kept by `Fusion` and passed in.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::distance::{Distance, Nearness};
use super::fusion::{AbsentLabel, Settings};
use super::verdict::{ReadPolicy, Word, fresh_enough, word};
use super::{
    Endpoint, GroupReplication, Identity, Label, Primary, Replication, Role, RoleEpoch, ServerFacts, ServerId,
    ThreadState,
};
use crate::health::{Detector, Health};
use crate::sql::Flavour;

/// A server as `Fusion` knows it.
#[derive(Debug)]
pub(super) struct Member {
    pub id: ServerId,
    pub endpoint: Endpoint,
    pub detector: Detector,
    /// The last greeting, kept over failures.
    pub identity: Option<Identity>,
    /// The last answer, kept over failures; only believed while the detector trusts the server.
    pub facts: Option<Box<ServerFacts>>,
    /// Why nothing is known, or why the server is not trusted.
    pub note: String,
    pub outstanding: Arc<AtomicU32>,
    /// When the latest probe whose end was seen began.
    pub probed: Option<Duration>,
    /// How far behind the primary it is.
    pub distance: Distance,
}

impl Member {
    /// What the server says, if it may be believed now.
    pub fn believed(&self) -> Option<&ServerFacts> {
        self.facts.as_deref().filter(|_| self.detector.is_trusted())
    }

    /// Whether label or source leave it possible that this is the primary.
    pub fn may_be_primary(&self) -> bool {
        matches!(self.endpoint.label, Label::Primary | Label::Unlabelled)
    }
}

/// What the election looks at.
pub(super) struct Situation<'a> {
    pub members: &'a [Member],
    /// The server that was elected last, if it is still there.
    pub established: Option<ServerId>,
    /// The highest epoch that a label primary ever had.
    pub epoch_floor: Option<RoleEpoch>,
    pub settings: &'a Settings,
}

/// Who does what.
pub(super) struct Outcome {
    pub primary: Primary,
    pub roles: Vec<(Role, String)>,
    pub flavour: Option<Flavour>,
}

/// Decides the primary and everybody's role.
pub(super) fn elect(situation: &Situation<'_>) -> Outcome {
    let flavour = situation.flavour();
    let mut candidates: Vec<&Member> = Vec::new();
    let mut refusals = Vec::new();
    for member in situation.members {
        match situation.candidacy(member, flavour) {
            Ok(()) => candidates.push(member),
            Err(why) => refusals.push(format!("{}: {why}", member.endpoint.name)),
        }
    }
    let finalists = supersede(&candidates);
    let primary = situation.choose(&finalists, &refusals);
    let conflict = match (&primary, finalists.len()) {
        (Primary::None(why), 2..) => Some((finalists.as_slice(), why.as_str())),
        _ => None,
    };
    let roles = situation.members.iter().map(|member| situation.role(member, flavour, &primary, conflict)).collect();
    Outcome { primary, roles, flavour }
}

impl Situation<'_> {
    /// One flavour rules: that of the primary, or of the one that is labelled so, or of the first that answered.
    fn flavour(&self) -> Option<Flavour> {
        let of = |member: &Member| member.identity.as_ref().map(|identity| identity.flavour);
        let established = self.members.iter().filter(|member| Some(member.id) == self.established).find_map(of);
        let labelled = || self.members.iter().filter(|member| member.endpoint.label == Label::Primary).find_map(of);
        established.or_else(labelled).or_else(|| self.members.iter().find_map(of))
    }

    /// The epoch that a label primary must have: the highest one there is or was.
    fn ruling_epoch(&self) -> Option<RoleEpoch> {
        let labelled = self.members.iter().filter(|member| member.endpoint.label == Label::Primary);
        let highest = labelled.filter_map(|member| member.endpoint.epoch).max();
        // The floor binds only agents that publish epochs: where none does any more, labels alone have to do.
        highest.map(|highest| self.epoch_floor.map_or(highest, |floor| floor.max(highest)))
    }

    /// Whether `member`'s label leaves room for writes; else why not.
    fn label_allows_writes(&self, member: &Member) -> Result<(), String> {
        match member.endpoint.label {
            Label::Unlabelled => Ok(()),
            Label::Replica => Err("its label says replica".into()),
            Label::Absent => Err("it has no role label".into()),
            Label::Primary => match (member.endpoint.epoch, self.ruling_epoch()) {
                (_, None) => Ok(()),
                (Some(epoch), Some(ruling)) if epoch >= ruling => Ok(()),
                (Some(RoleEpoch(epoch)), Some(RoleEpoch(ruling))) => {
                    Err(format!("its label says primary, but role-epoch {ruling} supersedes its {epoch}"))
                }
                (None, Some(RoleEpoch(ruling))) => {
                    Err(format!("its label says primary, but has no role-epoch beside {ruling}"))
                }
            },
        }
    }

    /// Whether `member` may be the primary; else why not.
    fn candidacy(&self, member: &Member, flavour: Option<Flavour>) -> Result<(), String> {
        flavour_agrees(member, flavour)?;
        let facts = member.believed().ok_or_else(|| member.note.clone())?;
        let label = self.label_allows_writes(member);
        match word(facts, ReadPolicy { max_lag: None, nearness: Nearness::Unknown, has_primary: false }) {
            Word::Writable => label.map_err(|label| format!("it is writable, but {label}")),
            Word::Readable(reason) | Word::Unusable(reason) => match (member.endpoint.label, label) {
                (Label::Primary, Ok(())) => Err(format!("its label says primary, but {reason}")),
                (_, Ok(())) => Err(reason),
                (_, Err(label)) => Err(format!("{label}, and {reason}")),
            },
        }
    }

    fn choose(&self, finalists: &[&Member], refusals: &[String]) -> Primary {
        let chosen = match finalists {
            [] if self.members.is_empty() => return Primary::None("no server is known".into()),
            [] => return Primary::None(format!("no server may be written to ({})", refusals.join("; "))),
            [first, rest @ ..] if rest.iter().all(|other| certify_together(first, other)) => {
                // Any of them could; one is chosen and kept, so that certification conflicts do not appear.
                finalists.iter().find(|member| Some(member.id) == self.established).unwrap_or(first)
            }
            several => {
                let names: Vec<_> = several.iter().map(|member| member.endpoint.name.as_str()).collect();
                let names = names.join(", ");
                return Primary::None(format!(
                    "several servers are writable: {names}; none gets writes until one is superseded"
                ));
            }
        };
        match self.members.iter().find(|member| self.may_still_object(member)) {
            Some(pending) if Some(chosen.id) != self.established => {
                Primary::None(format!("{} has not answered yet", pending.endpoint.name))
            }
            _ => Primary::One(chosen.id),
        }
    }

    /// A server that has not answered yet could be a second writable one: before the first choice it is waited for.
    fn may_still_object(&self, member: &Member) -> bool {
        member.detector.health() == Health::Unproven && self.label_allows_writes(member).is_ok()
    }

    fn role(
        &self,
        member: &Member,
        flavour: Option<Flavour>,
        primary: &Primary,
        conflict: Option<(&[&Member], &str)>,
    ) -> (Role, String) {
        if *primary == Primary::One(member.id) {
            return (Role::Primary, self.primary_why(member));
        }
        if let Some((_, why)) = conflict.filter(|(finalists, _)| finalists.iter().any(|one| one.id == member.id)) {
            // One of their histories is wrong and nobody knows which: reads would show it.
            return (Role::Unroutable, why.to_owned());
        }
        match self.reads(member, flavour, primary) {
            Ok(why) => (Role::Replica, why),
            Err(why) => (Role::Unroutable, why),
        }
    }

    fn primary_why(&self, member: &Member) -> String {
        let mut why = match member.endpoint.label {
            Label::Unlabelled => "it says that it is writable, and no other server does".to_owned(),
            _ => "its label says primary, and it says that it is writable".to_owned(),
        };
        // Readiness and deletion speak of the pod, not of the role: until another server may take writes, ending them
        // here would be an outage and protect nothing. The server's own word still ends them at once.
        if member.endpoint.deleting {
            why.push_str("; its pod is being deleted: it keeps the writes until another primary shows");
        } else if !member.endpoint.ready {
            why.push_str("; its pod is not ready: it keeps the writes as long as it answers");
        }
        why
    }

    /// Why `member` serves reads, or why it does not.
    fn reads(&self, member: &Member, flavour: Option<Flavour>, primary: &Primary) -> Result<String, String> {
        flavour_agrees(member, flavour)?;
        let facts = member.believed().ok_or_else(|| member.note.clone())?;
        let has_primary = matches!(primary, Primary::One(_));
        let policy = ReadPolicy { max_lag: self.settings.max_lag, nearness: member.distance.nearness(), has_primary };
        let reason = match word(facts, policy) {
            Word::Unusable(reason) => return Err(reason),
            Word::Readable(reason) => reason,
            Word::Writable => self.reads_of_a_writable(member, facts, primary, policy)?,
        };
        if member.endpoint.deleting {
            return Err("its pod is being deleted".into());
        }
        if !member.endpoint.ready {
            return Err("its pod is not ready".into());
        }
        match member.endpoint.label {
            Label::Absent if self.settings.absent_label == AbsentLabel::Unroutable => {
                Err(format!("it has no role label ({reason})"))
            }
            Label::Absent => Ok(format!("it has no role label, and {reason}")),
            Label::Unlabelled => Ok(reason),
            Label::Replica => Ok(format!("its label says replica, and {reason}")),
            Label::Primary => match self.label_allows_writes(member) {
                Ok(()) => Ok(format!("its label says primary, but {reason}: no writes")),
                Err(superseded) => Ok(format!("{superseded}; {reason}")),
            },
        }
    }

    /// A server that is writable and not the primary serves reads only if it shows that it follows another one: else it
    /// may be an old primary with a history of its own.
    fn reads_of_a_writable(
        &self,
        member: &Member,
        facts: &ServerFacts,
        primary: &Primary,
        policy: ReadPolicy,
    ) -> Result<String, String> {
        let elected = self.members.iter().find(|other| *primary == Primary::One(other.id));
        if elected.is_some_and(|elected| certify_together(member, elected)) {
            return Ok("it is a writable node of the primary's cluster".into());
        }
        match &facts.replication {
            Replication::Galera(_) => Ok("it is a synced node of its cluster".into()),
            Replication::Async(Some(replica)) if replicates(member) => {
                fresh_enough(replica, policy)?;
                Ok("it replicates, though it is writable".into())
            }
            _ => {
                let label =
                    self.label_allows_writes(member).err().unwrap_or_else(|| "another server is primary".into());
                Err(format!("it is writable, but {label}: neither writes nor reads until it is read-only"))
            }
        }
    }
}

fn flavour_agrees(member: &Member, ruling: Option<Flavour>) -> Result<(), String> {
    match (member.identity.as_ref().map(|identity| identity.flavour), ruling) {
        (Some(flavour), Some(ruling)) if flavour != ruling => {
            Err(format!("it is {flavour:?}, the others are {ruling:?}: a set has one flavour"))
        }
        _ => Ok(()),
    }
}

/// Leaves out candidates that another one provably supersedes.
fn supersede<'a>(candidates: &[&'a Member]) -> Vec<&'a Member> {
    let current: Vec<_> =
        candidates.iter().copied().filter(|one| !candidates.iter().any(|other| has_older_view(one, other))).collect();
    // Who follows another server is not above it; if all follow each other, nothing is proven.
    let sources: Vec<_> = current.iter().copied().filter(|member| !replicates(member)).collect();
    if sources.is_empty() { current } else { sources }
}

/// Whether `member` receives from another server now.
pub(super) fn replicates(member: &Member) -> bool {
    match member.facts.as_deref().map(|facts| &facts.replication) {
        Some(Replication::Async(Some(replica))) => replica.receiver != ThreadState::Stopped,
        _ => false,
    }
}

fn group(member: &Member) -> Option<&GroupReplication> {
    match member.facts.as_deref().map(|facts| &facts.replication) {
        Some(Replication::GroupReplication(group)) => Some(group),
        _ => None,
    }
}

/// Whether `one` shows an older view of its group than `other`.
pub(super) fn has_older_view(one: &Member, other: &Member) -> bool {
    let view = |member| group(member).and_then(|group| group.view.clone());
    view(one).zip(view(other)).is_some_and(|(one, other)| one.is_older_than(&other))
}

/// Whether both are nodes of one cluster that certifies writes: then several writable ones are not a split.
pub(super) fn certify_together(one: &Member, other: &Member) -> bool {
    match (one.facts.as_deref().map(|facts| &facts.replication), other.facts.as_deref().map(|facts| &facts.replication))
    {
        (Some(Replication::Galera(one)), Some(Replication::Galera(other))) => one.cluster == other.cluster,
        (Some(Replication::GroupReplication(one)), Some(Replication::GroupReplication(other))) => {
            one.group == other.group && one.view.is_some() && one.view == other.view
        }
        _ => false,
    }
}
