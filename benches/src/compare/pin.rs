//! Everything on one processor at real-time priority.
//!
//! Client, proxy and servers then take turns on one core, which nothing else may use meanwhile: a rate is one over the
//! CPU time of all of them together, and rounds agree to a few percent on a machine that is otherwise busy.

use std::process::{Command, Stdio};

/// Puts this process, and with it all that it starts from now on, on one processor at real-time priority as far as
/// it is allowed to. Says in words what was done.
#[must_use]
pub fn pin() -> String {
    let last = std::thread::available_parallelism().map_or(0, |count| count.get() - 1).to_string();
    let this = std::process::id().to_string();
    let one_core = run("taskset", &["-a", "-p", "-c", &last, &this]);
    let real_time = one_core && run("chrt", &["-a", "-f", "-p", "1", &this]);
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
