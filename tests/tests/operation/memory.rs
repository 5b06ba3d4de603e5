//! Memory: what a session costs that does nothing.

use std::net::TcpStream;
use std::process::Command;

use rolecall_tests::{Proxy, tell, wait_until};

use crate::front::{account, proxy, server};

/// Sessions of the measurement.
const SESSIONS: usize = 10_000;
/// What one of them may cost.
const BYTES: f64 = 8.0 * 1024.0;
/// Descriptors that this process has for other things.
const RESERVED: usize = 500;

/// Resident memory of a process in bytes, by /proc.
fn resident(proxy: &Proxy) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// As many sessions as the hard limit of open files leaves to this process and to the proxy.
fn possible_sessions() -> usize {
    let pid = std::process::id().to_string();
    let mut limit = Command::new("prlimit");
    limit.args(["--pid", &pid, "--nofile", "--raw", "--noheadings", "--output=HARD"]);
    let output = limit.output().expect("prlimit runs");
    let hard = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(usize::MAX);
    let sessions = SESSIONS.min(hard.saturating_sub(RESERVED));
    let soft = format!("--nofile={}:", sessions + RESERVED);
    let raised = Command::new("prlimit").args(["--pid", &pid, &soft]).status().expect("prlimit runs");
    assert!(raised.success(), "raising the limit of open files");
    sessions
}

#[test]
fn ten_thousand_idle_sessions_cost_at_most_8_kb_each() {
    let (proxy, options) = (proxy("workers: 2\n"), account("idle"));
    let sessions = possible_sessions();
    // Everything that is made once: the account's proof, the workers' buffers.
    for _ in 0..200 {
        let mut client = proxy.login(&options);
        assert_eq!(client.run("select 1").value(), "1");
        client.quit();
    }
    wait_until("the warm-up's sessions are gone", || crate::endings::sessions(&proxy, "idle") == 0);
    let connections = || server().value("select count(*) from information_schema.processlist where user='idle'");
    let left = connections();
    let before = resident(&proxy);
    let sockets: Vec<TcpStream> = (0..sessions)
        .map(|_| {
            let client = proxy.login(&options);
            client.stream.into_socket()
        })
        .collect();
    let after = resident(&proxy);
    let each = after.saturating_sub(before) as f64 / sessions as f64;
    tell(&format!(
        "{sessions} sessions: {} KiB before, {} KiB with them: {each:.0} bytes a session",
        before >> 10,
        after >> 10
    ));
    assert_eq!(connections(), left, "an idle session that was believed needs no server");
    let listed = proxy.admin_json("/sessions");
    assert!(listed.to_string().matches("\"idle\"").count() >= sessions, "they are all there");
    assert!(each <= BYTES, "{each:.0} bytes a session");
    drop(sockets);
}
