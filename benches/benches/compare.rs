//! `cargo bench`: the short form of the comparison run.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall_bench::command::main()
}
