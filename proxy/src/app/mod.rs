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
mod secrets;

use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admin;
use crate::cli::Start;
use crate::config::Config;
use crate::config::reload::Reloader;
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::shared::{Phase, Shared};
use crate::topology::{Controls, TopologyThread};
use crate::worker::{self, WorkerHandle};

use acceptor::Acceptor;

/// Runs the proxy until SIGTERM or SIGINT has ended it.
///
/// # Errors
/// What kept it from starting, and what to do about it.
pub fn run(start: Start) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    runtime.block_on(async { App::start(start).await?.serve().await })
}

/// A running proxy.
#[derive(Debug)]
struct App {
    shared: Arc<Shared>,
    metrics: Metrics,
    phase: watch::Sender<Phase>,
    topology: TopologyThread,
    workers: Vec<WorkerHandle>,
    acceptors: Vec<Acceptor>,
    reloader: Reloader,
    configs: watch::Receiver<Arc<Config>>,
    logging: Logging,
}

impl App {
    /// Raises limits, binds listeners, starts threads.
    async fn start(Start { config, loader, logging }: Start) -> anyhow::Result<Self> {
        limits::raise_open_files(config.limits.max_sessions)?;
        secrets::keep_out_of_core_dumps();
        let acceptors = acceptor::bind(&config)?;
        let (phase, phases) = watch::channel(Phase::Running);
        let metrics = Metrics::new(config.workers.get() as usize);
        let (shared, topology) = compose::shared(&config, phases.clone())?;
        let (reloader, configs) = Reloader::new(loader, Arc::clone(&config));
        if let Some(address) = &config.admin {
            let state = admin::State {
                topology: shared.topology.clone(),
                sessions: Arc::clone(&shared.sessions),
                metrics: metrics.clone(),
                config: configs.clone(),
                phase: phases,
            };
            state.feed_metrics();
            let listener = admin::bind(address).await?;
            tracing::info!(%address, "admin endpoint listening");
            tokio::spawn(admin::serve(listener, state));
        }
        let workers = (0..config.workers.get() as usize)
            .map(|index| worker::spawn(index, Arc::clone(&shared), metrics.worker(index).unwrap_or_default()))
            .collect::<Result<Vec<_>, _>>()
            .context("starting worker threads")?;
        Ok(Self { shared, metrics, phase, topology, workers, acceptors, reloader, configs, logging })
    }

    /// Accepts clients until a signal says to stop, then drains: no new clients, statements under way end, sessions leave
    /// at their next safe point, and at the deadline, or at a second signal, whatever is left is cut off.
    async fn serve(self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        for acceptor in &self.acceptors {
            tracing::info!(address = %acceptor.address, mode = acceptor.mode_name(), "listening");
        }
        let process = Arc::clone(&self.metrics.process);
        let reloads = self.reloader.run(|outcome| process.reloaded(outcome.label()));
        let follow = follow(self.configs.clone(), &self.shared, &self.topology, &self.acceptors, &self.logging);
        tokio::select! {
            () = acceptor::accept_all(&self.acceptors, &self.workers, &self.shared, &self.metrics.process) => {}
            never = reloads => { never.context("SIGHUP")?; }
            () = follow => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let deadline = self.configs.borrow().shutdown.deadline;
        // Before it is said, so that whoever reads the line finds the door closed.
        drop(self.acceptors);
        tracing::info!(
            sessions = self.shared.sessions.count(),
            ?deadline,
            "draining: no new clients, open statements end"
        );
        let _ = self.phase.send(Phase::Draining);
        let workers = self.workers;
        let mut ended = tokio::task::spawn_blocking(move || workers.into_iter().for_each(WorkerHandle::join));
        let drained = tokio::select! {
            ended = &mut ended => Some(ended),
            () = tokio::time::sleep(deadline) => None,
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
        };
        let ended = match drained {
            Some(ended) => ended,
            None => {
                tracing::warn!(
                    sessions = self.shared.sessions.count(),
                    "ending now: the deadline is over, or a second signal came"
                );
                let _ = self.phase.send(Phase::Ending);
                ended.await
            }
        };
        ended.context("waiting for workers")?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Applies each configuration that the reloader publishes; never ends by itself.
async fn follow(
    mut configs: watch::Receiver<Arc<Config>>,
    shared: &Shared,
    topology: &TopologyThread,
    acceptors: &[Acceptor],
    logging: &Logging,
) {
    let mut listeners = configs.borrow().listeners.clone();
    while configs.changed().await.is_ok() {
        let config = Arc::clone(&configs.borrow_and_update());
        shared.accounts.configure(compose::known_users(&config));
        shared.settings.store(Arc::new(compose::settings(&config)));
        shared.admission.set_limits(compose::limits(&config));
        topology.reconfigure(Controls::new(&config, shared.connector.clone()));
        // A listener without a file keeps the certificate that was made at start.
        if config.listeners != listeners {
            for (acceptor, listener) in acceptors.iter().zip(&config.listeners) {
                if listener.tls.identity.is_some()
                    && let Err(error) = acceptor.renew(listener)
                {
                    tracing::error!(address = %acceptor.address, error = format!("{error:#}"), "the old certificate stays");
                }
            }
            listeners.clone_from(&config.listeners);
        }
        if let Err(error) = logging.set_level(&config.log.level) {
            tracing::warn!(%error, "the log level stays as it was");
        }
    }
    std::future::pending().await
}
