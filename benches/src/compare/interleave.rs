//! Rounds of several targets in turn.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;

use crate::client::Endpoint;
use crate::interrupt;
use crate::load::{Figures, Latency, Live, Load, Plan, Round, Summary};
use crate::process::Process;
use crate::workload::Workload;

/// Something that answers MySQL clients.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in tables.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Processes whose CPU time it costs.
    pub processes: Vec<Process>,
}

impl Target {
    fn cpu_time(&self) -> Option<Duration> {
        (!self.processes.is_empty()).then_some(())?;
        self.processes.iter().map(|process| process.cpu_time()).sum()
    }
}

/// A round and the CPU time that its target's processes took meanwhile.
struct Measured {
    round: Round,
    cpu: Option<Duration>,
}

/// Runs `rounds` rounds of every target, one target after the other in each; the first ones (`warm_up`) are not counted.
///
/// # Errors
/// A target that cannot be reached. Failed statements are counted, not errors.
pub fn interleave(
    targets: &[Target],
    workload: Workload,
    connections: usize,
    warm_up: Plan,
    plan: Plan,
    rounds: usize,
) -> anyhow::Result<Vec<Summary>> {
    let mut loads = Vec::new();
    for target in targets {
        let load = Load::open(&target.endpoint, workload, connections)
            .with_context(|| format!("{} at {}", target.name, target.endpoint.address))?;
        loads.push(load);
    }
    let live = Live::default();
    for load in &mut loads {
        load.round(warm_up, &live);
    }
    let mut measured: Vec<Vec<Measured>> = targets.iter().map(|_| Vec::new()).collect();
    for number in 0..rounds {
        anyhow::ensure!(!interrupt::requested(), "interrupted");
        for offset in 0..targets.len() {
            // Another target begins each time, so that none always follows the same one.
            let index = (number + offset) % targets.len();
            let before = targets[index].cpu_time();
            let round = loads[index].round(plan, &live);
            let after = targets[index].cpu_time();
            let cpu = after.zip(before).map(|(after, before)| after.saturating_sub(before));
            measured[index].push(Measured { round, cpu });
        }
    }
    Ok(targets.iter().zip(measured).map(|(target, rounds)| summarise(&target.name, &rounds)).collect())
}

fn summarise(target: &str, rounds: &[Measured]) -> Summary {
    Summary {
        target: target.to_owned(),
        rounds: rounds.iter().map(figures).collect(),
        errors: rounds.iter().map(|measured| measured.round.errors).sum(),
        first_error: rounds.iter().find_map(|measured| measured.round.first_error.clone()),
        reads: merged(rounds, |round| &round.reads),
        writes: merged(rounds, |round| &round.writes),
    }
}

fn figures(measured: &Measured) -> Figures {
    let Measured { round, cpu } = measured;
    let latency = Latency::of(&round.reads);
    let cpu = cpu.map(|time| time.as_secs_f64());
    // Rates of bytes say nothing where statements are short.
    let gigabytes = Some(round.bytes as f64 / 1e9).filter(|_| round.bytes / round.statements.max(1) > 1_000_000);
    Figures {
        rate: round.statements as f64 / round.elapsed.as_secs_f64(),
        p50: latency.map(|latency| latency.p50),
        p99: latency.map(|latency| latency.p99),
        cpu_per_statement: cpu.map(|seconds| seconds * 1e6 / round.statements as f64),
        megabytes_per_second: gigabytes.map(|amount| amount * 1e3 / round.elapsed.as_secs_f64()),
        cpu_per_gigabyte: gigabytes.and_then(|amount| Some(cpu? / amount)),
    }
}

fn merged(rounds: &[Measured], histogram: impl Fn(&Round) -> &Histogram<u64>) -> Option<Latency> {
    let mut all = histogram(&rounds.first()?.round).clone();
    rounds[1..].iter().for_each(|measured| all += histogram(&measured.round));
    Latency::of(&all)
}
