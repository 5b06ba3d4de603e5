//! Runs a workload against a target: closed loop (each client waits for its answer) or open loop (statements start at
//! fixed times, and latencies count from those times, whether the target kept up or not).

mod summary;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::{ClientError, Endpoint, Reply};
use crate::workload::{Class, Client, Workload};

pub use summary::{Figures, Latency, Spread, Summary};
pub use table::{Align, Table};

/// When a round ends.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// After this time.
    Time(Duration),
    /// After this number of steps of each client.
    Steps(u64),
}

/// How a round runs.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Steps per second of all clients together; `None`: closed loop.
    pub rate: Option<f64>,
    /// When it ends.
    pub length: Length,
}

/// Counters that others may watch while a round runs.
#[derive(Debug, Default)]
pub struct Live {
    /// Reads that ended well.
    pub reads: AtomicU64,
    /// Writes that ended well.
    pub writes: AtomicU64,
    /// Statements that failed.
    pub errors: AtomicU64,
    /// Set to end the round early.
    pub stop: std::sync::atomic::AtomicBool,
}

/// What one client of a round measured.
#[derive(Debug)]
pub struct Recorder<'a> {
    live: &'a Live,
    reads: Histogram<u64>,
    writes: Histogram<u64>,
    statements: u64,
    bytes: u64,
    errors: u64,
    first_error: Option<String>,
}

impl<'a> Recorder<'a> {
    fn new(live: &'a Live) -> Self {
        Self { live, reads: histogram(), writes: histogram(), statements: 0, bytes: 0, errors: 0, first_error: None }
    }

    /// Notes a statement that has just ended well; gives the time, which is when the next one starts.
    pub fn record(&mut self, class: Class, began: Instant, reply: Reply) -> Instant {
        let now = Instant::now();
        let (latencies, counter) = match class {
            Class::Read => (&mut self.reads, &self.live.reads),
            Class::Write => (&mut self.writes, &self.live.writes),
        };
        latencies.saturating_record(now.duration_since(began).as_nanos() as u64);
        counter.fetch_add(1, Ordering::Relaxed);
        self.statements += 1;
        self.bytes += reply.bytes;
        now
    }

    /// Notes a statement that failed.
    pub fn fail(&mut self, error: &ClientError) {
        self.errors += 1;
        self.live.errors.fetch_add(1, Ordering::Relaxed);
        self.first_error.get_or_insert_with(|| error.to_string());
    }
}

/// What one round measured.
#[derive(Debug)]
pub struct Round {
    /// Statements that ended well.
    pub statements: u64,
    /// Payload bytes of their rows.
    pub bytes: u64,
    /// Statements that failed.
    pub errors: u64,
    /// What the first of them said.
    pub first_error: Option<String>,
    /// From the start to the last client's end.
    pub elapsed: Duration,
    /// Latencies of reads, in nanoseconds.
    pub reads: Histogram<u64>,
    /// Latencies of writes, in nanoseconds.
    pub writes: Histogram<u64>,
}

/// The clients of one target; they stay connected between rounds.
#[derive(Debug)]
pub struct Load {
    clients: Vec<Client>,
}

impl Load {
    /// Connects `connections` clients.
    ///
    /// # Errors
    /// The first login that failed.
    pub fn open(endpoint: &Endpoint, workload: Workload, connections: usize) -> Result<Self, ClientError> {
        let clients = (0..connections).map(|index| Client::open(endpoint, workload, index as u64 + 1));
        Ok(Self { clients: clients.collect::<Result<_, _>>()? })
    }

    /// These clients.
    #[must_use]
    pub const fn of(clients: Vec<Client>) -> Self {
        Self { clients }
    }

    /// Runs one round; `live` counts on while it runs.
    pub fn round(&mut self, plan: Plan, live: &Live) -> Round {
        let began = Instant::now();
        let count = self.clients.len();
        let recorders: Vec<Recorder<'_>> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .clients
                .iter_mut()
                .enumerate()
                .map(|(index, client)| {
                    scope.spawn(move || {
                        let mut recorder = Recorder::new(live);
                        match plan.rate {
                            None => closed_loop(client, plan.length, began, &mut recorder),
                            Some(rate) => {
                                let pace = Pace::new(rate, index, count);
                                open_loop(client, plan.length, began, pace, &mut recorder);
                            }
                        }
                        recorder
                    })
                })
                .collect();
            // A client that panicked is a defect of this program; its figures are missing then.
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let mut round = Round {
            statements: 0,
            bytes: 0,
            errors: 0,
            first_error: None,
            elapsed: began.elapsed(),
            reads: histogram(),
            writes: histogram(),
        };
        for recorder in recorders {
            round.statements += recorder.statements;
            round.bytes += recorder.bytes;
            round.errors += recorder.errors;
            round.first_error = round.first_error.or(recorder.first_error);
            round.reads += &recorder.reads;
            round.writes += &recorder.writes;
        }
        round
    }
}

fn closed_loop(client: &mut Client, length: Length, began: Instant, recorder: &mut Recorder<'_>) {
    let mut steps = 0;
    loop {
        client.step(recorder, None);
        steps += 1;
        if is_over(length, steps, began, recorder) {
            return;
        }
    }
}

/// The times at which one of several clients starts its steps.
#[derive(Debug, Clone, Copy)]
struct Pace {
    first: Duration,
    interval: Duration,
}

impl Pace {
    fn new(rate: f64, index: usize, clients: usize) -> Self {
        let interval = Duration::from_secs_f64(clients as f64 / rate.max(f64::MIN_POSITIVE));
        Self { first: interval.mul_f64(index as f64 / clients as f64), interval }
    }

    fn at(self, step: u64) -> Duration {
        self.first + Duration::from_nanos((self.interval.as_nanos() as u64).saturating_mul(step))
    }
}

fn open_loop(client: &mut Client, length: Length, began: Instant, pace: Pace, recorder: &mut Recorder<'_>) {
    // Wakes this thread when it asked for, instead of up to 50 us later.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let mut steps = 0;
    loop {
        let intended = began + pace.at(steps);
        let wait = intended.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        client.step(recorder, Some(intended));
        steps += 1;
        if is_over(length, steps, began, recorder) {
            return;
        }
    }
}

fn is_over(length: Length, steps: u64, began: Instant, recorder: &Recorder<'_>) -> bool {
    let over = match length {
        Length::Time(time) => began.elapsed() >= time,
        Length::Steps(count) => steps >= count,
    };
    over || recorder.live.stop.load(Ordering::Relaxed)
}

/// Up to a minute, three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds are valid")
}
