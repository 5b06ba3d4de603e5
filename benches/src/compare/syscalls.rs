//! System calls per statement, by strace on all threads of the running proxy.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::Target;
use crate::cluster::Folder;
use crate::load::{Length, Live, Load, Plan};
use crate::workload::Workload;

/// What one target's process asked of the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemCalls {
    /// The target's name.
    pub target: String,
    /// What was asked for.
    pub workload: Workload,
    /// Statements meanwhile.
    pub statements: u64,
    /// Calls by name, the most frequent first.
    pub calls: Vec<(String, u64)>,
}

impl SystemCalls {
    /// All calls over all statements.
    #[must_use]
    pub fn per_statement(&self) -> f64 {
        self.calls.iter().map(|(_, count)| count).sum::<u64>() as f64 / self.statements as f64
    }

    /// The calls that come with every tenth statement or more often, in words.
    #[must_use]
    pub fn details(&self) -> String {
        let each = self.calls.iter().map(|(name, count)| (name, *count as f64 / self.statements as f64));
        each.filter(|(_, count)| *count >= 0.1)
            .map(|(name, count)| format!("{name} {count:.2}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Runs `statements` statements of one client, and counts the system calls of the target's first process.
///
/// # Errors
/// strace is missing or may not trace; a statement fails.
pub fn system_calls(
    target: &Target,
    workload: Workload,
    statements: u64,
    folder: &Folder,
) -> anyhow::Result<SystemCalls> {
    let process = target.processes.first().with_context(|| format!("{} has no process", target.name))?;
    let mut load = Load::open(&target.endpoint, workload, 1)?;
    let live = Live::default();
    let plan = |steps| Plan { rate: None, length: Length::Steps(steps) };
    load.round(plan(100), &live);
    let output = folder.join("strace");
    let mut strace = Command::new("strace")
        .args(["-f", "-c", "-o"])
        .arg(&output)
        .args(["-p", &process.0.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run strace (Debian package strace)")?;
    wait_until_traced(process.0)?;
    let round = load.round(plan(statements), &live);
    // SIGINT makes it let go of the process and write its table.
    if let Some(id) = i32::try_from(strace.id()).ok().and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process(id, rustix::process::Signal::INT)?;
    }
    strace.wait()?;
    if let Some(error) = round.first_error {
        bail!("{} statements failed: {error}", round.errors);
    }
    let text = std::fs::read_to_string(&output).context("strace wrote nothing")?;
    Ok(SystemCalls { target: target.name.clone(), workload, statements: round.statements, calls: counts(&text) })
}

fn wait_until_traced(process: u32) -> anyhow::Result<()> {
    let traced = |status: &str| status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"));
    for _ in 0..500 {
        let tasks: Vec<_> = std::fs::read_dir(format!("/proc/{process}/task"))?.flatten().collect();
        if tasks.iter().all(|task| std::fs::read_to_string(task.path().join("status")).is_ok_and(|text| traced(&text)))
        {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("strace cannot trace process {process}")
}

/// Reads strace's table: % time, seconds, usecs/call, calls, [errors,] syscall.
fn counts(table: &str) -> Vec<(String, u64)> {
    let mut calls: Vec<(String, u64)> = table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (name, count) = (*fields.last()?, fields.get(3)?.parse().ok()?);
            (name != "total" && fields.len() >= 5).then(|| (name.to_owned(), count))
        })
        .collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strace_table_with_and_without_errors() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                     ------ ----------- ----------- --------- --------- ----------------\n \
                     45.35    0.051208           8      5999         9 recvfrom\n \
                     26.60    0.030036           7      4001           sendto\n\
                     ------ ----------- ----------- --------- --------- ----------------\n\
                     100.00    0.112919           7     10000         9 total\n";
        assert_eq!(counts(table), [("recvfrom".to_owned(), 5999), ("sendto".to_owned(), 4001)]);
    }
}
