//! Everything on one processor at real-time priority.
//!
//! Client, proxy and servers then take turns on one core, which nothing else may use meanwhile: a rate is one over the
//! CPU time of all of them together, and rounds agree to a few percent on a machine that is otherwise busy.

use std::process::{Command, Stdio};

use crate::process::Process;

/// Puts this process and `others`, with all their threads and those that they start from now on, on one processor at
/// real-time priority as far as that is allowed. Says in words what was done.
///
/// To be called once everything runs: a server that starts up waits for its own threads in busy loops, which with
/// real-time priority on one processor takes forever. Round robin instead of first in, first out for the same reason.
#[must_use]
pub fn pin(others: &[Process]) -> String {
    let last = std::thread::available_parallelism().map_or(0, |count| count.get() - 1).to_string();
    let processes: Vec<String> =
        others.iter().map(|process| process.0).chain([std::process::id()]).map(|id| id.to_string()).collect();
    let one_core = processes.iter().all(|id| run("taskset", &["-a", "-p", "-c", &last, id]));
    let real_time = one_core && processes.iter().all(|id| run("chrt", &["-a", "-r", "-p", "1", id]));
    match (one_core, real_time) {
        (true, true) => "client, proxy and servers on one core at real-time priority",
        (true, false) => "client, proxy and servers on one core",
        _ => "client, proxy and servers on all cores",
    }
    .to_owned()
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
