//! What was built.

/// The version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, or `unknown` where git was not there to say it.
pub const COMMIT: &str = env!("ROLECALL_COMMIT");

/// Version and commit, for `--version`.
pub const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("ROLECALL_COMMIT"), ")");
