//! A report in words: tables for a terminal and for a Markdown page.

use std::fmt::Write as _;

use super::report::{Case, DIRECT, PROXY, RELAY, Report};
use crate::load::{Spread, Table};
use crate::workload::Workload;

/// The proxy may cost this many times the relay's CPU time per short statement.
pub const STATEMENT_GOAL: f64 = 1.25;
/// Memory that an idle session may take, in KiB.
pub const MEMORY_GOAL: u32 = 8;
/// The proxy may cost this many times the relay's CPU time per gigabyte of a large result.
pub const RESULT_GOAL: f64 = 1.05;

const INTRODUCTION: &str = "\
# Performance

<!-- Written by `rolecall-bench compare --page docs/performance.md`; edit benches/src/compare/page.rs instead. -->

What Rolecall costs, measured against two yardsticks in the same run: the server itself (direct), and a plain relay that
copies bytes both ways on one tokio thread and knows nothing of MySQL. What the relay costs is what the kernel and the
runtime take from any process between client and server; what Rolecall costs above it is its own work: reading
statements, deciding where they go, following replies and session state.

- Servers are a primary and a replica; reads go to the replica on all three ways. Rolecall runs one worker, with
  read/write split and session trackers on, TLS off on both legs.
- CPU time is the process' user and system time per statement, from the scheduler's own counters.
- *+µs* is what the median latency of one statement is above direct's. With all processes on one core it holds all
  CPU time that lies on the statement's way.
- TCP's congestion control stands with the machine below: cubic instead of BBR, as far as this program may set it. By BBR's
  pacing a large result crosses the loopback device in small or in large pieces, as it happens for each connection, at half
  or twice the CPU time: that would be luck, not a figure.
- The ratio is Rolecall's CPU time over the relay's, round by round.
- Rolecall is built as it is released: `./release`, with a profile of itself at work. The relay is built by
  `cargo build --release`, without one.

Repeat it with `cargo bench` (the short form), or in full, the way this page was written:

```
./release
target/dist/rolecall-bench compare --page docs/performance.md
```

Figures of different machines or runs cannot be compared with each other; ratios within a run can.
";

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

    /// System calls per statement.
    #[must_use]
    pub fn system_calls(&self) -> Table {
        let mut table = Table::new(&["case", "statements", "relay calls", "rolecall calls", "rolecall's"]);
        for own in self.calls.iter().filter(|calls| calls.target == PROXY) {
            let relay = self.calls.iter().find(|calls| calls.target == RELAY && calls.workload == own.workload);
            table.row([
                own.workload.name().to_owned(),
                own.statements.to_string(),
                relay.map_or_else(|| "–".to_owned(), |relay| format!("{:.2}", relay.per_statement())),
                format!("{:.2}", own.per_statement()),
                own.details(),
            ]);
        }
        table
    }

    /// Memory of idle sessions, in a sentence.
    #[must_use]
    pub fn memory(&self) -> Option<String> {
        let idle = self.idle.as_ref()?;
        let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Some(format!(
            "{} idle logged-in sessions: {:.1} MiB resident after the warm-up, {:.1} MiB with them: {:.2} KiB a session \
             (goal ≤ {} KiB: {}).",
            idle.sessions,
            megabytes(idle.before),
            megabytes(idle.after),
            idle.per_session() / 1024.0,
            MEMORY_GOAL,
            if idle.per_session() <= f64::from(MEMORY_GOAL << 10) { "met" } else { "missed" }
        ))
    }

    /// For a terminal.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut out = format!("{}\n\n", self.conditions());
        for (_, table) in self.tables() {
            let _ = writeln!(out, "{}", table.plain());
        }
        self.memory().into_iter().for_each(|text| out.push_str(&format!("{text}\n")));
        out
    }

    /// The page `docs/performance.md`.
    #[must_use]
    pub fn page(&self) -> String {
        let mut out = INTRODUCTION.to_owned();
        let _ = write!(out, "\n## Figures\n\n{}\n", self.conditions());
        for (heading, table) in self.tables() {
            let _ = write!(out, "\n### {heading}\n\n{}", table.markdown());
        }
        if let Some(text) = self.memory() {
            let _ = write!(out, "\n### Idle sessions\n\n{text}\n");
        }
        out
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        let tables = [
            ("Short statements", self.statements()),
            ("Large results", self.results()),
            ("System calls per statement", self.system_calls()),
        ];
        tables.into_iter().filter(|(_, table)| !table.is_empty()).collect()
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
