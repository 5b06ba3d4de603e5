//! Servers that close what is idle: X9 of the wire cases.

use rolecall_protocol::SequenceId;
use rolecall_tests::raw::{Kind, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, wait_until};

#[test]
fn x9_a_server_that_closes_idle_connections_sooner_than_clients_expect() {
    let more = vec!["--wait-timeout=1".to_owned(), "--interactive-timeout=1".to_owned()];
    let server = Server::start(Flavour::Mysql, &ServerOptions { more, ..ServerOptions::default() });
    server.run(&format!("create user x9 {}", server.flavour().identified("pw")));
    server.run("create schema x9");
    server.run("create table x9.t (a int)");
    server.run("grant all on x9.* to x9");
    let proxy =
        Proxy::start([&server], &ProxyOptions { listener: Some("pooling: session".into()), ..ProxyOptions::default() });
    let mut client = proxy.login(&LoginOptions::new("x9", "pw").database("x9"));
    client.run("set time_zone = '+05:00'");
    let insert = client.prepare("insert into t values (1)").id;
    let gone = || server.try_run("select count(*) from information_schema.processlist where user = 'x9'");
    for count in 1..4 {
        wait_until("the server has closed the idle connection", || {
            let reply = gone();
            !reply.closed && reply.value() == "0"
        });
        // No error 2006 or 4031: another connection, as the first one was.
        client.execute(insert, &[]).expect_ok("a write");
        assert_eq!(client.run("select @@time_zone").value(), "+05:00");
        assert_eq!(client.run("select count(*) from t").value(), count.to_string(), "executed once");
    }
    // What only that connection had cannot be had again: the client is told, as by the server itself.
    client.run("create temporary table here (a int)");
    wait_until("the session ends with its server's connection", || {
        let listed = proxy.admin_json("/sessions").to_string();
        !listed.contains("\"x9\"")
    });
    // The server's own last words, which nobody asked for: sequence id 0.
    client.sequence = SequenceId(0);
    assert_eq!(client.read_reply(Kind::Single).code(), 4031);
    assert!(client.query("select * from here").closed);
    proxy.expect_no_panic();
}
