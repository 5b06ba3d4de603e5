//! Statements that wait for a server.

use rolecall_tests::raw::Kind;
use rolecall_tests::{Proxy, ProxyOptions};

use crate::front::{account, server};

const NO_SERVER: u16 = 1105;
const MIB: u64 = 1 << 20;

/// F18, E19: the rest of a long statement stays at its client for as long as no server may take it.
#[test]
fn e19_a_long_statement_that_waits_for_a_server_is_not_read_meanwhile() {
    let options = account("hold_long");
    let configuration = "workers: 1\nrouting: {reads_on_primary: never, hold_timeout: 1s}\n".into();
    let listener = Some("mode: replica".into());
    let proxy = Proxy::start([server()], &ProxyOptions { configuration, listener, ..ProxyOptions::default() });
    let mut client = proxy.login(&options);
    let statement = |size: u64| format!("select length('{}')", "x".repeat(size as usize));
    assert_eq!(client.query(statement(MIB)).code(), NO_SERVER);
    let before = proxy.forget_peak();
    client.send_query(statement(60 * MIB));
    let error = client.read_reply(Kind::Result).error().expect("an error");
    assert_eq!(error.code, NO_SERVER, "{error}");
    let grown = proxy.memory().peak.saturating_sub(before);
    assert!(grown < 4 * MIB, "{grown} bytes");
    assert_eq!(client.query("select 1").code(), NO_SERVER, "in step");
}
