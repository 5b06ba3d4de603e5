//! Where the figures come from.

use serde::{Deserialize, Serialize};

/// What a reader must know of the machine and the programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model name.
    pub processor: String,
    /// Number of processors.
    pub processors: usize,
    /// The kernel's version, without what its builder added.
    pub kernel: String,
    /// The server's version.
    pub server: String,
    /// The proxy's version.
    pub proxy: String,
    /// How processes were placed.
    pub placement: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn here(server: String, proxy: String, placement: String) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            processors: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: release.trim().split(['-', '+']).next().unwrap_or_default().to_owned(),
            server,
            proxy,
            placement,
        }
    }
}
