//! Rolecall: one MySQL endpoint in front of a set of MySQL pods.

use std::process::ExitCode;

fn main() -> ExitCode {
    // For tests that want to see a loss found out.
    #[cfg(debug_assertions)]
    if let Ok(items) = std::env::var("ROLECALL_LEAVE_OUT") {
        rolecall_router::session::leave_out(&items);
    }
    rolecall::cli::main(rolecall::app::run)
}
