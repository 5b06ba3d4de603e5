//! `rolecall-bench load`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::client::{Connection, Endpoint};
use crate::compare::{Target, interleave};
use crate::load::{Figures, Length, Plan, Summary, Table};
use crate::process::Process;
use crate::workload::{self, Workload};

/// Arguments of `load`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A target, as NAME=HOST:PORT or HOST:PORT; may be given several times
    #[arg(long = "target", value_name = "[NAME=]HOST:PORT", required = true)]
    targets: Vec<String>,
    /// A process whose CPU time is counted for a target; may be given several times
    #[arg(long = "pid", value_name = "NAME=PID")]
    processes: Vec<String>,
    #[arg(long, default_value = "root")]
    user: String,
    #[arg(long, default_value = "", env = "ROLECALL_BENCH_PASSWORD", hide_env_values = true)]
    password: String,
    /// What to ask for
    #[arg(long, value_enum, default_value = "point-select")]
    workload: Workload,
    /// Number of clients, each with a thread and a connection of its own
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Open loop: start this many steps per second, all clients together
    #[arg(long)]
    rate: Option<f64>,
    /// Rounds; the targets take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each target's first round, which is not counted
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Seconds of a round
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Steps of each client in a round, instead of seconds
    #[arg(long)]
    count: Option<u64>,
    /// Log in without CLIENT_DEPRECATE_EOF, as PyMySQL and mysql2 do
    #[arg(long)]
    legacy_eof: bool,
    /// Make the tables first, on the first target
    #[arg(long)]
    prepare: bool,
    /// Write the figures as JSON to this file, or `-` for standard output instead of the table
    #[arg(long)]
    json: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let targets = targets(arguments)?;
    if arguments.prepare
        && let Some(target) = targets.first()
    {
        let endpoint = Endpoint { database: String::new(), ..target.endpoint.clone() };
        workload::prepare(&mut Connection::open(&endpoint)?, true)?;
    }
    let length = match arguments.count {
        Some(count) => Length::Steps(count),
        None => Length::Time(Duration::from_secs_f64(arguments.seconds)),
    };
    let plan = Plan { rate: arguments.rate, length };
    let warm_up = Plan { length: Length::Time(Duration::from_secs_f64(arguments.warm_up)), ..plan };
    let summaries = interleave(&targets, arguments.workload, arguments.connections, warm_up, plan, arguments.rounds)?;
    match arguments.json.as_deref() {
        Some("-") => println!("{}", serde_json::to_string_pretty(&summaries)?),
        other => {
            print!("{}", table(&summaries));
            if let Some(path) = other {
                std::fs::write(path, serde_json::to_string_pretty(&summaries)?)
                    .with_context(|| format!("cannot write {path}"))?;
            }
        }
    }
    let failed = summaries.iter().any(|summary| summary.errors > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn targets(arguments: &Arguments) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for text in &arguments.targets {
        let (name, address) = text.split_once('=').unwrap_or((text, text));
        let endpoint = Endpoint {
            address: address.to_owned(),
            user: arguments.user.clone(),
            password: arguments.password.clone(),
            database: workload::SCHEMA.to_owned(),
            deprecate_eof: !arguments.legacy_eof,
        };
        targets.push(Target { name: name.to_owned(), endpoint, processes: Vec::new() });
    }
    for text in &arguments.processes {
        let (name, id) = text.split_once('=').with_context(|| format!("--pid {text}: NAME=PID is wanted"))?;
        let target = targets.iter_mut().find(|target| target.name == name);
        let target = target.with_context(|| format!("--pid {text}: there is no target {name}"))?;
        target.processes.push(Process(id.parse().with_context(|| format!("--pid {text}"))?));
    }
    Ok(targets)
}

fn table(summaries: &[Summary]) -> String {
    let mut table = Table::new(&[
        "target",
        "statements",
        "errors",
        "per second",
        "MB/s",
        "p50 us",
        "p95 us",
        "p99 us",
        "max us",
        "CPU us",
        "CPU s/GB",
    ]);
    for summary in summaries {
        let median = |figure: fn(&Figures) -> Option<f64>, digits: usize| {
            summary.spread(figure).map_or_else(|| "-".to_owned(), |spread| format!("{:.digits$}", spread.median))
        };
        for (class, latency) in [("", summary.reads), (" (writes)", summary.writes)] {
            let Some(latency) = latency else { continue };
            let us = |value: f64| format!("{value:.1}");
            let mut row =
                vec![format!("{}{class}", summary.target), latency.count.to_string(), summary.errors.to_string()];
            row.extend([median(|f| Some(f.rate), 0), median(|f| f.megabytes_per_second, 0)]);
            row.extend([us(latency.p50), us(latency.p95), us(latency.p99), us(latency.max)]);
            row.extend([median(|f| f.cpu_per_statement, 2), median(|f| f.cpu_per_gigabyte, 3)]);
            table.row(row);
        }
    }
    let mut text = table.plain();
    for summary in summaries {
        if let Some(error) = &summary.first_error {
            text.push_str(&format!("  {}: first error: {error}\n", summary.target));
        }
    }
    text
}
