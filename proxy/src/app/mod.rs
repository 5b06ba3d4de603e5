//! The composition root: from a configuration to running threads, and back to nothing.
//!
//! ```text
//!   main thread: signals, configuration, admin endpoint, acceptors
//!   topology thread: source, probes, catalogue        (publishes snapshots)
//!   worker threads: sessions                           (read snapshots)
//! ```

mod acceptor;
mod compose;
mod limits;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::Config;
use crate::shared::{Phase, Shared};
use crate::topology::{Controls, TopologyThread};
use crate::worker::{self, WorkerHandle};

use acceptor::Acceptor;

/// A running proxy.
#[derive(Debug)]
pub struct App {
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    topology: TopologyThread,
    workers: Vec<WorkerHandle>,
    acceptors: Vec<Acceptor>,
    config: Config,
}

impl App {
    /// Raises limits, binds listeners, starts threads. Call inside a runtime.
    ///
    /// # Errors
    /// What is wrong and what to do about it.
    pub fn start(config: Config) -> anyhow::Result<Self> {
        limits::raise_open_files(config.limits.max_sessions)?;
        let acceptors = acceptor::bind(&config)?;
        let (phase, phases) = watch::channel(Phase::Running);
        let (shared, topology) = compose::shared(&config, phases)?;
        let workers = (0..config.workers.get() as usize)
            .map(|index| worker::spawn(index, Arc::clone(&shared)))
            .collect::<Result<Vec<_>, _>>()
            .context("starting worker threads")?;
        Ok(Self { shared, phase, topology, workers, acceptors, config })
    }

    /// What all workers share.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Applies another configuration as far as that is possible while running; the caller has said what is not.
    ///
    /// # Errors
    /// What cannot be applied; nothing has been then.
    pub fn reconfigure(&mut self, config: Config) -> anyhow::Result<()> {
        let controls = Controls::new(&config, self.shared.connector.clone());
        self.shared.accounts.configure(compose::known_users(&config));
        self.shared.settings.store(Arc::new(compose::settings(&config)));
        self.topology.reconfigure(controls);
        self.config = config;
        Ok(())
    }

    /// Accepts clients until SIGTERM or SIGINT, then drains: no new clients, statements under way end, sessions leave at
    /// their next safe point, and at the deadline whatever is left is cut off.
    ///
    /// # Errors
    /// Where signals cannot be received.
    pub async fn serve(self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        for acceptor in &self.acceptors {
            tracing::info!(address = %acceptor.address, mode = acceptor.mode_name(), "listening");
        }
        tokio::select! {
            never = acceptor::accept_all(&self.acceptors, &self.workers, &self.shared) => never,
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let deadline = self.config.shutdown.deadline;
        tracing::info!(sessions = self.shared.sessions.count(), ?deadline, "draining: no new clients, open statements end");
        drop(self.acceptors);
        let _ = self.phase.send(Phase::Draining(Instant::now() + deadline));
        let workers = self.workers;
        tokio::task::spawn_blocking(move || workers.into_iter().for_each(WorkerHandle::join))
            .await
            .context("waiting for workers")?;
        tracing::info!("stopped");
        Ok(())
    }
}
