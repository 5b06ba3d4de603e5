//! Rolecall: one MySQL endpoint in front of a set of MySQL pods.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall::cli::main(rolecall::app::run)
}
