//! The scrape: adds up the workers' counters and writes them in OpenMetrics' text format.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::Metrics;
use super::cell::{BOUNDS_MICROSECONDS, Distribution, Histogram};
use super::label::{
    CatchUp, ConnectOutcome, Destroyed, ErrorKind, Label, LoginOutcome, RefusedBy, ReloadOutcome, ServerRole, Target,
    VerbLabel, pin_names,
};
use super::process::{TopologyFigures, Usage};
use super::worker::{Reasons, WorkerMetrics};

/// One scrape. Every series of a closed label set is written from the start, so that rates need no special first value.
#[derive(Debug)]
pub(super) struct Scrape {
    pub metrics: Metrics,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.statements(&mut page)?;
        self.sessions(&mut page)?;
        self.backends(&mut page)?;
        self.failures(&mut page)?;
        self.topology(&mut page)?;
        self.configuration(&mut page)?;
        self.process(&mut page)
    }
}

// === impl Scrape ===

impl Scrape {
    fn sum(&self, read: impl Fn(&WorkerMetrics) -> u64) -> u64 {
        self.metrics.workers().iter().map(|worker| read(worker)).sum()
    }

    fn distribution<'w>(&'w self, read: impl Fn(&'w WorkerMetrics) -> &'w Histogram) -> Distribution {
        let mut sum = Distribution::default();
        for worker in self.metrics.workers() {
            read(worker).add_to(&mut sum);
        }
        sum
    }

