//! `rolecall-bench train`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;

use crate::client::Endpoint;
use crate::cluster::Folder;
use crate::compare::{BenchSet, proxy};
use crate::load::{Length, Live, Load, Plan};
use crate::workload::Workload;

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The instrumented program
    #[arg(long, value_name = "PATH")]
    proxy: PathBuf,
    /// Seconds of each workload with each number of clients
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
}

const CLIENTS: [usize; 2] = [1, 8];

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = Folder::new("train")?;
    let set = BenchSet::start(&proxy::program(Some(&arguments.proxy))?, 300, &folder)?;
    let target = set.rolecall();
    let plan = Plan { rate: None, length: Length::Time(Duration::from_secs_f64(arguments.seconds)) };
    for workload in Workload::ALL {
        for clients in CLIENTS {
            // PyMySQL and mysql2 are among those without it: what they take must not look like dead code.
            for deprecate_eof in [true, false] {
                let eof = if deprecate_eof { "" } else { ", without DEPRECATE_EOF" };
                eprintln!("· {}, {clients} clients{eof}", workload.name());
                let endpoint = Endpoint { deprecate_eof, ..target.endpoint.clone() };
                let round = Load::open(&endpoint, workload, clients)?.round(plan, &Live::default());
                ensure!(round.errors == 0, "{}: {} statements failed", workload.name(), round.errors);
            }
        }
    }
    set.stop()?;
    Ok(ExitCode::SUCCESS)
}
