//! What a scrape says after what workers did.

use std::time::Duration;

use rolecall_router::session::Pins;
use rolecall_router::sql::{Statement, Verb};

use super::*;

#[test]
fn a_scrape_adds_up_the_workers() {
    let metrics = Metrics::new(2);
    for worker in 0..2 {
        let worker = metrics.worker(worker).unwrap();
        worker.statement(Target::Replica, Verb::Select, 70_000);
        worker.statement(Target::Primary, Verb::Dml, 3_000_000);
        worker.sessions.increment();
        worker.unknown(&Statement::unknown("not \"known\""));
        worker.pinned(Pins::USER_VARIABLE | Pins::XA);
        worker.closed("client-gone");
        drop(Held::begin(&worker));
    }
    metrics.worker(0).unwrap().sessions.decrement();
    metrics.set_topology(|| TopologyFigures { servers: [1, 2, 0], generation: 7, conflicts: 0, view_age: None });
    metrics.process.reloaded(ReloadOutcome::Invalid);
    let text = metrics.encode().unwrap();
    for line in [
        r#"rolecall_statements_total{target="replica",verb="select"} 2"#,
        r#"rolecall_statements_total{target="primary",verb="select"} 0"#,
        r#"rolecall_statement_duration_seconds_bucket{le="0.00005",target="replica"} 0"#,
        r#"rolecall_statement_duration_seconds_bucket{le="0.0001",target="replica"} 2"#,
        r#"rolecall_statement_duration_seconds_bucket{le="+Inf",target="replica"} 2"#,
        r#"rolecall_statement_duration_seconds_sum{target="primary"} 0.006"#,
        r#"rolecall_sessions 1"#,
        r#"rolecall_unknown_statements_total{why="not \"known\""} 2"#,
        r#"rolecall_pins_total{reason="xa"} 2"#,
        r#"rolecall_pins_total{reason="handler"} 0"#,
        r#"rolecall_sessions_closed_total{reason="client-gone"} 2"#,
        r#"rolecall_held_statements 0"#,
        r#"rolecall_hold_duration_seconds_count 2"#,
        r#"rolecall_servers{role="replica"} 2"#,
        r#"rolecall_config_last_reload_successful 0"#,
        r#"# TYPE rolecall_statement_duration_seconds histogram"#,
        r#"# UNIT process_resident_memory_bytes bytes"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn a_duration_on_a_bound_belongs_to_its_bucket() {
    let histogram = Histogram::default();
    histogram.observe(Duration::from_micros(50));
    histogram.observe(Duration::from_nanos(50_001));
    histogram.observe(Duration::from_secs(61));
    let mut sum = cell::Distribution::default();
    histogram.add_to(&mut sum);
    assert_eq!((sum.buckets[0], sum.buckets[1], sum.buckets[18]), (1, 1, 1));
}

#[test]
fn reasons_beyond_the_slots_count_as_other() {
    let worker = WorkerMetrics::default();
    let reasons: Vec<&'static str> = (0..60).map(|index| &*String::leak(format!("reason {index}"))).collect();
    for reason in reasons.iter().chain(&reasons) {
        worker.unknown(&Statement::unknown(reason));
    }
    let read: Vec<_> = worker.unknown.read().collect();
    assert_eq!(read.len(), 49);
    assert_eq!(read[0], ("reason 0", 2));
    assert_eq!(read[48], ("other", 24));
}
