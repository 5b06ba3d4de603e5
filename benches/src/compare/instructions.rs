//! Instructions per statement, by callgrind: figures that do not depend on what the machine does beside, and tell two builds
//! apart that differ by a hundredth.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{primary_and_replica, proxy};
use crate::client::Endpoint;
use crate::cluster::{Child, Cluster, Folder};
use crate::load::{Length, Live, Load, Plan};
use crate::workload::Workload;

/// What one build takes for a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    /// The program.
    pub program: PathBuf,
    /// What was asked for.
    pub workload: Workload,
    /// Statements that were counted.
    pub statements: u64,
    /// Instructions of the whole process meanwhile.
    pub instructions: u64,
}

impl Instructions {
    /// Instructions of a statement.
    #[must_use]
    pub fn per_statement(&self) -> f64 {
        self.instructions as f64 / self.statements as f64
    }
}

/// What is asked of each build.
#[derive(Debug, Clone)]
pub struct Script {
    /// One after the other, each by a client of its own.
    pub workloads: Vec<Workload>,
    /// Of each.
    pub steps: u64,
    /// Whether the clients read OK packets in EOF packets' places.
    pub deprecate_eof: bool,
}

/// Steps before the count, in which the proxy and the session become warm.
const WARM_UP: u64 = 1_000;

/// Runs a script by one client, in front of the same servers, through each program in turn; `keep`: the
/// folder for callgrind's own files, `callgrind.PROGRAM.WORKLOAD`, both counted (from 0, from 1).
///
/// # Errors
/// valgrind is missing, something does not start, or a statement fails.
pub fn instructions(
    programs: &[PathBuf],
    script: &Script,
    keep: Option<&Path>,
    mut progress: impl FnMut(&str),
) -> anyhow::Result<Vec<Instructions>> {
    progress("starting a primary and a replica");
    let folder = Folder::new("instructions")?;
    let (cluster, login) = primary_and_replica(300, &folder)?;
    let mut counts = Vec::new();
    for (number, program) in programs.iter().enumerate() {
        progress(&format!("{} under callgrind", program.display()));
        let name = format!("callgrind.{number}");
        let output = keep.map_or_else(|| folder.join(&name), |keep| keep.join(&name));
        counts.extend(count(program, script, &cluster, &login, &folder, &output)?);
    }
    Ok(counts)
}

fn count(
    program: &Path,
    script: &Script,
    cluster: &Cluster,
    login: &Endpoint,
    folder: &Folder,
    output: &Path,
) -> anyhow::Result<Vec<Instructions>> {
    let counted = proxy::start_counted(program, cluster, login, folder, output)?;
    let endpoint =
        Endpoint { address: counted.address.to_string(), deprecate_eof: script.deprecate_eof, ..login.clone() };
    let live = Live::default();
    let plan = |steps| Plan { rate: None, length: Length::Steps(steps) };
    let mut counts = Vec::new();
    for (number, &workload) in script.workloads.iter().enumerate() {
        let mut load = Load::open(&endpoint, workload, 1)?;
        load.round(plan(WARM_UP), &live);
        control("--zero", &counted.child)?;
        let round = load.round(plan(script.steps), &live);
        control("--dump", &counted.child)?;
        if let Some(error) = round.first_error {
            bail!("{} statements failed: {error}", round.errors);
        }
        let mut dump = output.as_os_str().to_owned();
        dump.push(format!(".{}", number + 1));
        let text = std::fs::read_to_string(&dump).context("callgrind wrote nothing")?;
        let instructions = total(&text).context("callgrind's file has no total")?;
        counts.push(Instructions { program: program.to_owned(), workload, statements: round.statements, instructions });
    }
    Ok(counts)
}

fn control(what: &str, child: &Child) -> anyhow::Result<()> {
    let output = Command::new("callgrind_control").args([what, &child.process().0.to_string()]).output();
    let output = output.context("cannot run callgrind_control (Debian package valgrind)")?;
    ensure!(output.status.success(), "callgrind_control {what}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// The only event's sum: `totals: N`.
fn total(dump: &str) -> Option<u64> {
    let of =
        |name: &str| dump.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    of("totals:").or_else(|| of("summary:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_dump() {
        assert_eq!(total("events: Ir\nsummary: 7\nfn=(1)\n1 5\ntotals: 123\n"), Some(123));
        assert_eq!(total("events: Ir\nsummary: 7\n"), Some(7));
        assert_eq!(total("events: Ir\n"), None);
    }
}
