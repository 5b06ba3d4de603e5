//! The configuration's reference page, made from the JSON Schema.

use std::fmt::Write as _;

use serde_json::Value;

/// `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let schema = crate::config::schema();
    let root = schema.as_value();
    let mut page = String::from(HEAD);
    section(&mut page, root, root, "", &Value::Null);
    page
}

/// The rows of one mapping, and of those in it.
fn section(page: &mut String, root: &Value, schema: &Value, prefix: &str, defaults: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let target = resolve(root, property);
        let default = if property["default"].is_null() { &defaults[name] } else { &property["default"] };
        let inner = mapping(root, target);
        let shown = match (required.contains(&name.as_str()), default, inner) {
            (true, _, _) => "required".to_owned(),
            (false, Value::Null, _) | (false, Value::Object(_), Some(_)) => "–".to_owned(),
            (false, default, _) => format!("`{}`", plain(default)),
        };
        let about = property["description"].as_str().or_else(|| target["description"].as_str()).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{path}` | {} | {shown} | {} |", kind(root, target), one_line(about));
        if let Some((inner, is_list)) = inner {
            let path = if is_list { format!("{path}[]") } else { path };
            section(page, root, inner, &path, if is_list { &Value::Null } else { default });
        }
    }
}

/// The schema of a mapping, or of the mappings in a list, if it is one.
fn mapping<'s>(root: &'s Value, schema: &'s Value) -> Option<(&'s Value, bool)> {
    if schema["properties"].is_object() {
        return Some((schema, false));
    }
    let items = resolve(root, schema.get("items")?);
    items["properties"].is_object().then_some((items, true))
}

/// Follows references and `null` alternatives.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return resolve(root, &root["$defs"][name]);
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    match alternatives.into_iter().find(|one| one["type"] != "null") {
        Some(one) => resolve(root, one),
        None => schema,
    }
}

fn kind(root: &Value, schema: &Value) -> String {
    let words: Vec<&str> = match (&schema["oneOf"], &schema["enum"]) {
        (Value::Array(cases), _) => cases.iter().filter_map(|case| case["const"].as_str()).collect(),
        (_, Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !words.is_empty() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    if mapping(root, schema).is_some_and(|(_, is_list)| !is_list) {
        return "mapping".into();
    }
    // The formats of our own values are words for people; others (`uint32`) are not.
    let named = schema["format"].as_str().filter(|_| schema["examples"].is_array());
    let kind = named.unwrap_or_else(|| match &schema["type"] {
        Value::String(kind) => kind.as_str(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("text"),
        _ => "text",
    });
    match kind {
        "array" => "list",
        "string" => "text",
        "integer" => "number",
        "boolean" => "`true`, `false`",
        other => other,
    }
    .into()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.len() == 1 && items[0]["address"].is_string() => {
            format!("[{{address: {}}}]", plain(&items[0]["address"]))
        }
        other => other.to_string(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

const HEAD: &str = "\
# Configuration

A YAML file, named by `--config`; flags win over it. `rolecall check --config FILE` finds all mistakes at once, with their
lines; `rolecall schema` prints the JSON Schema for your editor (`# yaml-language-server: $schema=…`).

- A relative path starts at the configuration file's folder.
- Durations have units: `250ms`, `5s`, `1m 30s`. Sizes too: `256KiB`, `1GiB`.
- Passwords stand in files of their own, never in the configuration.
- The file and all files that it names are read again when one of them changes and on SIGHUP. What is new is applied whole
  or not at all. In effect at once, for new connections and statements: `servers`, `users`, `zone`, `routing`, `limits`,
  `log.level`, and the contents of the listeners' certificates.
  Everything else needs a restart; while such a part differs, nothing of the new file is applied, and the log names the part.

```yaml
listeners:
  - address: 0.0.0.0:3306          # reads to the replicas, writes to the primary
  - address: 0.0.0.0:3307
    mode: replica                  # everything to a replica
kubernetes:
  selector: app=mysql
  role: role=primary
monitor:
  user: rolecall
  password_file: /run/secrets/rolecall/monitor-password
admin:
  address: 0.0.0.0:9104
```

<!-- Made by `rolecall configuration-reference`; a test compares. -->

| option | kind | default | effect |
|---|---|---|---|
";

/// A generated page must be what stands in the repository.
#[cfg(test)]
#[track_caller]
pub fn assert_current(path: &str, page: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == page,
        "{path} is not current: write it anew by `rolecall configuration-reference > \
        docs/configuration.md` and `rolecall metrics-reference > docs/metrics.md`"
    );
}
