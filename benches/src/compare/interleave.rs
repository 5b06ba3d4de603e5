//! Rounds of several targets in turn.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;

use crate::client::Endpoint;
use crate::load::{Latency, Live, Load, Plan, Round, Spread, Summary};
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
    let per = |figure: &dyn Fn(&Measured) -> Option<f64>| Spread::of(rounds.iter().filter_map(figure));
    let seconds = |measured: &Measured| measured.round.elapsed.as_secs_f64();
    let large = rounds.iter().any(|measured| measured.round.bytes > 10_000_000);
    Summary {
        target: target.to_owned(),
        rounds: rounds.len(),
        statements: rounds.iter().map(|measured| measured.round.statements).sum(),
        errors: rounds.iter().map(|measured| measured.round.errors).sum(),
        first_error: rounds.iter().find_map(|measured| measured.round.first_error.clone()),
        rate: per(&|measured| Some(measured.round.statements as f64 / seconds(measured))),
        megabytes_per_second: per(&|measured| large.then(|| measured.round.bytes as f64 / 1e6 / seconds(measured))),
        cpu_per_statement: per(&|measured| Some(measured.cpu?.as_secs_f64() * 1e6 / measured.round.statements as f64)),
        cpu_per_gigabyte: per(&|measured| {
            let cpu = measured.cpu.filter(|_| large)?;
            Some(cpu.as_secs_f64() * 1e9 / measured.round.bytes as f64)
        }),
        p50: per(&|measured| Latency::of(&measured.round.reads).map(|latency| latency.p50)),
        p99: per(&|measured| Latency::of(&measured.round.reads).map(|latency| latency.p99)),
        reads: merged(rounds, |round| &round.reads),
        writes: merged(rounds, |round| &round.writes),
    }
}

fn merged(rounds: &[Measured], histogram: impl Fn(&Round) -> &Histogram<u64>) -> Option<Latency> {
    let mut all = histogram(&rounds.first()?.round).clone();
    rounds[1..].iter().for_each(|measured| all += histogram(&measured.round));
    Latency::of(&all)
}
