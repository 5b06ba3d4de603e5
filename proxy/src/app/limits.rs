//! RLIMIT_NOFILE: raised at start, since each session may take three descriptors and more.

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything but sessions: listeners, probes, files, event queues.
const RESERVED: u64 = 256;
/// A session's client and its connections to a primary and a replica.
const PER_SESSION: u64 = 3;
/// Below this nothing works.
const MINIMUM: u64 = 128;

/// Raises the soft limit to the hard one.
///
/// # Errors
/// When even the hard limit is too low to work at all; the text names it.
pub(super) fn raise_open_files(max_sessions: u32) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::from(max_sessions) * PER_SESSION + RESERVED;
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    let raised = limit.current.unwrap_or(u64::MAX).max(wanted.min(maximum));
    setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum })
        .with_context(|| format!("raising RLIMIT_NOFILE (ulimit -n) to {raised}"))?;
    ensure!(
        raised >= MINIMUM,
        "RLIMIT_NOFILE (ulimit -n) allows {raised} open files; Rolecall needs {MINIMUM} at least: raise the hard limit"
    );
    if raised < wanted {
        tracing::warn!(
            "RLIMIT_NOFILE (ulimit -n) allows {raised} open files; limits.max_sessions={max_sessions} may need {wanted}: \
             raise the hard limit, or lower max_sessions"
        );
    }
    Ok(())
}
