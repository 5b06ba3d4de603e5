//! `rolecall-bench syscalls`, `rolecall-bench instructions` and `rolecall-bench idle`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cluster::Folder;
use crate::compare::{BenchSet, Script, idle, instructions, proxy, raise_file_limit, system_calls};
use crate::workload::Workload;

/// Arguments of `syscalls`.
#[derive(Debug, clap::Args)]
pub(super) struct SyscallArguments {
    /// The proxy's program (default: `rolecall` beside this one)
    #[arg(long, value_name = "PATH")]
    proxy: Option<PathBuf>,
    /// What to ask for
    #[arg(long, value_enum, default_value = "point-select")]
    workload: Vec<Workload>,
    /// Statements
    #[arg(long, default_value_t = 5000)]
    count: u64,
}

pub(super) fn syscalls(arguments: &SyscallArguments) -> anyhow::Result<ExitCode> {
    let folder = Folder::new("syscalls")?;
    let set = BenchSet::start(&proxy::program(arguments.proxy.as_deref())?, 300, &folder)?;
    for workload in &arguments.workload {
        for target in [set.relay(), set.rolecall()] {
            let calls = system_calls(&target, *workload, arguments.count, &folder)?;
            println!(
                "{:<10} {}: {:.2} system calls per statement over {} statements",
                target.name,
                workload.name(),
                calls.per_statement(),
                calls.statements
            );
            for (name, count) in &calls.calls {
                println!("           {count:>9}  {name}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `instructions`.
#[derive(Debug, clap::Args)]
pub(super) struct InstructionArguments {
    /// A proxy's program; others are compared with the first one (default: `rolecall` beside this one)
    #[arg(long, value_name = "PATH")]
    proxy: Vec<PathBuf>,
    /// What to ask for
    #[arg(long, value_enum, default_values = ["point-select", "point-select-prepared", "read-write", "read-only-transaction"])]
    workload: Vec<Workload>,
    /// Keep callgrind's files in this folder, for callgrind_annotate
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Steps of the workload: statements, or transactions
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// Log in without CLIENT_DEPRECATE_EOF, as PyMySQL and mysql2 do
    #[arg(long)]
    legacy_eof: bool,
}

pub(super) fn count_instructions(arguments: &InstructionArguments) -> anyhow::Result<ExitCode> {
    let programs = match arguments.proxy.is_empty() {
        true => vec![proxy::program(None)?],
        false => arguments.proxy.clone(),
    };
    if let Some(keep) = &arguments.keep {
        std::fs::create_dir_all(keep)?;
    }
    let script =
        Script { workloads: arguments.workload.clone(), steps: arguments.count, deprecate_eof: !arguments.legacy_eof };
    let counts = instructions(&programs, &script, arguments.keep.as_deref(), |text| eprintln!("· {text}"))?;
    for workload in &arguments.workload {
        println!("{}: instructions per statement", workload.name());
        let counts: Vec<_> = counts.iter().filter(|count| count.workload == *workload).collect();
        for count in &counts {
            let ratio = count.per_statement() / counts[0].per_statement();
            println!("  {:>9.0}  {ratio:.3}  {}", count.per_statement(), count.program.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `idle`.
#[derive(Debug, clap::Args)]
pub(super) struct IdleArguments {
    /// The proxy's program (default: `rolecall` beside this one)
    #[arg(long, value_name = "PATH")]
    proxy: Option<PathBuf>,
    /// Sessions
    #[arg(long, default_value_t = 10_000)]
    sessions: u64,
    /// Let each run one statement first
    #[arg(long)]
    used: bool,
}

pub(super) fn idle_sessions(arguments: &IdleArguments) -> anyhow::Result<ExitCode> {
    raise_file_limit();
    let folder = Folder::new("idle")?;
    let program = proxy::program(arguments.proxy.as_deref())?;
    let set = BenchSet::start(&program, 300 + usize::try_from(arguments.sessions)?, &folder)?;
    let found = idle(&set.rolecall(), arguments.sessions, arguments.used)?;
    println!(
        "{} sessions: {} KiB before, {} KiB with them: {:.2} KiB a session",
        found.sessions,
        found.before >> 10,
        found.after >> 10,
        found.per_session() / 1024.0
    );
    Ok(ExitCode::SUCCESS)
}
