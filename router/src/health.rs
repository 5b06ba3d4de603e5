//! A failure detector for one server. It sees probes begin and end; the time is an argument.
//!
//! One failed probe is enough to take traffic away: asking again costs a millisecond, a write into a dying server costs
//! a customer's patience. The way back is narrow: a probe that began after the suspicion and whose view is current.

use std::num::NonZeroU32;
use std::time::Duration;

/// Whether a server is believed to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It has not answered yet.
    Unproven,
    /// Its last probe succeeded.
    Trusted,
    /// It was silent, or its return did not show the current view.
    Suspect {
        /// When the suspicion arose.
        since: Duration,
        /// Failed probes in a row.
        failures: u32,
    },
    /// Silent for long enough that nobody waits for it.
    Down {
        /// When it was last trusted, or first asked.
        since: Duration,
    },
}

/// What a probe's end means for traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing new.
    Unchanged,
    /// The server has just lost its traffic.
    Lost,
    /// The server may have traffic (again).
    Admitted,
}

/// The detector. Times are durations since a moment of the caller's choice, the same one for every call.
#[derive(Debug, Clone)]
pub struct Detector {
    health: Health,
    down_after: NonZeroU32,
}

impl Detector {
    /// Failed probes in a row after which a suspect server counts as down.
    pub const DOWN_AFTER: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");

    /// A server that nobody has asked yet; `down_after` failed probes in a row make it `Down`.
    #[must_use]
    pub const fn new(down_after: NonZeroU32) -> Self {
        Self { health: Health::Unproven, down_after }
    }

    /// What is believed now.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Whether the server may have traffic.
    #[must_use]
    pub const fn is_trusted(&self) -> bool {
        matches!(self.health, Health::Trusted)
    }

    /// Whether the server has been silent and has not been admitted since.
    #[must_use]
    pub const fn was_silent(&self) -> bool {
        matches!(self.health, Health::Suspect { .. } | Health::Down { .. })
    }

    /// Somebody could not connect, at `now`: no traffic until a probe that begins later succeeds.
    pub fn on_suspicion(&mut self, now: Duration) -> Turn {
        match self.health {
            // Trusted | Unproven => Suspect
            Health::Trusted | Health::Unproven => {
                let turn = if self.is_trusted() { Turn::Lost } else { Turn::Unchanged };
                self.health = Health::Suspect { since: now, failures: 0 };
                turn
            }
            // Suspect => Suspect: the latest suspicion counts, so that an older probe cannot lift it.
            Health::Suspect { since, failures } => {
                self.health = Health::Suspect { since: since.max(now), failures };
                Turn::Unchanged
            }
            // Down => Down: not news.
            Health::Down { .. } => Turn::Unchanged,
        }
    }

    /// A probe failed at `now`.
    pub fn on_failure(&mut self, now: Duration) -> Turn {
        let (since, failures, turn) = match self.health {
            // Trusted => (Suspect | Down)
            Health::Trusted => (now, 1, Turn::Lost),
            // Unproven => (Suspect | Down)
            Health::Unproven => (now, 1, Turn::Unchanged),
            // Suspect => (Suspect | Down)
            Health::Suspect { since, failures } => (since, failures.saturating_add(1), Turn::Unchanged),
            // Down => Down
            Health::Down { .. } => return Turn::Unchanged,
        };
        self.health = if failures >= self.down_after.get() {
            Health::Down { since }
        } else {
            Health::Suspect { since, failures }
        };
        turn
    }

    /// A probe that began at `started` succeeded, and what it showed agrees with what the others show.
    pub fn on_current_view(&mut self, started: Duration) -> Turn {
        match self.health {
            // Unproven => Trusted
            Health::Unproven => {
                self.health = Health::Trusted;
                Turn::Admitted
            }
            // Trusted => Trusted
            Health::Trusted => Turn::Unchanged,
            // Suspect => Suspect: the answer is older than the suspicion.
            Health::Suspect { since, .. } if started < since => Turn::Unchanged,
            // (Suspect | Down) => Trusted
            Health::Suspect { .. } | Health::Down { .. } => {
                self.health = Health::Trusted;
                Turn::Admitted
            }
        }
    }

    /// A probe succeeded, but the server's view is not the current one: alive, still without traffic.
    pub fn on_stale_view(&mut self, now: Duration) -> Turn {
        match self.health {
            // Trusted => Suspect
            Health::Trusted => {
                self.health = Health::Suspect { since: now, failures: 0 };
                Turn::Lost
            }
            // Unproven => Suspect
            Health::Unproven => {
                self.health = Health::Suspect { since: now, failures: 0 };
                Turn::Unchanged
            }
            // (Suspect | Down) => Suspect: it is back, but not admitted.
            Health::Suspect { since, .. } | Health::Down { since } => {
                self.health = Health::Suspect { since, failures: 0 };
                Turn::Unchanged
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn trusted() -> Detector {
        let mut detector = Detector::new(Detector::DOWN_AFTER);
        assert_eq!(detector.on_current_view(ms(0)), Turn::Admitted);
        detector
    }

    #[test]
    fn one_failed_probe_takes_the_traffic_away_and_three_end_the_waiting() {
        let mut detector = trusted();
        assert_eq!(detector.on_failure(ms(10)), Turn::Lost);
        assert_eq!(detector.health(), Health::Suspect { since: ms(10), failures: 1 });
        assert_eq!(detector.on_failure(ms(20)), Turn::Unchanged);
        assert_eq!(detector.on_failure(ms(30)), Turn::Unchanged);
        assert_eq!(detector.health(), Health::Down { since: ms(10) });
        assert_eq!(detector.on_failure(ms(40)), Turn::Unchanged);
    }

    #[test]
    fn a_probe_that_began_before_the_suspicion_does_not_lift_it() {
        let mut detector = trusted();
        assert_eq!(detector.on_suspicion(ms(50)), Turn::Lost);
        assert_eq!(detector.on_current_view(ms(49)), Turn::Unchanged);
        assert!(detector.was_silent());
        assert_eq!(detector.on_current_view(ms(50)), Turn::Admitted);
    }

    #[test]
    fn a_stale_view_keeps_a_returning_server_out() {
        let mut detector = trusted();
        for at in [10, 20, 30] {
            detector.on_failure(ms(at));
        }
        assert_eq!(detector.on_stale_view(ms(40)), Turn::Unchanged);
        assert_eq!(detector.health(), Health::Suspect { since: ms(10), failures: 0 });
        assert_eq!(detector.on_current_view(ms(50)), Turn::Admitted);
        assert_eq!(detector.on_stale_view(ms(60)), Turn::Lost);
    }

    #[test]
    fn a_server_that_never_answered_loses_nothing() {
        let mut detector = Detector::new(Detector::DOWN_AFTER);
        assert_eq!(detector.on_failure(ms(1)), Turn::Unchanged);
        assert!(!detector.is_trusted());
        assert_eq!(detector.on_suspicion(ms(5)), Turn::Unchanged);
        assert_eq!(detector.on_current_view(ms(4)), Turn::Unchanged);
        assert_eq!(detector.on_current_view(ms(6)), Turn::Admitted);
    }
}
