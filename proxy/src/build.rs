//! What was built.

/// The version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, or `unknown` where git was not there to say it.
pub const COMMIT: &str = match option_env!("ROLECALL_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
