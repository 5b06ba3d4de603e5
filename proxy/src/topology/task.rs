//! The topology's own thread: sources, probes and reports meet in one `Fusion`. Workers only ever see its snapshots.

use std::time::Duration;

use rolecall_router::topology::{Change, Fusion, Primary, Report, ServerId, Settings, Step};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::handle::{Observed, ServerError, TopologyPublisher};
use super::probe::ProbeClient;
use super::prober::{Pace, Probed, Prober};
use super::source::{Source, SourceReceiver};

/// How the topology is kept.
#[derive(Debug, Clone)]
pub struct TopologyOptions {
    /// Where servers come from.
    pub source: Source,
    /// How roles are judged.
    pub settings: Settings,
    /// How often servers are asked.
    pub pace: Pace,
}

/// What the task does besides fusing; nothing of it waits.
pub(super) struct Task<C: ProbeClient> {
    fusion: Fusion,
    publisher: TopologyPublisher,
    source: SourceReceiver,
    prober: Prober<C>,
    probed: mpsc::UnboundedReceiver<Probed>,
    options: TopologyOptions,
    origin: Instant,
    has_monitor: bool,
}

impl<C: ProbeClient> Task<C> {
    /// Starts the source; servers are asked with `client`.
    pub fn new(options: TopologyOptions, client: C, has_monitor: bool, publisher: TopologyPublisher) -> Self {
        let (sender, probed) = mpsc::unbounded_channel();
        Self {
            fusion: Fusion::new(options.settings.clone()),
            publisher,
            source: options.source.start(),
            prober: Prober::new(client, options.pace, sender),
            probed,
            options,
            origin: Instant::now(),
            has_monitor,
        }
    }

    /// Another set of options and another client; what is known of servers that stay is kept.
    pub fn reconfigure(&mut self, options: TopologyOptions, client: C, has_monitor: bool) {
        if options.source != self.options.source {
            self.source = options.source.start();
        }
        let (sender, probed) = mpsc::unbounded_channel();
        self.probed = probed;
        self.prober = Prober::new(client, options.pace, sender);
        self.prober.set_servers(&self.fusion.topology().servers);
        self.fusion.set_settings(options.settings.clone());
        self.options = options;
        self.has_monitor = has_monitor;
    }

    /// Handles the next event. Cancel safe.
    pub async fn turn(&mut self) {
        tokio::select! {
            biased;
            said = self.source.changed() => match said {
                Some(endpoints) => {
                    let step = self.fusion.set_endpoints(endpoints, self.origin.elapsed());
                    self.carry_out(step);
                }
                // Probes publish it as well, but there are none before the first server is known.
                None => self.publisher.observe(self.observed()),
            },
            Some(Probed { id, started, outcome, position }) = self.probed.recv() => {
                if let Some(told) = position {
                    self.fusion.on_position(id, &told.bounds);
                    self.publisher.positions().note_probe(id, told);
                }
                let started = started.saturating_duration_since(self.origin);
                let step = self.fusion.on_probe(id, started, outcome, self.origin.elapsed());
                self.carry_out(step);
            }
            Some((id, error)) = self.publisher.reports.recv() => {
                let step = self.fusion.on_report(id, report(error), self.origin.elapsed());
                self.carry_out(step);
            }
        }
    }

    /// Asks every server now.
    pub fn ask_all(&self) {
        for server in &self.fusion.topology().servers {
            self.prober.ask_now(server.id);
        }
    }

    fn carry_out(&mut self, step: Step) {
        for change in &step.changes {
            log(change);
        }
        // Before the snapshot: who waits for that and then looks here finds what it rests on.
        self.publisher.observe(self.observed());
        if let Some(topology) = step.topology {
            self.prober.set_servers(&topology.servers);
            self.publisher.publish(topology);
        }
        for id in step.probe {
            self.prober.ask_now(id);
        }
        let now = self.origin.elapsed();
        let ids: Vec<ServerId> = self.fusion.topology().servers.iter().map(|server| server.id).collect();
        for id in ids {
            self.prober.set_urgent(id, self.fusion.is_urgent(id, now));
        }
    }

    fn observed(&self) -> Observed {
        let servers: Vec<_> = self.fusion.reports().collect();
        let mut missing = Vec::new();
        if !self.has_monitor {
            missing
                .push("a monitor account (--monitor-user): roles of Group Replication, lag, stored functions".into());
        }
        for text in servers.iter().filter_map(|server| server.facts.as_ref()).flat_map(|facts| &facts.missing) {
            if !missing.contains(text) {
                missing.push(text.clone());
            }
        }
        Observed { servers, source: self.source.health(), missing }
    }
}

const fn report(error: ServerError) -> Report {
    match error {
        ServerError::Unreachable => Report::ConnectFailed,
        ServerError::Lost => Report::ConnectionLost,
        ServerError::RefusesWrites => Report::Demoted,
    }
}

fn log(change: &Change) {
    match change {
        Change::Primary { to: Primary::None(_), .. } => tracing::error!("{change}"),
        _ => tracing::info!("{change}"),
    }
}

/// How often it is looked whether a client has proven an account, while there is none.
pub(super) const LOOK_FOR_ACCOUNT: Duration = Duration::from_millis(20);
