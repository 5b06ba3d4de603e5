//! The log: what a level brings, and what it must not bring.

use rolecall_tests::{Proxy, ProxyOptions, wait_until};

use crate::front::{account, server};

/// The log stands in the folder of the configuration, which is watched: what tells of each write there must not be told.
#[test]
fn a_log_in_the_configurations_folder_does_not_tell_of_itself() {
    let options = account("log_trace");
    let more = vec!["--log-level=trace".to_owned()];
    let proxy = Proxy::start([server()], &ProxyOptions { more, ..ProxyOptions::default() });
    let mut client = proxy.login(&options);
    assert_eq!(client.run("select 1").value(), "1");
    // A change of the configuration is noticed all the same.
    let text = std::fs::read_to_string(proxy.configuration()).expect("readable");
    std::fs::write(proxy.configuration(), format!("{text}routing: {{hold_timeout: 3s}}\n")).expect("writable");
    proxy.wait_for_log("configuration applied");
    client.quit();
    wait_until("the session is gone", || proxy.log().contains("session ended"));
    let (status, log) = proxy.stop();
    assert_eq!(status, Some(0), "{}", &log[..log.len().min(2000)]);
    assert!(log.contains("TRACE"), "{log}");
    let own = log.lines().filter(|line| line.contains("notify") || line.contains("mio::")).count();
    assert_eq!(own, 0, "{own} lines of {}", log.lines().count());
}
