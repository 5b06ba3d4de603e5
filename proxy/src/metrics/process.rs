//! What the process counts outside of its workers, and what it is asked at the scrape.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use super::label::{Label, RefusedBy, ReloadOutcome};

/// Counters that several threads write, off the path of statements.
#[derive(Debug)]
pub struct ProcessMetrics {
    refused: [AtomicU64; 3],
    reloads: [AtomicU64; 4],
    last_reload_failed: AtomicU64,
    start: SystemTime,
}

/// The topology in figures, asked for at each scrape.
#[derive(Debug, Clone, Copy, Default)]
pub struct TopologyFigures {
    /// Servers by role: primary, replica, unroutable.
    pub servers: [u64; 3],
    /// The snapshot's generation.
    pub generation: u64,
    /// Servers whose label and own word disagree.
    pub conflicts: u64,
    /// Seconds since the list of servers was last confirmed (the last event or renewal of the watch); None for a static
    /// list.
    pub view_age: Option<f64>,
}

// === impl ProcessMetrics ===

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self {
            refused: Default::default(),
            reloads: Default::default(),
            last_reload_failed: AtomicU64::new(0),
            start: SystemTime::now(),
        }
    }
}

impl ProcessMetrics {
    /// A client was turned away before its login.
    pub fn refused(&self, by: RefusedBy) {
        self.refused[by.index()].fetch_add(1, Relaxed);
    }

    /// The configuration was read again.
    pub fn reloaded(&self, outcome: ReloadOutcome) {
        self.reloads[outcome.index()].fetch_add(1, Relaxed);
        let failed = matches!(outcome, ReloadOutcome::Invalid | ReloadOutcome::NeedsRestart);
        self.last_reload_failed.store(u64::from(failed), Relaxed);
    }

    pub(super) fn refused_count(&self, by: RefusedBy) -> u64 {
        self.refused[by.index()].load(Relaxed)
    }

    pub(super) fn reload_count(&self, outcome: ReloadOutcome) -> u64 {
        self.reloads[outcome.index()].load(Relaxed)
    }

    pub(super) fn last_reload_succeeded(&self) -> u64 {
        1 - self.last_reload_failed.load(Relaxed).min(1)
    }

    pub(super) fn start_seconds(&self) -> f64 {
        self.start.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}

/// What the kernel says of this process; None where there is no such /proc.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    pub open_files: u64,
    pub max_files: u64,
    pub threads: u64,
}

impl Usage {
    /// From /proc/self (proc(5)).
    pub fn now() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Self::parse(&stat, open_files, limit.current.unwrap_or(u64::MAX))
    }

    fn parse(stat: &str, open_files: u64, max_files: u64) -> Option<Self> {
        // The command's name, in parentheses, may hold spaces and parentheses.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1, and `rest` begins with field 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = field(14)? + field(15)?;
        let page = rustix::param::page_size() as u64;
        Some(Self {
            cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            resident_bytes: field(24)? * page,
            open_files,
            max_files,
            threads: field(20)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 7 18 19 20 3 22 23";
        let usage = Usage::parse(stat, 9, 100).unwrap();
        assert_eq!(usage.threads, 7);
        assert_eq!(usage.resident_bytes, 3 * rustix::param::page_size() as u64);
        assert!(usage.cpu_seconds > 0.0);
    }
}
