//! A report in words: tables for a terminal and for a Markdown page.

use std::fmt::Write as _;

use super::report::{Case, DIRECT, PROXY, RELAY, Report};
use crate::load::{Spread, Table};
use crate::workload::Workload;

/// The proxy may cost this many times the relay's CPU time per short statement.
pub const STATEMENT_GOAL: f64 = 1.25;
/// The proxy may cost this many times the relay's CPU time per gigabyte of a large result.
pub const RESULT_GOAL: f64 = 1.05;

impl Report {
    /// What was run, where and how.
    #[must_use]
    pub fn conditions(&self) -> String {
        let machine = &self.machine;
        format!(
            "{} × {}, Linux {}; MySQL {}; {}. {}. Medians of {} rounds of {} s, the targets taking turns; in brackets \
             the quartiles.",
            machine.processors,
            machine.processor,
            machine.kernel,
            machine.server,
            machine.proxy,
            machine.placement,
            self.rounds,
            self.seconds
        )
    }

    /// CPU time, added latency and ratios of short statements.
    #[must_use]
    pub fn statements(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "direct p50 µs",
            "relay +µs",
            "rolecall +µs",
            "relay CPU µs",
            "rolecall CPU µs",
            "ratio",
            "goal",
        ]);
        for case in self.cases.iter().filter(|case| case.workload != Workload::Rows100k) {
            let direct = case.target(DIRECT).and_then(|target| target.spread(|round| round.p50));
            let cpu = |name| case.target(name).and_then(|target| target.spread(case.cpu()));
            table.row([
                case.title(),
                text(direct, 1),
                text(case.added_latency(RELAY), 1),
                text(case.added_latency(PROXY), 1),
                text(cpu(RELAY), 2),
                text(cpu(PROXY), 2),
                with_quartiles(case.cpu_ratio(), 2),
                goal(case),
            ]);
        }
        table
    }

    /// Throughput and CPU time of large results.
    #[must_use]
    pub fn results(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "direct MB/s",
            "relay MB/s",
            "rolecall MB/s",
            "relay CPU s/GB",
            "rolecall CPU s/GB",
            "ratio",
            "goal",
        ]);
        for case in self.cases.iter().filter(|case| case.workload == Workload::Rows100k) {
            let rate = |name| case.target(name).and_then(|target| target.spread(|round| round.megabytes_per_second));
            let cpu = |name| case.target(name).and_then(|target| target.spread(case.cpu()));
            table.row([
                case.title(),
                text(rate(DIRECT), 0),
                text(rate(RELAY), 0),
                text(rate(PROXY), 0),
                text(cpu(RELAY), 3),
                text(cpu(PROXY), 3),
                with_quartiles(case.cpu_ratio(), 2),
                goal(case),
            ]);
        }
        table
    }

    /// For a terminal.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut out = format!("{}\n\n{}\n", self.conditions(), self.statements().plain());
        let _ = writeln!(out, "{}", self.results().plain());
        out
    }
}

fn text(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.digits$}", spread.median))
}

fn with_quartiles(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(
        || "–".to_owned(),
        |spread| format!("{:.digits$} [{:.digits$}, {:.digits$}]", spread.median, spread.lower, spread.upper),
    )
}

fn goal(case: &Case) -> String {
    let limit = match case.workload {
        Workload::Rows100k => RESULT_GOAL,
        // A login does work of its own (it proves a password); no goal is set for it.
        Workload::Connect => return "–".to_owned(),
        _ => STATEMENT_GOAL,
    };
    match case.cpu_ratio() {
        Some(ratio) if ratio.median <= limit => format!("≤ {limit}: met"),
        Some(_) => format!("≤ {limit}: missed"),
        None => format!("≤ {limit}: ?"),
    }
}
