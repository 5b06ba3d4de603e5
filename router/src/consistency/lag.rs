//! Whether a replica is too far behind to serve reads.
//!
//! `Seconds_Behind_Source` is a hint at best: it is the age of the event that the applier works on, so it is 0 while the
//! receiver has fetched nothing, and NULL when a thread has stopped. What counts here, best first: the age of a heartbeat
//! row, if somebody writes one; else the age of the newest position of the primary that the replica has executed
//! ([`Marks`]); else the hint. A replica whose threads have stopped counts as behind as soon as it may lack something.
//!
//! MySQL: <https://dev.mysql.com/doc/refman/9.5/en/show-replica-status.html>.

use std::time::Duration;

use super::Marks;
use super::Progress;
use crate::topology::ThreadState;

/// When a replica loses its reads and when it has them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagLimits {
    /// Further behind than this: no reads.
    pub leave: Duration,
    /// At most this far behind, for as long as `calm`: reads again. Not above `leave`.
    pub come_back: Duration,
    /// How long it must have been so near.
    pub calm: Duration,
}

/// What is known of a replica at one moment. What is not known is None.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LagSample {
    /// Age of the newest heartbeat row that the replica shows, by the clock of the server that wrote it.
    pub heartbeat_age: Option<Duration>,
    /// Age of the newest position of the primary that the replica has executed: [`Marks::age`].
    pub position_age: Option<Duration>,
    /// Transactions that the primary has executed and the replica has not: [`super::Position::missing_from`].
    pub distance: Option<u64>,
    /// The receiver (IO) thread.
    pub receiver: Option<ThreadState>,
    /// The applier (SQL) thread.
    pub applier: Option<ThreadState>,
    /// `Seconds_Behind_Source`; None for NULL, too.
    pub seconds_behind: Option<Duration>,
}

/// Why a replica is behind, or how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagReason {
    /// By its heartbeat.
    Heartbeat(Duration),
    /// By the primary's positions.
    Position(Duration),
    /// By its own word.
    SecondsBehind(Duration),
    /// The applier has stopped.
    ApplierStopped,
    /// The receiver has stopped, or has no connection to the source.
    ReceiverStopped,
    /// Nothing is known. It does not take reads away: an account that may not ask is the usual cause (sessions.md 9).
    Unseen,
}

/// One replica's lag, with hysteresis. Times are durations since a moment of the caller's choice.
#[derive(Debug, Clone)]
pub struct Lag {
    limits: LagLimits,
    state: State,
    reason: LagReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Near,
    /// Behind; since `near_since` it has been near enough to come back.
    Behind {
        near_since: Option<Duration>,
    },
}

// === impl LagSample ===

impl LagSample {
    /// What two probes tell: the replica's, and the primary's as far as `marks` remember it.
    #[must_use]
    pub fn of(replica: &Progress, primary: Option<&Progress>, marks: &Marks, now: Duration) -> Self {
        Self {
            position_age: marks.age(&replica.executed, now),
            distance: primary.and_then(|primary| primary.executed.missing_from(&replica.executed)),
            ..Self::default()
        }
    }

    /// How far behind, by the best witness.
    #[must_use]
    pub fn judge(&self) -> LagReason {
        let lacks_nothing = self.distance == Some(0);
        if self.applier == Some(ThreadState::Stopped) && !lacks_nothing {
            return LagReason::ApplierStopped;
        }
        // A distance of 0 is the primary's own word, whatever the receiver does. Connecting is normal after a failover,
        // but for as long as it lasts nothing new can come.
        if matches!(self.receiver, Some(ThreadState::Stopped | ThreadState::Connecting)) && !lacks_nothing {
            return LagReason::ReceiverStopped;
        }
        match (self.heartbeat_age, self.position_age, self.seconds_behind) {
            (Some(age), ..) => LagReason::Heartbeat(age),
            (None, Some(age), _) => LagReason::Position(age),
            (None, None, _) if lacks_nothing => LagReason::Position(Duration::ZERO),
            (None, None, Some(age)) => LagReason::SecondsBehind(age),
            (None, None, None) => LagReason::Unseen,
        }
    }
}

// === impl Lag ===

impl Lag {
    /// A replica that nobody has looked at yet: near.
    #[must_use]
    pub fn new(limits: LagLimits) -> Self {
        let limits = LagLimits { come_back: limits.come_back.min(limits.leave), ..limits };
        Self { limits, state: State::Near, reason: LagReason::Unseen }
    }

    /// Judges by other limits from the next sample on.
    pub fn set_limits(&mut self, limits: LagLimits) {
        self.limits = LagLimits { come_back: limits.come_back.min(limits.leave), ..limits };
    }

    /// Takes a sample of `now`; says whether the replica may have reads.
    pub fn observe(&mut self, sample: &LagSample, now: Duration) -> bool {
        self.reason = sample.judge();
        let is_within = |limit| self.reason.is_within(limit);
        self.state = match self.state {
            // Near => (Near | Behind)
            State::Near if is_within(self.limits.leave) => State::Near,
            State::Near => State::Behind { near_since: None },
            // Behind => Behind
            State::Behind { .. } if !is_within(self.limits.come_back) => State::Behind { near_since: None },
            // Behind => (Behind | Near)
            State::Behind { near_since } => {
                let since = near_since.unwrap_or(now);
                let is_calm = now.saturating_sub(since) >= self.limits.calm;
                if is_calm { State::Near } else { State::Behind { near_since: Some(since) } }
            }
        };
        self.may_read()
    }

    /// Whether the replica may have reads.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.state == State::Near
    }

    /// What the last sample said.
    #[must_use]
    pub const fn reason(&self) -> LagReason {
        self.reason
    }
}

// === impl LagReason ===

impl LagReason {
    /// How far behind; None where that is not known.
    #[must_use]
    pub const fn age(self) -> Option<Duration> {
        match self {
            Self::Heartbeat(age) | Self::Position(age) | Self::SecondsBehind(age) => Some(age),
            Self::ApplierStopped | Self::ReceiverStopped | Self::Unseen => None,
        }
    }

    /// Its name, for metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heartbeat(_) => "heartbeat",
            Self::Position(_) => "position",
            Self::SecondsBehind(_) => "seconds_behind",
            Self::ApplierStopped => "applier_stopped",
            Self::ReceiverStopped => "receiver_stopped",
            Self::Unseen => "unseen",
        }
    }

    fn is_within(self, limit: Duration) -> bool {
        match self {
            Self::Heartbeat(age) | Self::Position(age) | Self::SecondsBehind(age) => age <= limit,
            Self::ApplierStopped | Self::ReceiverStopped => false,
            Self::Unseen => true,
        }
    }
}
