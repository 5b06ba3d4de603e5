//! `rolecall-bench syscalls` and `rolecall-bench idle`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cluster::Folder;
use crate::compare::{BenchSet, idle, proxy, raise_file_limit, system_calls};
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
