//! `cargo bench`: the short form of the comparison run, direct against a relay against the proxy.
//!
//! It builds the proxy first, in the same profile; `rolecall-bench compare` has the long form and more options.

use std::path::Path;
use std::process::{Command, ExitCode};

use rolecall_bench::compare::{self, Options};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    // `cargo test --benches` runs this too, with --test: there is nothing to test.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let build = ["build", "--release", "-p", "rolecall", "-p", "rolecall-bench"];
    let built = Command::new(cargo).current_dir(root).args(build).status()?;
    anyhow::ensure!(built.success(), "the proxy cannot be built");
    let options = Options {
        proxy: None,
        rounds: 5,
        seconds: 0.2,
        workloads: Vec::new(),
        traced_statements: 2000,
        idle_sessions: 0,
        pinned: true,
    };
    let report = compare::run(&options, |text| eprintln!("· {text}"))?;
    println!("\n{}", report.plain());
    Ok(())
}
