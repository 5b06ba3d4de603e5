//! Memory of idle sessions.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::client::{Connection, Endpoint};
use crate::workload::Workload;

/// Memory of a process with many idle sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// Sessions that were logged in and idle.
    pub sessions: u64,
    /// Resident memory after the warm-up, in bytes.
    pub before: u64,
    /// Resident memory with all sessions, in bytes.
    pub after: u64,
}

/// Sessions that are opened, used and closed before the first measurement.
const WARM_UP: u64 = 64;

impl Idle {
    /// Bytes per session.
    #[must_use]
    pub fn per_session(&self) -> f64 {
        self.after.saturating_sub(self.before) as f64 / self.sessions as f64
    }
}

/// Opens `sessions` sessions that do nothing (or, with `used`, that have run one statement), and compares memory.
///
/// # Errors
/// A login or a statement fails; the process is gone.
pub fn idle(target: &Target, sessions: u64, used: bool) -> anyhow::Result<Idle> {
    let process = target.processes.first().with_context(|| format!("{} has no process", target.name))?;
    let warm: Vec<Connection> = (0..WARM_UP).map(|_| open(&target.endpoint, true)).collect::<Result<_, _>>()?;
    for connection in warm {
        connection.quit()?;
    }
    crate::load::Load::open(&target.endpoint, Workload::PointSelect, 1)?;
    let before = process.resident().context("the process is gone")?;
    let mut open_sessions = Vec::new();
    for number in 0..sessions {
        let opened = open(&target.endpoint, used).with_context(|| format!("session {number}"))?;
        open_sessions.push(opened);
    }
    let after = process.resident().context("the process is gone")?;
    // They are all alive: the first and the last still answer.
    for connection in open_sessions.iter_mut().take(1) {
        connection.query("SELECT c FROM point WHERE id = 1")?;
    }
    if let Some(connection) = open_sessions.last_mut() {
        connection.query("SELECT c FROM point WHERE id = 1")?;
    }
    Ok(Idle { sessions, before, after })
}

fn open(endpoint: &Endpoint, used: bool) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(endpoint)?;
    if used {
        connection.query("SELECT c FROM point WHERE id = 1")?;
    }
    Ok(connection)
}
