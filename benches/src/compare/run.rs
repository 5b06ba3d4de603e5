//! The comparison run.

use std::path::PathBuf;
use std::time::Duration;

use super::report::{Case, DIRECT, PROXY, RELAY, Report};
use super::{Machine, Target, interleave, pin, proxy};
use crate::cluster::{APPLICATION, Cluster, ClusterOptions, Flavour, Folder};
use crate::load::{Length, Plan};
use crate::workload::{SCHEMA, Workload};

/// How to run it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The proxy's program; `None`: the one beside this program.
    pub proxy: Option<PathBuf>,
    /// Rounds of each target in each case.
    pub rounds: usize,
    /// Seconds of a round.
    pub seconds: f64,
    /// Only these workloads; empty: the standard cases.
    pub workloads: Vec<Workload>,
    /// Whether all processes share one core.
    pub pinned: bool,
}

const STANDARD: [(Workload, usize, bool); 9] = [
    (Workload::PointSelect, 1, true),
    (Workload::PointSelect, 1, false),
    (Workload::PointSelect, 8, true),
    (Workload::PointSelectPrepared, 1, true),
    (Workload::PointSelectPrepared, 1, false),
    (Workload::PointSelectPrepared, 8, true),
    (Workload::Rows100k, 1, true),
    (Workload::Rows100k, 1, false),
    (Workload::Connect, 1, true),
];

/// Makes the servers, the relay and the proxy, and measures them against each other. `progress` is told each case.
///
/// # Errors
/// Something does not start, or a target fails statements.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> anyhow::Result<Report> {
    let program = proxy::program(options.proxy.as_deref())?;
    let version = proxy::version(&program)?;
    let placement = if options.pinned { pin() } else { "client, proxy and servers on all cores".to_owned() };
    progress("starting a primary and a replica");
    let folder = Folder::new("compare")?;
    let cluster_options =
        ClusterOptions { flavour: Flavour::Mysql, replicas: 1, max_connections: 300, counting: false, wide: true };
    let cluster = Cluster::start(&cluster_options, &folder)?;
    cluster.warm_logins()?;
    // Reads go to the replica, whichever way: the same server does the same work for all targets.
    let direct = cluster.servers[1].endpoint(APPLICATION, APPLICATION, SCHEMA);
    let relay = proxy::start_relay(cluster.servers[1].address, &folder)?;
    let rolecall = proxy::start_one_worker(&program, &cluster, &direct, &folder)?;
    let through = |name: &str, listening: &proxy::Listening| Target {
        name: name.to_owned(),
        endpoint: crate::client::Endpoint { address: listening.address.to_string(), ..direct.clone() },
        processes: vec![listening.child.process()],
    };
    let targets = [
        Target { name: DIRECT.to_owned(), endpoint: direct.clone(), processes: Vec::new() },
        through(RELAY, &relay),
        through(PROXY, &rolecall),
    ];
    let chosen =
        STANDARD.iter().filter(|(workload, ..)| options.workloads.is_empty() || options.workloads.contains(workload));
    let mut cases = Vec::new();
    for &(workload, connections, deprecate_eof) in chosen {
        let mut case = Case { workload, connections, deprecate_eof, targets: Vec::new() };
        progress(&case.title());
        let targets = targets.clone().map(|mut target| {
            target.endpoint.deprecate_eof = deprecate_eof;
            target
        });
        let length = |seconds: f64| Plan { rate: None, length: Length::Time(Duration::from_secs_f64(seconds)) };
        let (warm_up, plan) = (length(options.seconds.max(0.2)), length(options.seconds));
        case.targets = interleave(&targets, workload, connections, warm_up, plan, options.rounds)?;
        for target in &case.targets {
            if let Some(error) = &target.first_error {
                anyhow::bail!("{}: {}: {} statements failed: {error}", case.title(), target.target, target.errors);
            }
        }
        cases.push(case);
    }
    let machine = Machine::here(cluster.version.clone(), version, placement);
    Ok(Report { machine, rounds: options.rounds, seconds: options.seconds, cases })
}
