//! Several sessions on one server connection, each with a state of its own.

use rolecall_protocol::{Capabilities, StatusFlags};
use rolecall_tests::on_every_server;
use rolecall_tests::raw::{Client, LoginOptions};

use crate::pool::{NO_SERVER, Pool, row};

const STATE: &str = "select database(), @@sql_mode, @@time_zone, @@character_set_client, @@collation_connection, \
                     @@sql_select_limit, @@foreign_key_checks";

on_every_server! {
    /// C4, C7, C8, C12: what each has set, each finds, whoever had the connection in between.
    fn each_session_finds_its_own_state(stage) {
        let pool = Pool::new(stage, "pool_states", "max_connections: 1");
        let server = pool.server();
        server.run("create schema if not exists pool_states_other");
        server.run("grant all on pool_states_other.* to pool_states");
        let settings: [&[&str]; 5] = [
            &[],
            &["use pool_states_other", "set sql_mode = 'ANSI_QUOTES'"],
            &["set time_zone = '+05:00'", "set names latin1"],
            &["set names utf8mb4 collate utf8mb4_bin", "set sql_select_limit = 7, foreign_key_checks = 0"],
            &["set character_set_client = latin1", "set session sql_mode = ''", "set session time_zone = '-03:00'", "use pool_states_other"],
        ];
        let mut sessions: Vec<(Client, Vec<String>)> = settings.iter().map(|statements| {
            // The same at the server itself.
            let mut direct = Client::login(server.address(), &pool.options).expect("a login");
            let mut session = pool.login();
            for statement in *statements {
                direct.run(statement);
                session.run(statement);
            }
            let expected = row(&mut direct, STATE);
            direct.quit();
            (session, expected)
        }).collect();
        let connection = pool.connection();
        for round in 0..6 {
            for at in 0..5 {
                let at = (at * (round % 4 + 1)) % 5;
                let (session, expected) = &mut sessions[at];
                assert_eq!(row(session, STATE), *expected, "session {at}, round {round}");
            }
        }
        assert_eq!(pool.connection(), connection, "one connection has served all");
        assert!(pool.metric("rolecall_pool_handovers_total") >= 20);
        // What one changes later, the others do not see.
        sessions[0].0.run("set sql_mode = 'NO_BACKSLASH_ESCAPES'");
        sessions[2].0.run("set sql_mode = default");
        assert_eq!(sessions[1].0.run("select @@sql_mode").value(), "ANSI_QUOTES");
        assert_eq!(sessions[4].0.run("select @@sql_mode").value(), "");
        assert_eq!(sessions[0].0.run("select @@sql_mode").value(), "NO_BACKSLASH_ESCAPES");
        pool.proxy.expect_no_panic();
    }

    /// A1, C3: nobody else gets a connection with a transaction.
    fn a_transaction_keeps_its_connection(stage) {
        let pool = Pool::new(stage, "pool_trx", "max_connections: 2");
        let [mut first, mut second, mut third] = [0, 1, 2].map(|_| pool.login());
        for (begin, end) in [("begin", "commit"), ("set autocommit = 0", "set autocommit = 1"), ("start transaction read only", "rollback")] {
            first.run(begin);
            let locked = first.run("select a from t where id = 1").value();
            for number in 10..14 {
                second.run(&format!("update t set a = {number} where id = 1"));
                assert_eq!(third.run("select a from t where id = 1").value(), number.to_string());
                assert!(!third.ping().status().contains(StatusFlags::IN_TRANS));
                assert_eq!(first.run("select a from t where id = 1").value(), locked, "{begin}: one snapshot");
                assert!(first.ping().status().contains(StatusFlags::IN_TRANS), "{begin}");
            }
            first.run(end);
            assert_eq!(first.run("select a from t where id = 1").value(), "13");
        }
        assert_eq!(pool.connections().len(), 2);
    }

    /// C1, C2, C13: what only the connection has stays with its session.
    fn a_pinned_session_keeps_its_connection(stage) {
        let pool = Pool::new(stage, "pool_pins", "max_connections: 2");
        let [mut first, mut second, mut third] = [0, 1, 2].map(|_| pool.login());
        let cases = [
            ("create temporary table x (a int)", "select count(*) from x", "0", "drop temporary table x"),
            ("do get_lock('pool_pins', 1)", "select is_used_lock('pool_pins') is not null", "1", "do release_lock('pool_pins')"),
            ("prepare s from 'select 7'", "execute s", "7", "deallocate prepare s"),
            ("set @a = 'x'", "select @a", "x", "set @a = null"),
        ];
        for (hold, ask, answer, let_go) in cases {
            first.run(hold);
            for _ in 0..3 {
                second.run("update t set a = a + 1");
                third.run("select * from t");
                assert_eq!(first.run(ask).value(), answer, "{hold}");
            }
            if hold.starts_with("set") {
                assert_eq!([second.run(ask).value(), third.run(ask).value()], ["NULL", "NULL"]);
            }
            first.run(let_go);
        }
        assert!(pool.connections().len() <= 2);
    }

    /// Threats 2: what no reset clears lives in the connection, so that sessions that differ there share none.
    fn connections_are_shared_by_logins_that_are_alike(stage) {
        let pool = Pool::new(stage, "pool_alike", "max_connections: 1");
        let found = pool.options.clone().with(Capabilities::FOUND_ROWS);
        let latin = LoginOptions { collation: 8, ..pool.options.clone() };
        let [mut plain, mut found, mut latin] = [&pool.options, &found, &latin].map(|options| pool.proxy.login(options));
        for _ in 0..3 {
            let rows = |client: &mut Client| client.run("update t set a = a").ok().expect("OK").affected_rows;
            assert_eq!((rows(&mut plain), rows(&mut found)), (0, 3));
            assert_eq!(latin.run("select @@character_set_client").value(), "latin1");
            assert_eq!(plain.run("select @@character_set_client").value(), "utf8mb4");
        }
        assert_eq!(pool.connections().len(), 1);
        // Whoever was the last to have it: the next of his kind has it, too.
        let connection = pool.connection();
        assert_eq!(pool.login().run("select count(*) from t").value(), "3");
        assert_eq!(pool.connection(), connection);
    }

    fn users_do_not_share_connections(stage) {
        let pool = Pool::new(stage, "pool_user", "max_connections: 1");
        let other = stage.account("pool_user_other", &[]);
        let (mut first, mut second) = (pool.login(), pool.proxy.login(&other));
        for _ in 0..3 {
            assert_eq!(first.run("select user(), database()").rows()[0][1].as_deref(), Some("pool_user"));
            assert!(first.run("select current_user()").value().starts_with("pool_user@"));
            assert!(second.run("select current_user()").value().starts_with("pool_user_other@"));
            assert_eq!(second.query("select * from pool_user.t").code(), 1142, "no right");
        }
    }

    /// In `session` mode nobody's connection is taken.
    fn sessions_keep_their_connections_where_told_so(stage) {
        let pool = Pool::with_mode(stage, "pool_apart", "max_connections: 2, wait_timeout: 300ms", "session");
        let (mut first, mut second) = (pool.login(), pool.login());
        first.run("select count(*) from t");
        second.run("select count(*) from t");
        let connections = pool.wait_for_connections(2);
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut third = pool.login();
        assert_eq!(third.query("select count(*) from t").code(), NO_SERVER);
        for _ in 0..3 {
            first.run("select count(*) from t");
            second.run("select count(*) from t");
        }
        assert_eq!(pool.connections(), connections);
        assert_eq!(pool.metric("rolecall_pool_handovers_total"), 0);
        first.quit();
        third.run("select count(*) from t");
    }

    /// Each has had a connection to itself for as long as there were enough.
    fn no_connection_is_taken_below_the_limit_from_a_busy_session(stage) {
        let pool = Pool::new(stage, "pool_enough", "max_connections: 10");
        let mut sessions = pool.logins(6);
        // All at once hold one.
        sessions.iter_mut().for_each(|session| drop(session.run("begin")));
        sessions.iter_mut().for_each(|session| drop(session.run("select * from t")));
        assert_eq!(pool.connections().len(), 6);
        sessions.iter_mut().for_each(|session| drop(session.run("commit")));
        // Idle for some time, one serves all.
        std::thread::sleep(std::time::Duration::from_millis(100));
        let mut late = pool.logins(3);
        late.iter_mut().for_each(|session| drop(session.run("select * from t")));
        assert_eq!(pool.connections().len(), 6, "none was opened where there are idle ones");
    }
}
