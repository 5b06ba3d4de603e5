//! The built program, as a shell sees it.

use std::process::{Command, Output};

fn rolecall(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    for variable in ["ROLECALL_CONFIG", "ROLECALL_LOG_LEVEL", "ROLECALL_LOG_FORMAT", "ROLECALL_MONITOR_PASSWORD"] {
        command.env_remove(variable);
    }
    command.args(arguments).output().unwrap()
}

#[track_caller]
fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn config(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).unwrap();
    let name = file.display().to_string();
    (folder, name)
}

#[test]
fn every_help_has_examples() {
    for command in [
        &["--help"][..],
        &["proxy", "--help"],
        &["check", "--help"],
        &["explain", "--help"],
        &["completions", "--help"],
    ] {
        let output = rolecall(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(stdout(&output).contains("Examples:\n  rolecall "), "{command:?}");
    }
}

#[test]
fn a_role_label_without_a_selector_is_refused_beside_servers() {
    // Before it would have to stop for another reason: nothing listens at an address of no host's.
    let arguments = ["proxy", "--backend", "127.0.0.1:1", "--kube-role", "role=primary", "--listen", "192.0.2.1:1"];
    let output = rolecall(&arguments);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("--kube-role"), "{}", stderr(&output));
}

#[test]
fn the_flags_of_proxy_are_all_there() {
    let help = stdout(&rolecall(&["proxy", "--help"]));
    for flag in [
        "--config <FILE>",
        "--listen <ADDR>",
        "--backend <ADDR>",
        "--kube-selector <SELECTOR>",
        "--kube-role <KEY=VALUE>",
        "--kube-namespace <NS>",
        "--admin <ADDR>",
        "--monitor-user <USER>",
        "--monitor-password-file <FILE>",
        "--workers <N>",
        "--log-level <LEVEL>",
        "--log-format <FORMAT>",
    ] {
        assert!(help.contains(flag), "{flag} is not in\n{help}");
    }
    assert!(!help.contains("--monitor-password <"), "a password must not be a flag");
}

#[test]
fn version_names_the_commit() {
    let output = stdout(&rolecall(&["--version"]));
    let commit = output.trim().strip_prefix(concat!("rolecall ", env!("CARGO_PKG_VERSION"), " (")).unwrap();
    assert!(commit.ends_with(')'), "{output}");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for (arguments, named) in [
        (&["proxy", "--listen", "nowhere"][..], "names no port"),
        (&["proxy", "--kube-selector", "app=mysql"], "--kube-role"),
        (&["proxy", "--kube-selector", "a=b", "--kube-role", "primary"], "is not KEY=VALUE"),
        (&["proxy", "--backend", "db0", "--kube-selector", "a=b", "--kube-role", "c=d"], "cannot be used with"),
        (&["explain", "--server-version", "nine", "SELECT 1"], "is not a version"),
        (&["frobnicate"], "unrecognized subcommand"),
    ] {
        let output = rolecall(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(named), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn proxy_without_servers_says_how_to_name_them() {
    let output = rolecall(&["proxy", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("flags: --backend, or --kube-selector and --kube-role"), "{}", stderr(&output));
}

#[test]
fn check_accepts_what_is_valid() {
    let (_folder, file) = config("servers: [{address: db0}]\n");
    let output = rolecall(&["check", "--config", &file]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), format!("{file}: valid\n")));
}

#[test]
fn check_lists_all_mistakes_with_their_lines() {
    let (_folder, file) = config("servers:\n  - adress: db0\nworkers: 0\nlog:\n  level: loud\n");
    let output = rolecall(&["check", "--config", &file]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<_> = stderr(&output).lines().map(|line| line.replace(&file, "FILE")).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert_eq!(lines[0], "FILE:2:5: servers[0].adress: there is no such option: write `address`");
    assert_eq!(lines[1], "FILE:3:10: workers: 0 is out of range: write 1 to 1024");
    assert!(lines[2].starts_with("FILE:5:10: log.level: `loud` is not a level"), "{lines:#?}");
    assert_eq!(lines[3], "FILE: 3 mistakes");
}

#[test]
fn check_as_json_is_for_machines() {
    let (_folder, file) = config("servers: [{address: db0}]\nworkers: 0\n");
    let output = rolecall(&["check", "--config", &file, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["valid"], false);
    assert_eq!(value["mistakes"][0]["line"], 2);
    assert_eq!(value["mistakes"][0]["path"], "workers");
}

#[test]
fn the_schema_is_json_schema_with_defaults() {
    let value: serde_json::Value = serde_json::from_slice(&rolecall(&["schema"]).stdout).unwrap();
    assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(value["additionalProperties"], false);
    assert_eq!(value["properties"]["catalogue_refresh"]["default"], "30s");
}

#[test]
fn explain_says_where_a_statement_goes() {
    for (sql, target) in [
        ("SELECT * FROM t WHERE id = 1", "replica"),
        ("SELECT * FROM t FOR UPDATE", "primary"),
        ("INSERT INTO t VALUES (1)", "primary"),
        ("/* rolecall: primary */ SELECT 1", "primary"),
        ("START TRANSACTION READ ONLY", "replica"),
        ("not SQL at all", "primary"),
    ] {
        let output = rolecall(&["explain", sql, "--json"]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["target"], target, "{sql}: {value:#}");
        assert!(value["why"].as_str().is_some_and(|why| !why.is_empty()), "{value:#}");
        assert!(stdout(&rolecall(&["explain", sql])).starts_with(&format!("goes to  {target} (")), "{sql}");
    }
}

#[test]
fn explain_follows_sql_mode() {
    // With NO_BACKSLASH_ESCAPES the string ends at the second quote, and a second statement follows.
    let sql = r"SELECT '\'; DELETE FROM t; -- '";
    let verb = |mode: &str| {
        let output = rolecall(&["explain", sql, "--json", "--sql-mode", mode]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["target"].clone()
    };
    assert_eq!(verb(""), "replica");
    assert_eq!(verb("NO_BACKSLASH_ESCAPES"), "primary");
}

#[test]
fn completions_exist_for_common_shells() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&rolecall(&["completions", shell])).contains("rolecall"), "{shell}");
    }
}
