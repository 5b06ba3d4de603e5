//! C25: what a login finds because of the server's init_connect, everybody finds, whoever had the connection before; and
//! everything at once is gone with its session.

use std::sync::Arc;

use rolecall_tests::raw::{Client, LoginOptions, Parameter};
use rolecall_tests::{Proxy, ProxyOptions, Server, ServerOptions, Stage, on_every_server};

use crate::rival::Narrow;

const INIT: &str = "--init-connect=set session sql_mode = 'PIPES_AS_CONCAT', session time_zone = '+02:00', @who = 'init', session sql_select_limit = 50";
const ACTS: [&[&str]; 6] = [
    &[],
    &["set session sql_mode = '', session time_zone = '+07:00'", "set session sql_select_limit = default"],
    &["set @who = 'somebody'"],
    &["set @who = null, session sql_mode = default"],
    &["begin", "set @who = 'in a transaction'"],
    &["set session sql_mode = 'ANSI_QUOTES'", "select nothing from nowhere"],
];

fn row(client: &mut Client, sql: &str) -> Vec<String> {
    let row = client.run(sql).rows().remove(0);
    row.into_iter().map(|column| column.unwrap_or_else(|| "NULL".into())).collect()
}

/// A server of its own, and a proxy with one connection to it.
fn with_init_connect(stage: &Arc<Stage>) -> (Server, Proxy, LoginOptions) {
    let flavour = stage.flavour();
    let server = Server::start(flavour, &ServerOptions { more: vec![INIT.to_owned()], ..ServerOptions::default() });
    server.run(&format!("create user init {}", flavour.identified("pw")));
    let configuration = "pool: {max_connections: 1}\n".to_owned();
    let proxy = Proxy::start([&server], &ProxyOptions { configuration, ..ProxyOptions::default() });
    let options = LoginOptions::new("init", "pw");
    let options = if flavour.is_mariadb() { options.plugin("mysql_native_password") } else { options };
    (server, proxy, options)
}

/// Whatever one session does with what init_connect has set, others find what `ask` shows of a login at the server.
fn is_everybodys(stage: &Arc<Stage>, ask: &str) {
    let (server, proxy, options) = with_init_connect(stage);
    let expected = row(&mut Client::login(server.address(), &options).expect("a login"), ask);
    let at_root = row(&mut server.root(), ask);
    assert_ne!(expected, at_root, "the server runs it, but for root");
    for act in ACTS {
        for resets in [false, true] {
            let (mut first, mut staying) = (proxy.login(&options), proxy.login(&options));
            assert_eq!(row(&mut first, ask), expected, "before {act:?}");
            act.iter().for_each(|sql| drop(first.query(sql)));
            if resets {
                first.reset_connection().expect_ok("reset");
                let found = row(&mut first, ask);
                row(&mut staying, ask);
                assert_eq!(row(&mut first, ask), found, "after {act:?}, a reset, and another session");
            }
            drop(first);
            assert_eq!(row(&mut staying, ask), expected, "after {act:?}, reset: {resets}");
            assert_eq!(row(&mut proxy.login(&options), ask), expected, "after {act:?}, reset: {resets}");
        }
    }
    proxy.expect_no_panic();
}

on_every_server! {
    fn c25_what_init_connect_has_set_is_everybodys(stage) {
        is_everybodys(stage, "select @@sql_mode, @@time_zone, @@sql_select_limit, @@autocommit");
    }

    /// All of group C in one session, at the primary and at a replica; the next one has the same connections, or others.
    fn c25_nothing_of_all_the_traps_is_left_for_the_next_session(stage) {
        let narrow = Narrow::new(stage);
        let setup = ["create procedure sets() begin set @p = 5; set session time_zone = '+03:00'; end"];
        let options = stage.account("trap_c25", &setup);
        let proxy = &narrow.proxy;
        let ask = [
            "select @a, @p, @@time_zone, @@sql_mode, @@character_set_client, @@collation_connection, @@sql_select_limit, database(), @@autocommit, last_insert_id(), current_role()",
            "show warnings", "select count(*) from t", "select * from x", "execute p", "select is_free_lock('trap_c25')", "select @@wait_timeout, @@foreign_key_checks, @@transaction_isolation",
        ].map(|sql| if stage.flavour().is_mariadb() { sql.replace("transaction_isolation", "tx_isolation") } else { sql.to_owned() });
        let told = |client: &mut Client| ask.clone().map(|sql| { let reply = client.query(&sql); (reply.code(), reply.rows()) });
        let expected = told(&mut Client::login(stage.set.primary.address(), &options).expect("a login"));
        for quits in [true, false] {
            let mut first = proxy.login(&options);
            let read = first.prepare("select a from t where id = ?").id;
            for sql in [
                "select a from t where id = 1", "set names latin1", "set session time_zone = '+05:00', session sql_mode = 'ANSI_QUOTES', session wait_timeout = 77", "select a from t where id = 2", "set session foreign_key_checks = 0, session sql_select_limit = 2",
                "select last_insert_id(99)", "select a from t where id = 3", "call sets()", "set @a = 1", "create temporary table x (a int)", "prepare p from 'select 1'", "do get_lock('trap_c25', 0)", "use information_schema", "select 1/0",
                "set session transaction isolation level serializable", "begin", "update trap_c25.t set a = 99",
            ] {
                first.run(sql);
            }
            first.execute(read, &[Parameter::integer(1)]).expect_ok("execute");
            if quits { first.quit() } else { drop(first) }
            let mut second = proxy.login(&options);
            assert_eq!(told(&mut second), expected, "quits: {quits}");
            assert_eq!(second.execute(read, &[Parameter::integer(1)]).code(), 1243);
            second.quit();
        }
        proxy.expect_no_panic();
    }
}

on_every_server! {
    fn c25_user_variables_of_init_connect_are_everybodys(stage) {
        is_everybodys(stage, "select @who, @@time_zone");
    }
}
