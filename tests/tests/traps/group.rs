//! F8: group_replication_consistency, which sessions set for themselves, through connections that they share.

use std::net::Ipv4Addr;
use std::time::Duration;

use rolecall_protocol::StatusFlags;
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, free_port, wait_within};

/// A group takes its time to find together.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a member says that could not get to what it was asked to wait for.
const NOT_CONSISTENT: u16 = 3797;
/// What a member says that was not allowed to commit.
const HOOK_FAILED: u16 = 3100;

/// A primary and a secondary of one group.
fn group() -> [Server; 2] {
    let ports: [u16; 2] = std::array::from_fn(|_| free_port(Ipv4Addr::LOCALHOST));
    let seeds = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let servers = ports.map(|port| {
        let more = [
            "--plugin-load-add=group_replication.so".to_owned(),
            "--loose-group-replication-group-name=aaaaaaaa-bbbb-cccc-dddd-ffffffffffff".to_owned(),
            "--loose-group-replication-start-on-boot=OFF".to_owned(),
            format!("--loose-group-replication-local-address=127.0.0.1:{port}"),
            format!("--loose-group-replication-group-seeds={seeds}"),
            "--loose-group-replication-recovery-get-public-key=ON".to_owned(),
            "--loose-group-replication-ip-allowlist=127.0.0.1/8".to_owned(),
            "--loose-group-replication-message-cache-size=134217728".to_owned(),
        ];
        Server::start(Flavour::Mysql, &ServerOptions { more: more.into(), ..ServerOptions::default() })
    });
    let password = Server::PASSWORD.replace('\'', "''");
    for server in &servers {
        server.run("reset binary logs and gtids");
        server.run(&format!(
            "change replication source to source_user='repl', source_password='{password}' \
             for channel 'group_replication_recovery'"
        ));
    }
    servers[0].run("set global group_replication_bootstrap_group=ON");
    servers[0].run("start group_replication");
    servers[0].run("set global group_replication_bootstrap_group=OFF");
    servers[1].run("start group_replication");
    servers
}

#[test]
fn f8_consistency_of_a_group_is_each_sessions_own() {
    let servers = group();
    let online = "select count(*) from performance_schema.replication_group_members where member_state = 'ONLINE'";
    wait_within(PATIENCE, "two members", || servers.iter().all(|server| server.value(online) == "2"));
    for sql in [
        "create schema grp",
        "create table grp.t (id int primary key, a int)",
        "insert into grp.t values (1, 1)",
        &format!("create user grp {}", Flavour::Mysql.identified("pw")),
        "grant all on grp.* to grp",
        "grant session_variables_admin on *.* to grp",
    ] {
        servers[0].run(sql);
    }
    wait_within(PATIENCE, "they are there", || {
        servers[1].try_run("select * from grp.t").rows().len() == 1
            && servers[1].value("select count(*) from mysql.user where user = 'grp'") == "1"
    });
    let configuration = "pool: {max_connections_per_user: 1}\n".to_owned();
    let listener = Some("consistency: eventual".to_owned());
    let proxy = Proxy::start(&servers, &ProxyOptions { configuration, listener, ..ProxyOptions::default() });
    let options = LoginOptions::new("grp", "pw").database("grp");
    wait_within(PATIENCE, "it knows both roles", || {
        let topology = proxy.admin_json("/topology").to_string();
        topology.contains("\"primary\"") && topology.contains("\"replica\"")
    });
    follow(&proxy, &options);
    refused(&proxy, &options, &servers[1]);
    too_large(&proxy, &options, &servers[0]);
    proxy.expect_no_panic();
}

/// With AFTER a write is at the secondary once it is answered, and another session's is not waited for.
fn follow(proxy: &Proxy, options: &LoginOptions) {
    let ask = "select @@group_replication_consistency";
    let [mut session, mut other] = [0, 1].map(|_| proxy.login(options));
    let fresh = other.run(ask).value();
    session.run("set session group_replication_consistency = 'AFTER'");
    for number in 10..30 {
        session.run(&format!("insert into t values ({number}, 1)"));
        assert_eq!(other.run(&format!("select count(*) from t where id = {number}")).value(), "1");
        assert_eq!(other.run(ask).value(), fresh);
        assert_eq!(session.run(ask).value(), "AFTER");
    }
    // BEFORE: the read waits where it runs.
    session.run("set session group_replication_consistency = 'BEFORE'");
    for number in 30..50 {
        other.run(&format!("insert into t values ({number}, 1)"));
        assert_eq!(session.run(&format!("select count(*) from t where id = {number}")).value(), "1");
    }
    for client in [&mut session, &mut other] {
        client.quit();
    }
}

/// A secondary that does not get there says so, and the session goes on.
fn refused(proxy: &Proxy, options: &LoginOptions, secondary: &Server) {
    let mut lock: Client = secondary.root();
    let mut session = proxy.login(options);
    session.run("set session group_replication_consistency = 'BEFORE', session wait_timeout = 1");
    lock.run("flush tables with read lock");
    let mut writer = proxy.login(options);
    writer.run("insert into t values (60, 1)");
    let read = "select /* rolecall: replica */ count(*) from t where id = 60";
    let reply = session.query(read);
    assert_eq!(reply.code(), NOT_CONSISTENT, "{:?}", reply.error());
    lock.run("unlock tables");
    session.run("set session wait_timeout = 100");
    wait_within(PATIENCE, "the read is served again", || session.query(read).rows() == [[Some("1".to_owned())]]);
    session.run("insert into t values (61, 1)");
}

/// A commit that the group does not take is an error and a rollback, and the session goes on.
fn too_large(proxy: &Proxy, options: &LoginOptions, primary: &Server) {
    primary.run("set global group_replication_transaction_size_limit = 20000");
    let mut session = proxy.login(options);
    session.run("create table if not exists large (id int primary key, a longblob)");
    let insert = "insert into large values (1, repeat('x', 100000))";
    assert_eq!(session.query(insert).code(), HOOK_FAILED);
    assert_eq!(session.run("/* rolecall: primary */ select count(*) from large").value(), "0");
    session.run("begin");
    session.run(insert);
    assert_eq!(session.query("commit").code(), HOOK_FAILED);
    assert!(!session.ping().status().contains(StatusFlags::IN_TRANS));
    assert_eq!(session.run("/* rolecall: primary */ select count(*) from large").value(), "0");
    session.run("insert into large values (1, 'small')");
    assert_eq!(session.run("/* rolecall: primary */ select count(*) from large").value(), "1");
}
