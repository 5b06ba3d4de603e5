//! `rolecall-bench`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall_bench::command::main()
}
