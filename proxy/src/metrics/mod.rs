//! Metrics: plain counters for each worker, added up at the scrape.
//!
//! The path of a statement touches memory of its own worker alone, without locked instructions and without looking
//! anything up; labels are array indices until somebody scrapes.

mod cell;
mod collect;
mod label;
mod process;
mod reference;
mod worker;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::registry::Registry;

pub use cell::{Counter, Counters, Gauge, Histogram};
pub use label::{
    CatchUp, ConnectOutcome, Destroyed, ErrorKind, Label, LoginOutcome, RefusedBy, ReloadOutcome, ServerRole, Target,
};
pub use process::{ProcessMetrics, TopologyFigures};
pub use reference::reference;
pub use worker::{Held, WorkerMetrics};

/// The media type of [`Metrics::encode`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process; clones share them.
#[derive(Clone)]
pub struct Metrics {
    workers: Arc<[Arc<WorkerMetrics>]>,
    /// What is counted outside of workers.
    pub process: Arc<ProcessMetrics>,
    topology: Arc<OnceLock<TopologySource>>,
}

type TopologySource = Box<dyn Fn() -> TopologyFigures + Send + Sync>;

// === impl Metrics ===

impl Metrics {
    /// For this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let workers = (0..workers).map(|_| Arc::default()).collect();
        Self { workers, process: Arc::default(), topology: Arc::default() }
    }

    /// The counters of worker `index`, for that worker's thread; None beyond the number of workers.
    #[must_use]
    pub fn worker(&self, index: usize) -> Option<Arc<WorkerMetrics>> {
        self.workers.get(index).cloned()
    }

    /// Where the scrape asks for the topology; a second source is ignored.
    pub fn set_topology(&self, source: impl Fn() -> TopologyFigures + Send + Sync + 'static) {
        let _ = self.topology.set(Box::new(source));
    }

    /// All metrics in OpenMetrics' text format.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(collect::Scrape { metrics: self.clone() }));
        let mut text = String::with_capacity(32 << 10);
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }

    fn workers(&self) -> &[Arc<WorkerMetrics>] {
        &self.workers
    }

    fn topology(&self) -> TopologyFigures {
        self.topology.get().map_or_else(TopologyFigures::default, |source| source())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metrics({} workers)", self.workers.len())
    }
}
