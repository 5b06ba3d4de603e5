//! The demonstration's load, and what the servers counted of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::{Screen, interrupt, thousands};
use crate::client::Endpoint;
use crate::cluster::{APPLICATION, Cluster, Counted};
use crate::load::{Latency, Length, Live, Load, Plan, Round, Table};
use crate::workload::{Client, SCHEMA, Workload};

/// What happened in one phase of the load.
#[derive(Debug)]
pub struct Phase {
    /// What the clients saw.
    pub round: Round,
    /// What each server executed for them, in the cluster's order.
    pub counted: Vec<Counted>,
}

/// The application's login, at any address.
#[must_use]
pub fn login(address: String) -> Endpoint {
    Endpoint {
        address,
        user: APPLICATION.to_owned(),
        password: APPLICATION.to_owned(),
        database: SCHEMA.to_owned(),
        deprecate_eof: true,
    }
}

/// Clients that are connected to the proxy.
///
/// # Errors
/// A login fails.
pub fn proxied(address: &str, clients: usize) -> anyhow::Result<Load> {
    Load::open(&login(address.to_owned()), Workload::ReadWrite, clients).context("cannot log in through the proxy")
}

/// Clients that know the servers by themselves and split reads from writes in their own code.
///
/// # Errors
/// A login fails.
pub fn direct(cluster: &Cluster, clients: usize) -> anyhow::Result<Load> {
    let (primary, replicas) = cluster.servers.split_first().context("no servers")?;
    let write = login(primary.address.to_string());
    let clients = (0..clients).map(|index| {
        let read = login(replicas[index % replicas.len()].address.to_string());
        Client::open_split(&read, &write, Workload::ReadWrite, index as u64 + 1)
    });
    Ok(Load::of(clients.collect::<Result<_, _>>()?))
}

/// Statements a second of all clients together: what leaves two cores time for the replicas to follow. Replicas that lag
/// would leave the reads of sessions that write to the primary.
const RATE: f64 = 1200.0;

/// Lets a load run unseen for half a second: its clients' first statements open connections and fill caches, once.
///
/// # Errors
/// A statement fails.
pub fn warm_up(load: &mut Load) -> anyhow::Result<()> {
    let plan = Plan { rate: Some(RATE), length: Length::Time(Duration::from_millis(500)) };
    match load.round(plan, &Live::default()).first_error {
        Some(error) => anyhow::bail!("a statement failed: {error}"),
        None => Ok(()),
    }
}

/// Runs a load with its progress on the screen, and `meanwhile` beside it.
///
/// # Errors
/// The servers' counters cannot be read; what `meanwhile` says.
pub fn run(
    screen: Screen,
    name: &str,
    cluster: &mut Cluster,
    load: &mut Load,
    time: Duration,
    meanwhile: impl FnOnce(&mut Cluster, &Live) -> anyhow::Result<()>,
) -> anyhow::Result<Phase> {
    let before = counters(cluster)?;
    let live = Live::default();
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let plan = Plan { rate: Some(RATE), length: Length::Time(time) };
    let state = |part: f64| {
        let errors = live.errors.load(Ordering::Relaxed);
        screen.progress(
            part,
            &format!(
                "{name}: {} reads, {} writes, {} errors",
                thousands(live.reads.load(Ordering::Relaxed)),
                thousands(live.writes.load(Ordering::Relaxed)),
                thousands(errors)
            ),
        );
    };
    let (round, result) = std::thread::scope(|scope| {
        let runner = scope.spawn(|| {
            let round = load.round(plan, &live);
            over.store(true, Ordering::Relaxed);
            round
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                state(began.elapsed().as_secs_f64() / time.as_secs_f64());
                if interrupt::requested() {
                    live.stop.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        let result = meanwhile(cluster, &live);
        if result.is_err() {
            live.stop.store(true, Ordering::Relaxed);
        }
        (runner.join(), result)
    });
    let round = round.map_err(|_| anyhow::anyhow!("the load generator failed"))?;
    screen.progressed(&format!(
        "{name}: {} reads, {} writes, {} errors in {}; {} statements a second",
        thousands(round.reads.len()),
        thousands(round.writes.len()),
        thousands(round.errors),
        super::seconds(round.elapsed),
        thousands((round.statements as f64 / round.elapsed.as_secs_f64()) as u64)
    ));
    result?;
    anyhow::ensure!(!interrupt::requested(), "interrupted");
    let after = counters(cluster)?;
    let counted = after.into_iter().zip(before).map(|(after, before)| Counted {
        reads: after.reads.saturating_sub(before.reads),
        writes: after.writes.saturating_sub(before.writes),
    });
    Ok(Phase { round, counted: counted.collect() })
}

fn counters(cluster: &mut Cluster) -> anyhow::Result<Vec<Counted>> {
    cluster.servers.iter_mut().map(|server| server.counted(APPLICATION)).collect()
}

/// Where statements went, by the servers' own counters.
#[must_use]
pub fn places(cluster: &Cluster, names: &[String], phase: &Phase) -> Table {
    let mut table = Table::new(&["server", "address", "reads", "writes"]);
    for ((server, name), counted) in cluster.servers.iter().zip(names).zip(&phase.counted) {
        table.row([name.clone(), server.address.to_string(), thousands(counted.reads), thousands(counted.writes)]);
    }
    table
}

/// Latencies by role and percentile.
#[must_use]
pub fn latencies(direct: &Round, proxied: &Round) -> Table {
    let mut table = Table::new(&["latency in µs", "p50", "p95", "p99", "max"]);
    let rows = [
        ("reads (replicas), direct", &direct.reads),
        ("reads (replicas), proxied", &proxied.reads),
        ("writes (primary), direct", &direct.writes),
        ("writes (primary), proxied", &proxied.writes),
    ];
    for (name, histogram) in rows {
        let Some(latency) = Latency::of(histogram) else { continue };
        let values = [latency.p50, latency.p95, latency.p99, latency.max];
        table.row([name.to_owned()].into_iter().chain(values.map(|value| thousands(value.round() as u64))));
    }
    table
}
