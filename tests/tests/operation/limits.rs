//! RLIMIT_NOFILE: what does not suffice is said with its name.

use std::process::{Command, Output};

use rolecall_tests::raw::Client;
use rolecall_tests::{binary, wait_until};

use crate::front::{account, proxy};

/// `rolecall proxy` under `ulimit -n`, with a listener that makes it end if it comes that far.
fn under_limit(limit: u32, arguments: &[&str]) -> Output {
    let script = "ulimit -n \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", &limit.to_string()]).arg(binary());
    command.args(["proxy", "--backend=127.0.0.1:1", "--listen=192.0.2.1:1"]).args(arguments);
    command.output().expect("sh runs")
}

#[test]
fn a_limit_that_nothing_works_with_is_an_error_that_names_it() {
    let output = under_limit(64, &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("RLIMIT_NOFILE (ulimit -n) allows 64 open files"), "{text}");
    assert!(text.contains("raise the hard limit"), "{text}");
}

#[test]
fn a_limit_too_low_for_all_sessions_is_a_warning_that_names_it() {
    let output = under_limit(1000, &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("RLIMIT_NOFILE (ulimit -n) allows 1000 open files"), "{text}");
    assert!(text.contains("limits.max_sessions=16384"), "{text}");
    // It went on, to the next thing that was wrong.
    assert!(text.contains("192.0.2.1"), "{text}");
}

#[test]
fn running_out_of_descriptors_is_said_and_passes() {
    let (proxy, options) = (proxy(""), account("descriptors"));
    let mut before = proxy.login(&options);
    assert_eq!(before.run("select 1").value(), "1");
    // The limit of a running process, as an administrator lowers it.
    let pid = proxy.pid().to_string();
    let lowered = Command::new("prlimit").args(["--pid", &pid, "--nofile=40:40"]).status().expect("prlimit runs");
    assert!(lowered.success());
    let more: Vec<_> =
        (0..40).map(|_| Client::connect(proxy.address()).expect("the kernel's queue takes it")).collect();
    proxy.wait_for_log("accepting a client failed: raise RLIMIT_NOFILE");
    assert_eq!(before.run("select 2").value(), "2", "who is in goes on");
    drop(more);
    wait_until("clients are let in again", || {
        Client::connect(proxy.address()).is_ok_and(|mut client| client.log_in(&options).is_ok())
    });
    proxy.expect_no_panic();
}
