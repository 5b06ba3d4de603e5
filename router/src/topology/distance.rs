//! How far each replica is behind the primary, from probe to probe.

use std::sync::Arc;
use std::time::Duration;

use super::election::Member;
use super::{Replication, ServerFacts, ServerId};
use crate::consistency::{Bounds, Lag, LagLimits, LagReason, LagSample, Marks, Position};

/// A replica that was too far behind has to have been near for this long before it serves reads again.
const CALM: Duration = Duration::from_secs(1);

/// Whether a replica is near enough to serve reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nearness {
    /// It does not tell.
    Unknown,
    /// It is.
    Near,
    /// It is, or was a moment ago, farther behind than allowed.
    Behind,
}

/// What is remembered of one server.
#[derive(Debug, Default)]
pub(super) struct Distance {
    position: Option<Arc<Position>>,
    lag: Option<Lag>,
}

impl Distance {
    /// Whether it may serve reads, by the last sample.
    pub fn nearness(&self) -> Nearness {
        match &self.lag {
            None => Nearness::Unknown,
            Some(lag) if !lag.may_read() => Nearness::Behind,
            Some(lag) if lag.reason() == LagReason::Unseen => Nearness::Unknown,
            Some(_) => Nearness::Near,
        }
    }

    /// How far behind it was at the last sample.
    pub fn age(&self) -> Option<Duration> {
        self.lag.as_ref().and_then(|lag| lag.reason().age())
    }

    /// A probe's answer about positions.
    pub fn told(&mut self, bounds: &Bounds) {
        self.position = (bounds.executed != Position::Unknown).then(|| Arc::new(bounds.executed.clone()));
    }
}

/// Where the primary was when.
#[derive(Debug, Default)]
pub(super) struct Course {
    primary: Option<ServerId>,
    position: Option<Arc<Position>>,
    marks: Marks,
}

impl Course {
    /// `member` was probed at `asked_at`: the primary's course goes on, or a replica's lag is judged by it.
    pub fn observe(
        &mut self,
        member: &mut Member,
        primary: Option<ServerId>,
        max_lag: Option<Duration>,
        (asked_at, now): (Duration, Duration),
    ) {
        if self.primary != primary {
            *self = Self { primary, ..Self::default() };
        }
        if Some(member.id) == primary {
            self.position.clone_from(&member.distance.position);
            if let Some(position) = &self.position {
                self.marks.add(position, asked_at);
            }
            member.distance.lag = None;
            return;
        }
        let Some(facts) = &member.facts else { return };
        let sample = self.sample(facts, member.distance.position.as_deref(), now);
        // Without a limit it is for people only.
        let leave = max_lag.unwrap_or(Duration::MAX);
        let limits = LagLimits { leave, come_back: leave / 2, calm: CALM };
        let lag = member.distance.lag.get_or_insert_with(|| Lag::new(limits));
        lag.set_limits(limits);
        lag.observe(&sample, now);
    }

    fn sample(&self, facts: &ServerFacts, position: Option<&Position>, now: Duration) -> LagSample {
        let threads = match &facts.replication {
            Replication::Async(Some(replica)) => Some((replica.receiver, replica.applier)),
            _ => None,
        };
        LagSample {
            heartbeat_age: None,
            position_age: position.and_then(|position| self.marks.age(position, now)),
            distance: self.position.as_deref().zip(position).and_then(|(primary, own)| primary.missing_from(own)),
            receiver: threads.map(|(receiver, _)| receiver),
            applier: threads.map(|(_, applier)| applier),
            seconds_behind: facts.lag,
        }
    }
}
