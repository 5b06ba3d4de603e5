//! The log of refused logins: each one is told while they are few; a flood of them is told by numbers, so that it can
//! neither fill the disk nor bury what else the log says. `rolecall_logins_total` counts every one.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::LoginEnd;

/// Refusals that are told each, in one [`PERIOD`].
const TOLD: u64 = 10;
/// After so long refusals are told each again.
const PERIOD: Duration = Duration::from_secs(60);

/// What has been told of refused logins.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Option<Period>>);

#[derive(Debug, Clone, Copy)]
struct Period {
    since: Instant,
    refused: u64,
    /// At this number it is time for a word again.
    next_word: u64,
}

/// What a refusal gives to say.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// Itself; and how many there were in the period before that nobody has told.
    Each { untold_before: u64 },
    /// That there are so many.
    Many(u64),
    /// Nothing.
    None,
}

impl Refusals {
    /// A login from `peer` (None: a unix socket) was refused.
    pub fn note(&self, peer: Option<IpAddr>, end: &LoginEnd) {
        match self.word(Instant::now()) {
            Word::Each { untold_before } => {
                if untold_before > 0 {
                    tracing::warn!(count = untold_before, "logins were refused and not logged one by one");
                }
                tracing::info!(?peer, error = %end, "login refused");
            }
            Word::Many(count) => {
                tracing::warn!(
                    count,
                    last_peer = ?peer,
                    last_error = %end,
                    "many logins are refused within a minute: they are counted in rolecall_logins_total, and no longer \
                     logged one by one"
                );
            }
            Word::None => {}
        }
    }

    fn word(&self, now: Instant) -> Word {
        let mut period = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = period.get_or_insert(Period::begin(now));
        let mut untold_before = 0;
        if now.saturating_duration_since(current.since) >= PERIOD {
            // What came since the last word.
            untold_before = current.refused.saturating_sub((current.next_word / 10).max(TOLD));
            *current = Period::begin(now);
        }
        current.refused += 1;
        if current.refused <= TOLD {
            return Word::Each { untold_before };
        }
        if current.refused < current.next_word {
            return Word::None;
        }
        current.next_word = current.next_word.saturating_mul(10);
        Word::Many(current.refused)
    }
}

impl Period {
    const fn begin(now: Instant) -> Self {
        Self { since: now, refused: 0, next_word: TOLD * 10 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_by_numbers_and_what_was_untold_afterwards() {
        let refusals = Refusals::default();
        let now = Instant::now();
        let words: Vec<Word> = (0..25_000).map(|_| refusals.word(now)).filter(|word| *word != Word::None).collect();
        let each = || Word::Each { untold_before: 0 };
        let mut expected: Vec<Word> = (0..TOLD).map(|_| each()).collect();
        expected.extend([100, 1000, 10_000].map(Word::Many));
        assert_eq!(words, expected);
        assert_eq!(refusals.word(now + PERIOD), Word::Each { untold_before: 15_000 });
        assert_eq!(refusals.word(now + PERIOD), each());
        assert_eq!(refusals.word(now + PERIOD + PERIOD), each());
    }
}
