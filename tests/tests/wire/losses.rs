//! Servers' connections that end while something is under way: B16, B17, B20, B21 and B23 of the traps, D5 and E18.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use rolecall_protocol::SequenceId;
use rolecall_tests::raw::{Client, Kind, LoginOptions, Parameter, Reply};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Run, Server, ServerOptions, Trial, on_every_server};

/// Takes a minute; looks at KILL after each of its rows (a single SLEEP() that is killed lets MySQL insert its row).
pub const SLOW_INSERT: &str = "insert into t with recursive n (a) as (select 1 union all select a + 1 from n where a < 60) \
                           select sleep(1) from n";

/// Waits until the primary gives `expected` for `sql`.
pub fn wait_for(server: &Server, sql: &str, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let value = server.value(sql);
        if value == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{sql}: {value}, not {expected}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Kills every connection that the case's account has at the primary.
fn kill_at_the_primary(run: &Run) {
    let primary = &run.stage().set.primary;
    let of_account = format!("from information_schema.processlist where user = '{}'", run.name);
    for row in primary.run(&format!("select id {of_account}")).rows() {
        let id = row[0].as_deref().expect("an id");
        primary.try_run(&format!("kill {id}"));
    }
    wait_for(primary, &format!("select count(*) {of_account}"), "0");
}

/// Whether the client was told that its session is over, or that the statement failed.
fn failed(reply: &Reply) -> bool {
    reply.closed || reply.error().is_some()
}

on_every_server! {
    fn b17_what_follows_a_lost_transaction_never_runs_outside_it(stage) {
        let begins: [&[&str]; 4] = [&["begin"], &["set autocommit = 0"], &["start transaction with consistent snapshot"], &["lock tables t write"]];
        for begin in begins {
            Trial::new(stage, "b17_lost").setup(&["create table t (a int)"]).run(|run| {
                begin.iter().for_each(|sql| drop(run.run(sql)));
                run.run("insert into t values (1)");
                kill_at_the_primary(run);
                assert!(failed(&run.query("insert into t values (2)")), "{begin:?}");
                assert!(run.query("insert into t values (3)").closed, "{begin:?}");
                let mut other = run.another();
                // LOCK TABLES is no transaction: each statement under it has committed.
                let kept = if begin[0].starts_with("lock") { "1" } else { "0" };
                assert_eq!(other.run("select count(*) from t where a = 1").value(), kept, "{begin:?}");
                assert_eq!(other.run("select count(*) from t where a > 1").value(), "0", "{begin:?}");
                run.client.transcript.clear();
            });
        }
    }

    fn c1_state_that_was_lost_is_never_silently_empty(stage) {
        let steps: [&[&str]; 4] = [
            // A literal integer would be known by the text.
            &["set @a = 'one'", "select @a"], &["create temporary table tt (a int)", "insert into tt values (1)", "select * from tt"],
            &["do get_lock('c1_lost', 0)", "select release_lock('c1_lost')"], &["prepare p from 'insert into t values (7)'", "execute p"],
        ];
        for steps in steps {
            Trial::new(stage, "c1_lost").setup(&["create table t (a int)"]).run(|run| {
                let (last, before) = steps.split_last().expect("steps");
                before.iter().for_each(|sql| drop(run.run(sql)));
                kill_at_the_primary(run);
                assert!(failed(&run.query(last)), "{last}");
                run.client.transcript.clear();
            });
        }
    }

    fn d5_parameter_data_that_was_lost_is_never_taken_for_empty(stage) {
        Trial::new(stage, "d5").setup(&["create table t (a longblob)"]).run(|run| {
            let insert = run.prepare("insert into t values (?)");
            run.send_long_data(insert.id, 0, b"abc");
            run.ping();
            kill_at_the_primary(run);
            let long = [Parameter::of(0xFC, 0, &[])];
            assert!(failed(&run.execute(insert.id, &long)));
            let mut other = run.another();
            assert_eq!(other.run("select count(*) from t for update").value(), "0");
            run.client.transcript.clear();
        });
    }

    fn q27_a_prepared_xa_transaction_survives_its_session(stage) {
        Trial::new(stage, "q27_survives").setup(&["create table t (a int)"]).run(|run| {
            let mut gone = run.another();
            for sql in ["xa start 'q27_survives'", "insert into t values (1)", "xa end 'q27_survives'", "xa prepare 'q27_survives'"] {
                gone.run(sql);
            }
            gone.stream.shutdown(Shutdown::Both);
            // The server lets go of it once it has seen the end of the session.
            let deadline = Instant::now() + Duration::from_secs(15);
            while run.query("xa commit 'q27_survives'").code() != 0 {
                assert!(Instant::now() < deadline, "the prepared transaction is lost");
                std::thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(run.run("select count(*) from t for update").value(), "1");
            run.client.transcript.clear();
        });
    }

    fn b23_e18_a_transaction_that_is_idle_for_too_long(stage) {
        Trial::new(stage, "b23").setup(&["create table t (a int)"]).run(|run| {
            run.run("set session wait_timeout = 1");
            run.run("begin");
            run.run("insert into t values (1)");
            // The server speaks unasked: the packet has sequence id 0. MariaDB just closes.
            run.sequence = SequenceId(0);
            let reply = run.read_reply(Kind::Single);
            assert_eq!(reply.closed, run.flavour().is_mariadb(), "{reply:?}");
            assert!(run.query("select 1").closed);
            let mut other = run.another();
            assert_eq!(other.run("select count(*) from t").value(), "0");
        });
    }

    fn e18_an_idle_connection_that_its_server_closes_is_replaced(stage) {
        // Straight at the server the client's own connection would be gone.
        Trial::new(stage, "e18").setup(&["create table t (a int)"]).run_proxied(|run| {
            run.run("set time_zone = '+05:00'");
            for count in 1..4 {
                kill_at_the_primary(run);
                run.run("insert into t values (1)");
                assert_eq!(run.run("select @@time_zone").value(), "+05:00");
                assert_eq!(run.run("select count(*) from t for update").value(), count.to_string(), "executed once");
            }
        });
    }

    fn b20_a_write_that_is_killed_is_not_run_again(stage) {
        Trial::new(stage, "b20").setup(&["create table t (a int)"]).run(|run| {
            let primary = run.stage().clone();
            run.send_query(SLOW_INSERT);
            wait_for(&primary.set.primary, "select count(*) from information_schema.processlist where user = 'b20' and info like 'insert into t with%'", "1");
            kill_at_the_primary(run);
            assert!(failed(&run.read_reply(Kind::Result)));
            let mut other = run.another();
            assert_eq!(other.run("select count(*) from t for update").value(), "0");
            run.client.transcript.clear();
        });
    }
}

scripts! {
    fn b16_tables_that_know_no_transactions {
        setup: ["create table t (a int)", "create table m (a int) engine = myisam"],
        steps: [
            "begin", "insert into m values (1)", "insert into t values (1)", "rollback", "show warnings", "select * from m", "select * from t", "begin", "insert into t values (2)", "insert into m values (2)",
            "commit", "select * from m", "select * from t", "insert into m values (3), (4)", "begin", "update m set a = 9 where a = 1", "rollback", "select * from m order by a",
        ],
    }
}

/// The server dies while outcomes are not known: the clients are told so, and nothing is run again.
fn unknown_outcomes(flavour: Flavour) {
    let server = Server::start(flavour, &ServerOptions { id: 1, ..ServerOptions::default() });
    server.run("create database b21");
    server.run("create table b21.t (a int)");
    let proxy = Proxy::start([&server], &ProxyOptions::default());
    let mut options = LoginOptions::new("root", Server::PASSWORD).database("b21");
    if flavour.is_mariadb() {
        options.plugin = "mysql_native_password".into();
    }
    let statements: [(&[&str], &str); 5] = [
        (&[], "insert into t values (2)"),
        (&["set @a = 1"], "insert into t values (3)"),
        (&["begin", "insert into t values (1)"], "commit"),
        (&["begin", "insert into t values (4)"], "create table u (a int)"),
        (&["set autocommit = 0", "insert into t values (5)"], "set autocommit = 1"),
    ];
    let mut clients = Vec::new();
    for (before, _) in &statements {
        let mut client = Client::login(proxy.address(), &options).expect("a login");
        before.iter().for_each(|sql| drop(client.run(sql)));
        clients.push(client);
    }
    // Commits and writes wait for this lock.
    server.run("flush tables with read lock");
    for (client, (_, sql)) in clients.iter_mut().zip(statements) {
        client.send_query(sql);
        wait_for(&server, &format!("select count(*) from information_schema.processlist where info = '{sql}'"), "1");
    }
    server.signal("KILL");
    for (client, (_, sql)) in clients.iter_mut().zip(statements) {
        let error = client.read_reply(Kind::Result).error().unwrap_or_else(|| panic!("{sql}: no error"));
        assert!(error.to_string().contains("may or may not have been executed"), "{sql}: {error}");
    }
    proxy.expect_no_panic();
}

#[test]
fn b20_b21_an_unknown_outcome_is_called_that_mysql() {
    unknown_outcomes(Flavour::Mysql);
}

#[test]
fn b20_b21_an_unknown_outcome_is_called_that_mariadb() {
    unknown_outcomes(Flavour::Mariadb11);
}
