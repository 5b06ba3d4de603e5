//! The page at `/`: links, and the topology for people.

use std::fmt::Write;

use serde_json::Value;

use super::state::Readiness;

/// The whole page. Names and reasons come from servers and from the API server: all of them are escaped.
pub(super) fn page(readiness: &Readiness, topology: &Value) -> String {
    let mut html = String::from(HEAD);
    let state = if readiness.ready { "ready" } else { "not ready" };
    let _ = write!(html, "<p>rolecall {}: {state}</p>", crate::build::VERSION);
    for line in readiness.reasons.iter().chain(&readiness.warnings) {
        let _ = write!(html, "<p>{}</p>", escape(line));
    }
    html.push_str("<table><tr><th>server<th>address<th>role<th>zone<th>weight<th>outstanding<th>why</tr>");
    for server in topology["servers"].as_array().map(Vec::as_slice).unwrap_or_default() {
        html.push_str("<tr>");
        for field in ["name", "address", "role", "zone", "weight", "outstanding", "why"] {
            let text = match &server[field] {
                Value::String(text) => escape(text),
                Value::Null => String::new(),
                other => escape(&other.to_string()),
            };
            let _ = write!(html, "<td>{text}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
    html
}

/// Text as HTML: nothing of it can be markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const HEAD: &str = "<!doctype html><meta charset=utf-8><title>Rolecall</title>
<style>body{font:14px sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc}</style>
<h1>Rolecall</h1><p><a href=/readyz>readyz</a> <a href=/livez>livez</a> <a href=/metrics>metrics</a>
<a href=/topology>topology</a> <a href=/sessions>sessions</a> <a href=/config>config</a></p>";
