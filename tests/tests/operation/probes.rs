//! What probes find out between their turns.

use std::time::{Duration, Instant};

use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, tell, wait_until};

/// Longer than the test: what is seen was not the next probe's doing.
const SELDOM: &str = "probe: {interval: 1m}\n";

fn role(proxy: &Proxy) -> String {
    let topology = proxy.admin_json("/topology");
    topology["servers"][0]["role"].as_str().expect("a role").to_owned()
}

/// A server that dies hangs up on the monitor's login: what it has told counts no more, though no probe is due.
fn a_server_that_dies_is_noticed_without_a_probe(flavour: Flavour, id: u32) {
    let server = Server::start(flavour, &ServerOptions { id, ..ServerOptions::default() });
    let options = ProxyOptions { configuration: SELDOM.into(), ..ProxyOptions::default() };
    let proxy = Proxy::start([&server], &options);
    wait_until("it is the primary", || role(&proxy) == "primary");
    let died = Instant::now();
    server.signal("KILL");
    wait_until("its end is noticed", || role(&proxy) != "primary");
    tell(&format!("a server that was killed was noticed after {:.1?}, {}", died.elapsed(), flavour.name()));
    assert!(died.elapsed() < Duration::from_secs(5));
    proxy.expect_no_panic();
}

#[test]
fn a_server_that_dies_is_noticed_without_a_probe_mysql() {
    a_server_that_dies_is_noticed_without_a_probe(Flavour::Mysql, 81);
}

#[test]
fn a_server_that_dies_is_noticed_without_a_probe_mariadb() {
    a_server_that_dies_is_noticed_without_a_probe(Flavour::mariadb(), 82);
}
