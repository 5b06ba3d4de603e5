//! `rolecall-bench compare`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::compare::{self, Options};
use crate::workload::Workload;

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The proxy's program (default: `rolecall` beside this one)
    #[arg(long, value_name = "PATH")]
    proxy: Option<PathBuf>,
    /// Rounds of each target in each case [default: 11, short: 5]
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of a round [default: 0.5, short: 0.2]
    #[arg(long)]
    seconds: Option<f64>,
    /// A minute instead of several: 5 rounds of 0.2 s
    #[arg(long)]
    short: bool,
    /// Only this workload; may be given several times
    #[arg(long, value_enum)]
    workload: Vec<Workload>,
    /// Statements under strace, for system calls per statement; 0: none [default: 5000, short: 2000]
    #[arg(long)]
    traced: Option<u64>,
    /// Idle sessions whose memory is measured; 0: none [default: 10000, short: 0]
    #[arg(long)]
    idle: Option<u64>,
    /// Leave the placement of processes to the kernel instead of putting all of them on one core
    #[arg(long)]
    unpinned: bool,
    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the page of figures to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = Options {
        proxy: arguments.proxy.clone(),
        rounds: arguments.rounds.unwrap_or(if arguments.short { 5 } else { 11 }),
        seconds: arguments.seconds.unwrap_or(if arguments.short { 0.2 } else { 0.5 }),
        workloads: arguments.workload.clone(),
        traced_statements: arguments.traced.unwrap_or(if arguments.short { 2000 } else { 5000 }),
        idle_sessions: arguments.idle.unwrap_or(if arguments.short { 0 } else { 10_000 }),
        pinned: !arguments.unpinned,
    };
    let report = compare::run(&options, |text| eprintln!("· {text}"))?;
    println!("\n{}", report.plain());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &arguments.page {
        std::fs::write(path, report.page()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