    fn reasons<'w>(&'w self, read: impl Fn(&'w WorkerMetrics) -> &'w Reasons) -> BTreeMap<&'static str, u64> {
        let mut sum = BTreeMap::new();
        for (reason, count) in self.metrics.workers().iter().flat_map(|worker| read(worker).read()) {
            *sum.entry(reason).or_default() += count;
        }
        sum
    }

    fn statements(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Statements answered, by who answered them and what they were; see docs/routing.md";
        let mut counts = page.counters("rolecall_statements", help, None)?;
        for target in Target::ALL {
            for verb in VerbLabel::ALL {
                let count = self.sum(|worker| worker.statements[target.index()].of(*verb).value());
                counts.put(&[("target", target.name()), ("verb", verb.name())], count)?;
            }
        }
        let help = "Time from a statement's last byte to its reply's last byte, by who answered";
        let mut durations = page.histograms("rolecall_statement_duration", help)?;
        for target in Target::ALL {
            let sum = self.distribution(|worker| &worker.durations[target.index()]);
            durations.put(&[("target", target.name())], &sum)?;
        }
        let help = "Statements that were not understood, and went to the primary for that; see docs/routing.md";
        let mut unknown = page.counters("rolecall_unknown_statements", help, None)?;
        for (reason, count) in self.reasons(|worker| &worker.unknown) {
            unknown.put(&[("why", reason)], count)?;
        }
        let help = "Reads for which a replica was waited for or the primary was asked; see docs/routing.md";
        let mut catch_ups = page.counters("rolecall_catch_ups", help, None)?;
        for outcome in CatchUp::ALL {
            catch_ups.put(&[("outcome", outcome.name())], self.sum(|worker| worker.catch_ups.of(*outcome).value()))?;
        }
        page.gauge("rolecall_held_statements", "Statements that wait for a server now", self.sum(|w| w.held.value()))?;
        let help = "How long statements waited for a server that may run them";
        page.histograms("rolecall_hold_duration", help)?.put(&[], &self.distribution(|worker| &worker.holds))
    }

    fn sessions(&self, page: &mut Page<'_>) -> fmt::Result {
        let open = self.sum(|worker| worker.sessions.value());
        page.gauge("rolecall_sessions", "Client sessions open now, logged in or not", open)?;
        let opened = self.sum(|worker| worker.sessions_opened.value());
        page.counters("rolecall_sessions_opened", "Client sessions ever opened", None)?.put(&[], opened)?;
        let mut closed =
            page.counters("rolecall_sessions_closed", "Sessions that have ended after their login, by why", None)?;
        for (reason, count) in self.reasons(|worker| &worker.closed) {
            closed.put(&[("reason", reason)], count)?;
        }
        let mut logins = page.counters("rolecall_logins", "Logins of clients, by how they ended", None)?;
        for outcome in LoginOutcome::ALL {
            logins.put(&[("outcome", outcome.name())], self.sum(|worker| worker.logins.of(*outcome).value()))?;
        }
        let help = "Reasons for which sessions became tied to a server connection; see docs/routing.md";
        let mut pins = page.counters("rolecall_pins", help, None)?;
        for (bit, name) in pin_names().iter().enumerate() {
            pins.put(&[("reason", name)], self.sum(|worker| worker.pins[bit].value()))?;
        }
        let help = "Clients turned away before their login, by what refused them";
        let mut refused = page.counters("rolecall_clients_refused", help, None)?;
        for by in RefusedBy::ALL {
            refused.put(&[("reason", by.name())], self.metrics.process.refused_count(*by))?;
        }
        Ok(())
    }

    fn backends(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Attempts to connect a session to a server, by how they ended";
        let mut connects = page.counters("rolecall_backend_connects", help, None)?;
        for outcome in ConnectOutcome::ALL {
            let count = self.sum(|worker| worker.backend_connects.of(*outcome).value());
            connects.put(&[("outcome", outcome.name())], count)?;
        }
        let help = "Shared connections that went from one session to another; see docs/pooling.md";
        page.counters("rolecall_pool_handovers", help, None)?.put(&[], self.sum(|worker| worker.handovers.value()))?;
        let help = "Connections that were opened before a statement needed them, because of pool.min_idle";
        let opened = self.sum(|worker| worker.opened_in_advance.value());
        page.counters("rolecall_pool_opened_in_advance", help, None)?.put(&[], opened)?;
        let help = "Statements that waited for a connection because of pool.max_connections, or until another session gave its own";
        page.counters("rolecall_pool_waits", help, None)?.put(&[], self.sum(|worker| worker.waits.value()))?;
        let help = "Statements for which no connection became free within pool.wait_timeout";
        let timeouts = self.sum(|worker| worker.wait_timeouts.value());
        page.counters("rolecall_pool_wait_timeouts", help, None)?.put(&[], timeouts)?;
        let help = "Connections that were closed instead of being handed on, by why";
        let mut destroyed = page.counters("rolecall_pool_destroyed", help, None)?;
        for reason in Destroyed::ALL {
            destroyed.put(&[("reason", reason.name())], self.sum(|worker| worker.destroyed.of(*reason).value()))?;
        }
        let help = "Prepared statements that a session found on a connection, as another one had left them";
        let reused = self.sum(|worker| worker.statements_reused.value());
        page.counters("rolecall_pool_statements_reused", help, None)?.put(&[], reused)?;
        let help = "Prepared statements that were prepared again, on a connection that did not have them";
        let prepared = self.sum(|worker| worker.statements_prepared.value());
        page.counters("rolecall_pool_statements_prepared", help, None)?.put(&[], prepared)?;
        let help = "Prepared statements that were closed because of pool.max_prepared_statements, or of the server's own limit";
        let closed = self.sum(|worker| worker.statements_closed.value());
        page.counters("rolecall_pool_statements_closed", help, None)?.put(&[], closed)?;
        Ok(())
    }

    fn failures(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Statements that failed for reasons that are not their own; see docs/operations.md";
        let mut errors = page.counters("rolecall_errors", help, None)?;
        for kind in ErrorKind::ALL {
            errors.put(&[("kind", kind.name())], self.sum(|worker| worker.errors.of(*kind).value()))?;
        }
        Ok(())
    }

    fn topology(&self, page: &mut Page<'_>) -> fmt::Result {
        let TopologyFigures { servers, generation, conflicts, view_age } = self.metrics.topology();
        let mut gauges =
            page.gauges("rolecall_servers", "Servers by role; 1 primary is healthy, 0 means no writes", None)?;
        for role in ServerRole::ALL {
            gauges.put(&[("role", role.name())], servers[role.index()])?;
        }
        page.gauge(
            "rolecall_topology_generation",
            "Grows with each change of what is believed about servers",
            generation,
        )?;
        let help = "Servers whose label and own word disagree; they get no writes";
        page.gauge("rolecall_role_conflicts", help, conflicts)?;
        let help =
            "Time since the API server last confirmed the list of pods; 0 for servers named in the configuration";
        page.gauges("rolecall_topology_view_age", help, Some(&Unit::Seconds))?.put(&[], view_age.unwrap_or(0.0))?;
        Ok(())
    }

    fn configuration(&self, page: &mut Page<'_>) -> fmt::Result {
        let process = &self.metrics.process;
        let mut reloads =
            page.counters("rolecall_config_reloads", "Reloads of the configuration, by how they ended", None)?;
        for outcome in ReloadOutcome::ALL {
            reloads.put(&[("outcome", outcome.name())], process.reload_count(*outcome))?;
        }
        let help = "1 if the last reload was applied or had nothing to do; 0 while the file has what does not apply";
        page.gauge("rolecall_config_last_reload_successful", help, process.last_reload_succeeded())?;
        let labels = [("version", crate::build::VERSION), ("commit", crate::build::COMMIT)];
        page.gauges("rolecall_build_info", "Always 1; says what runs", None)?.put(&labels, 1u64)
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let start = self.metrics.process.start_seconds();
        let help = "When the process started, since 1970";
        page.gauges("process_start_time", help, Some(&Unit::Seconds))?.put(&[], start)?;
        let usage = Usage::now().unwrap_or_default();
        let mut cpu = page.counters("process_cpu", "CPU time used", Some(&Unit::Seconds))?;
        cpu.put(&[], usage.cpu_seconds)?;
        page.gauges("process_resident_memory", "Resident memory", Some(&Unit::Bytes))?
            .put(&[], usage.resident_bytes)?;
        page.gauge("process_open_fds", "Open files and sockets", usage.open_files)?;
        page.gauge("process_max_fds", "How many files and sockets may be open (RLIMIT_NOFILE)", usage.max_files)?;
        page.gauge("process_threads", "Threads", usage.threads)
    }
}

