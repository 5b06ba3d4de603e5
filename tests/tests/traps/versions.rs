//! C23: in the middle of a rolling upgrade one server knows variables that another one does not.

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions};

/// A primary, and a replica of another version or with fewer plugins; `t (a int)` with one row on both. They do not replicate:
/// sessions read at `eventual`.
fn two(primary: (Flavour, &[&str]), replica: (Flavour, &[&str])) -> ([Server; 2], Proxy, LoginOptions) {
    let servers = [primary, replica].map(|(flavour, more)| {
        let more = more.iter().map(ToString::to_string).collect();
        let server = Server::start(flavour, &ServerOptions { more, ..ServerOptions::default() });
        for sql in [
            "create schema upgrade",
            "create table upgrade.t (a int)",
            "insert into upgrade.t values (1)",
            &format!("create user upgrade {}", flavour.identified("pw")),
            "grant all on upgrade.* to upgrade",
        ] {
            server.run(sql);
        }
        server
    });
    servers[1].run(if replica.0.is_mariadb() { "set global read_only = 1" } else { "set global super_read_only = 1" });
    let configuration = "pool: {max_connections_per_user: 1}\n".to_owned();
    let listener = Some("consistency: eventual".to_owned());
    let proxy = Proxy::start(&servers, &ProxyOptions { configuration, listener, ..ProxyOptions::default() });
    let options = LoginOptions::new("upgrade", "pw").database("upgrade");
    let options = if primary.0.is_mariadb() { options.plugin("mysql_native_password") } else { options };
    (servers, proxy, options)
}

/// Reads, writes and transactions go on with the variable set, which keeps its value where it is known; others are not
/// disturbed, wherever they have the connections from.
fn goes_on(proxy: &Proxy, options: &LoginOptions, set: &str, ask: &str, value: &str) {
    let [mut session, mut other] = [proxy.login(options), proxy.login(options)];
    let fresh = other.run(ask).value();
    assert_ne!(fresh, value);
    let read = session.prepare("select a, ? from t").id;
    session.run("select a from t");
    session.run(set);
    let both = |client: &mut Client, value: &str, number: u32| {
        assert_eq!(client.run("select count(*) from t where a = 1").value(), "1");
        client.run(&format!("insert into t values ({number})"));
        assert_eq!(client.run(ask).value(), value);
        client.run("begin");
        assert_eq!(client.run(&format!("select count(*) from t where a = {number}")).value(), "1");
        client.run("commit");
        client.run("start transaction read only");
        client.run("select a from t");
        client.run("commit");
    };
    for number in 0..3 {
        both(&mut session, value, 10 + number);
        session.execute(read, &[rolecall_tests::raw::Parameter::integer(1)]).expect_ok("execute");
        both(&mut other, &fresh, 20 + number);
    }
    session.quit();
    both(&mut proxy.login(options), &fresh, 30);
    proxy.expect_no_panic();
}

#[test]
fn c23_a_variable_that_only_the_primary_knows_breaks_no_session_mysql() {
    let plugin = ["--plugin-load-add=group_replication.so", "--loose-group-replication-start-on-boot=OFF"];
    let (_servers, proxy, options) = two((Flavour::Mysql, &plugin), (Flavour::Mysql, &[]));
    goes_on(
        &proxy,
        &options,
        "set session group_replication_consistency = 'AFTER', session sql_select_limit = 100",
        "select @@group_replication_consistency",
        "AFTER",
    );
}

#[test]
fn c23_a_variable_that_only_the_primary_knows_breaks_no_session_mariadb() {
    let (_servers, proxy, options) = two((Flavour::Mariadb11, &[]), (Flavour::Mariadb10, &[]));
    let set = "set session optimizer_where_cost = 77, session sql_select_limit = 100";
    goes_on(&proxy, &options, set, "select @@optimizer_where_cost", "77.000000");
}

/// What 10.11 calls tx_isolation alone has two names in 11.8, which reports both.
#[test]
fn c23_a_variable_with_another_name_is_the_same_on_both() {
    for flavours in [[Flavour::Mariadb11, Flavour::Mariadb10], [Flavour::Mariadb10, Flavour::Mariadb11]] {
        let (_servers, proxy, options) = two((flavours[0], &[]), (flavours[1], &[]));
        let set = "set session transaction isolation level serializable";
        goes_on(&proxy, &options, set, "select @@tx_isolation", "SERIALIZABLE");
        let mut session = proxy.login(&options);
        session.run(set);
        assert_eq!(
            session.run("select /* rolecall: replica */ @@tx_isolation").value(),
            "SERIALIZABLE",
            "{flavours:?}"
        );
    }
}

/// The replica is the first to be upgraded: a session was there last when it sets what the primary does not know.
#[test]
fn c23_a_variable_that_only_the_replica_knows_breaks_no_session() {
    let (_servers, proxy, options) = two((Flavour::Mariadb10, &[]), (Flavour::Mariadb11, &[]));
    for behind_a_read in [true, false] {
        let mut session = proxy.login(&options);
        session.run("select a from t");
        if behind_a_read {
            session.run("select a from t");
        } else {
            session.run("update t set a = 1 where a = 1");
        }
        // Wherever it is sent: known or not, the session goes on.
        let code = session.query("set session optimizer_where_cost = 77").code();
        assert!([0, 1193].contains(&code), "{code}");
        for number in [40, 41] {
            assert_eq!(session.run("select count(*) from t where a = 1").value(), "1");
            session.run(&format!("insert into t values ({number})"));
            session.run("begin");
            session.run("select a from t");
            session.run("commit");
        }
        session.quit();
    }
    goes_on(&proxy, &options, "set session div_precision_increment = 9", "select @@div_precision_increment", "9");
}
