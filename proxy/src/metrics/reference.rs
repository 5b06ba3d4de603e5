//! The metrics' reference page, made from an actual scrape, so that it cannot say anything else than `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Metrics;

#[derive(Debug, Default)]
struct Entry {
    kind: String,
    help: String,
    labels: BTreeMap<String, Vec<String>>,
}

/// `docs/metrics.md`.
#[must_use]
pub fn reference() -> String {
    let scrape = Metrics::new(1).encode().unwrap_or_default();
    let mut page = String::from(HEAD);
    for (name, entry) in entries(&scrape) {
        let labels: Vec<_> = entry.labels.iter().map(|(label, values)| label_text(label, values)).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join("<br>") };
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{name}` | {} | {labels} | {} |", entry.kind, entry.help);
    }
    page
}

fn label_text(label: &str, values: &[String]) -> String {
    if matches!(label, "version" | "commit") || values.is_empty() {
        return format!("`{label}`");
    }
    format!("`{label}`: {}", values.join(", "))
}

/// Families by the name that queries use, in the order of the scrape.
fn entries(scrape: &str) -> Vec<(String, Entry)> {
    let mut list: Vec<(String, Entry)> = Vec::new();
    for line in scrape.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            let entry = Entry { help: help.trim_end_matches('.').to_owned(), ..Entry::default() };
            list.push((name.to_owned(), entry));
        } else if let Some(rest) = line.strip_prefix("# TYPE ")
            && let Some((name, entry)) = list.last_mut()
        {
            entry.kind = rest.split_once(' ').map_or("", |(_, kind)| kind).to_owned();
            if entry.kind == "counter" {
                name.push_str("_total");
            }
        } else if let Some((_, entry)) = list.last_mut()
            && !line.starts_with('#')
        {
            note_labels(line, entry);
        }
    }
    for (name, entry) in &mut list {
        // Their values appear with the first event.
        let open = match name.as_str() {
            "rolecall_unknown_statements_total" => "why",
            "rolecall_sessions_closed_total" => "reason",
            _ => continue,
        };
        entry.labels.insert(open.into(), Vec::new());
    }
    list
}

fn note_labels(line: &str, entry: &mut Entry) {
    let Some((_, rest)) = line.split_once('{') else { return };
    let Some((labels, _)) = rest.rsplit_once('}') else { return };
    for label in labels.split("\",") {
        let Some((name, value)) = label.split_once("=\"") else { continue };
        if name == "le" {
            continue;
        }
        let values = entry.labels.entry(name.to_owned()).or_default();
        let value = format!("`{}`", value.trim_end_matches('"'));
        if !values.contains(&value) {
            values.push(value);
        }
    }
}

const HEAD: &str = "\
# Metrics

`/metrics` at the admin address speaks OpenMetrics' text format. Histograms have buckets from 50 µs to 60 s; query them as
`NAME_bucket`, `NAME_sum` and `NAME_count`. All series of a closed set of labels exist from the start.

<!-- Made by `rolecall metrics-reference`; a test compares. -->

| name | kind | labels | meaning |
|---|---|---|---|
";
