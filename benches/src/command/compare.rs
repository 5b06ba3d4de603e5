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
    /// Rounds of each target in each case
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of a round
    #[arg(long)]
    seconds: Option<f64>,
    /// A minute instead of several: 5 rounds of 0.2 s
    #[arg(long)]
    short: bool,
    /// Only this workload; may be given several times
    #[arg(long, value_enum)]
    workload: Vec<Workload>,
    /// Leave the placement of processes to the kernel instead of putting all of them on one core
    #[arg(long)]
    unpinned: bool,
    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = Options {
        proxy: arguments.proxy.clone(),
        rounds: arguments.rounds.unwrap_or(if arguments.short { 5 } else { 11 }),
        seconds: arguments.seconds.unwrap_or(if arguments.short { 0.2 } else { 0.5 }),
        workloads: arguments.workload.clone(),
        pinned: !arguments.unpinned,
    };
    let report = compare::run(&options, |text| eprintln!("· {text}"))?;
    println!("\n{}", report.plain());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