/// The text under way.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<&'static Unit>,
    ) -> Result<Counts<'_>, fmt::Error> {
        Ok(Counts(self.0.encode_descriptor(name, help, unit, MetricType::Counter)?))
    }

    fn gauges(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<&'static Unit>,
    ) -> Result<Gauges<'_>, fmt::Error> {
        Ok(Gauges(self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?))
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: u64) -> fmt::Result {
        self.gauges(name, help, None)?.put(&[], value)
    }

    fn histograms(&mut self, name: &'static str, help: &'static str) -> Result<Histograms<'_>, fmt::Error> {
        Ok(Histograms(self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?))
    }
}

type Labels<'l> = [(&'l str, &'l str)];

struct Counts<'e>(MetricEncoder<'e>);

impl Counts<'_> {
    fn put<N>(&mut self, labels: &Labels<'_>, value: N) -> fmt::Result
    where
        ConstCounter<N>: EncodeMetric,
    {
        let counter = ConstCounter::new(value);
        if labels.is_empty() {
            counter.encode(self.0.encode_family(&NO_LABELS)?)
        } else {
            counter.encode(self.0.encode_family(&labels)?)
        }
    }
}

struct Gauges<'e>(MetricEncoder<'e>);

impl Gauges<'_> {
    fn put<N>(&mut self, labels: &Labels<'_>, value: N) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        let gauge = ConstGauge::new(value);
        if labels.is_empty() {
            gauge.encode(self.0.encode_family(&NO_LABELS)?)
        } else {
            gauge.encode(self.0.encode_family(&labels)?)
        }
    }
}

struct Histograms<'e>(MetricEncoder<'e>);

impl Histograms<'_> {
    fn put(&mut self, labels: &Labels<'_>, sum: &Distribution) -> fmt::Result {
        let bounds = BOUNDS_MICROSECONDS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(sum.buckets).collect();
        let count = sum.buckets.iter().sum();
        let seconds = sum.nanoseconds as f64 / 1e9;
        self.0.encode_family(&labels)?.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }
}

const NO_LABELS: [(&str, &str); 0] = [];
