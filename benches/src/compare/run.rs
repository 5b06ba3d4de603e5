//! The comparison run.

use std::path::PathBuf;
use std::time::Duration;

use super::congestion::CongestionControl;
use super::report::{Case, Report};
use super::{BenchSet, Machine, idle, interleave, pin, proxy, system_calls};
use crate::cluster::Folder;
use crate::interrupt;
use crate::load::{Length, Plan};
use crate::workload::Workload;

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
    /// Statements under strace, for system calls per statement; 0: none.
    pub traced_statements: u64,
    /// Idle sessions whose memory is measured; 0: none.
    pub idle_sessions: u64,
    /// Whether all processes share one core.
    pub pinned: bool,
}

const STANDARD: [(Workload, usize, bool); 11] = [
    (Workload::PointSelect, 1, true),
    (Workload::PointSelect, 1, false),
    (Workload::PointSelect, 8, true),
    (Workload::PointSelect, 8, false),
    (Workload::PointSelectPrepared, 1, true),
    (Workload::PointSelectPrepared, 1, false),
    (Workload::PointSelectPrepared, 8, true),
    (Workload::PointSelectPrepared, 8, false),
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
    progress("starting a primary, a replica, a relay and the proxy");
    let folder = Folder::new("compare")?;
    let congestion_control = CongestionControl::steady();
    progress(&congestion_control.words());
    raise_file_limit();
    let max_connections = 300 + usize::try_from(options.idle_sessions)?;
    let set = BenchSet::start(&program, max_connections, &folder)?;
    let placement =
        if options.pinned { pin(&set.processes()) } else { "client, proxy and servers on all cores".to_owned() };
    let targets = [set.direct(), set.relay(), set.rolecall()];
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
    let mut calls = Vec::new();
    if options.traced_statements > 0 {
        for workload in [Workload::PointSelect, Workload::PointSelectPrepared] {
            anyhow::ensure!(!interrupt::requested(), "interrupted");
            progress(&format!("system calls, {}", workload.name()));
            for target in &targets[1..] {
                calls.push(system_calls(target, workload, options.traced_statements, &folder)?);
            }
        }
    }
    let mut idle_sessions = None;
    if options.idle_sessions > 0 {
        anyhow::ensure!(!interrupt::requested(), "interrupted");
        progress(&format!("{} idle sessions", options.idle_sessions));
        idle_sessions = Some(idle(&targets[2], options.idle_sessions, false)?);
    }
    let placement = format!("{placement}; {}", congestion_control.words());
    let machine = Machine::here(set.cluster.version.clone(), version, placement);
    Ok(Report { machine, rounds: options.rounds, seconds: options.seconds, cases, calls, idle: idle_sessions })
}

/// Lets this process, and what it starts, have as many files as may be: each session takes one at the client, two at
/// the proxy and one at the server.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without it only the run with very many sessions fails, and says why.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
