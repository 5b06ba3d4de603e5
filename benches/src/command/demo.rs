//! `rolecall-bench demo`, which `./demo` runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::cluster::Flavour;
use crate::demo::{self, Options};
use crate::interrupt;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after the load; exit status 0 only if all went well
    #[arg(long)]
    once: bool,
    /// Take roles from pod labels in a Kubernetes API server, and move them
    #[arg(long)]
    kubernetes: bool,
    /// Which server
    #[arg(long, value_enum, default_value = "mysql")]
    flavour: Flavour,
    /// Seconds that the load runs
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Where the proxy listens; another port where this one is taken
    #[arg(long, default_value_t = 13306)]
    port: u16,
    /// The proxy's program (default: `rolecall` beside this one)
    #[arg(long, value_name = "PATH")]
    proxy: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = Options {
        proxy: arguments.proxy.clone(),
        flavour: arguments.flavour,
        kubernetes: arguments.kubernetes,
        once: arguments.once,
        time: Duration::from_secs_f64(arguments.seconds),
        clients: arguments.clients,
        port: arguments.port,
    };
    match demo::run(&options) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        // As a shell reports a program that SIGINT has ended.
        Err(_) if interrupt::requested() => {
            println!("\n  interrupted: all that was started here is gone");
            Ok(ExitCode::from(130))
        }
        Err(error) => Err(error),
    }
}
