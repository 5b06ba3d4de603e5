//! What a comparison run found, as data.

use serde::{Deserialize, Serialize};

use super::{Idle, Machine, SystemCalls};
use crate::load::{Figures, Spread, Summary};
use crate::workload::Workload;

/// One workload, run against all targets in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What was asked for.
    pub workload: Workload,
    /// Clients at once.
    pub connections: usize,
    /// Whether clients asked for CLIENT_DEPRECATE_EOF.
    pub deprecate_eof: bool,
    /// Direct, relay, proxy.
    pub targets: Vec<Summary>,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// Rounds of each target in each case.
    pub rounds: usize,
    /// Seconds of a round.
    pub seconds: f64,
    /// The cases.
    pub cases: Vec<Case>,
    /// System calls, if they were counted.
    pub calls: Vec<SystemCalls>,
    /// Memory of idle sessions, if it was measured.
    pub idle: Option<Idle>,
}

/// Names of the targets.
pub const DIRECT: &str = "direct";
/// Names of the targets.
pub const RELAY: &str = "relay";
/// Names of the targets.
pub const PROXY: &str = "rolecall";

impl Case {
    /// In words.
    #[must_use]
    pub fn title(&self) -> String {
        let workload = match self.workload {
            Workload::PointSelect => "point SELECT, text",
            Workload::PointSelectPrepared => "point SELECT, prepared",
            Workload::ReadWrite => "3 reads : 1 write",
            Workload::ReadOnlyTransaction => "READ ONLY transactions",
            Workload::Rows100k => "100,000 rows of 200 bytes",
            Workload::Connect => "connect, query, close",
        };
        let clients = if self.connections == 1 { "1 client" } else { &format!("{} clients", self.connections) };
        let eof = if self.deprecate_eof { "" } else { ", without DEPRECATE_EOF" };
        format!("{workload}, {clients}{eof}")
    }

    /// A target's summary.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Summary> {
        self.targets.iter().find(|summary| summary.target == name)
    }

    /// The figure that CPU time is compared by: per gigabyte for large results, else per statement.
    #[must_use]
    pub fn cpu(&self) -> fn(&Figures) -> Option<f64> {
        if self.workload == Workload::Rows100k {
            |round| round.cpu_per_gigabyte
        } else {
            |round| round.cpu_per_statement
        }
    }

    /// The proxy's CPU time over the relay's, round by round.
    #[must_use]
    pub fn cpu_ratio(&self) -> Option<Spread> {
        self.target(PROXY)?.against(self.target(RELAY)?, self.cpu(), |proxy, relay| proxy / relay)
    }

    /// What a target's median latency is above direct's, in microseconds, round by round.
    #[must_use]
    pub fn added_latency(&self, target: &str) -> Option<Spread> {
        self.target(target)?.against(self.target(DIRECT)?, |round| round.p50, |target, direct| target - direct)
    }
}
