//! A read that waits for its replica takes the wait with it (F1).

use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{From, MiddleBox, Verdict};
use rolecall_tests::raw::Kind;
use rolecall_tests::{Proxy, ProxyOptions, Server, Stage, StatementCounts, on_every_server, wait_until};

use crate::causality::HeldBack;

/// A replica behind a box, and a proxy in front of both servers.
fn behind_a_box(stage: &Stage, catch_up: &str) -> (MiddleBox, Proxy) {
    let way = MiddleBox::start(stage.set.replicas[0].address(), |_| Verdict::Pass);
    let configuration = format!(
        "backend: {{tls: {{mode: \"off\"}}, public_key: {{ask: true}}}}\nrouting: {{catch_up_timeout: {catch_up}}}\n"
    );
    let backends = vec![stage.set.primary.address(), way.address()];
    let proxy = Proxy::start([], &ProxyOptions { configuration, backends, ..ProxyOptions::default() });
    (way, proxy)
}

/// Whether the replica has been sent this by the user.
fn has_come(way: &MiddleBox, user: &str, part: &str) -> bool {
    way.seen(From::Client).iter().any(|moment| moment.user == user && moment.text().contains(part))
}

on_every_server! {
    fn f1_a_wait_and_the_read_behind_it_go_in_one_write(stage) {
        let (way, proxy) = behind_a_box(stage, "30s");
        let options = stage.account("trap_f1_write", &[]);
        let mut client = proxy.login(&options);
        let held = HeldBack::new(stage);
        client.run("insert into t values (9, 1)");
        client.send_query("select count(*) from t where id = 9");
        // Both are there while the replica has nothing to say.
        wait_until("the wait is sent", || has_come(&way, "trap_f1_write", "GTID"));
        wait_until("the read is sent", || has_come(&way, "trap_f1_write", "where id = 9"));
        let at_replica = || StatementCounts::read(&stage.set.replicas[0], &options.user);
        let before = at_replica();
        drop(held);
        assert_eq!(client.read_reply(Kind::Result).value(), "1");
        let after = at_replica();
        let grown = |kind| after.of(kind) - before.of(kind);
        // MariaDB's DO could not tell: it makes an OK of every error.
        let waits = if stage.flavour().is_mariadb() { grown("sql/select") - 1 } else { grown("sql/do") };
        assert!(waits > 0 && grown("sql/select") > 0, "the wait and the read: {:?}", after.since(&before));
        assert_eq!(client.run("select a from t where id = 9").value(), "1");
        proxy.expect_no_panic();
    }

    /// It goes to the primary, once its time is over, and its late answer to nobody.
    fn f1_a_read_that_waited_in_vain_is_the_primarys(stage) {
        let (_, proxy) = behind_a_box(stage, "100ms");
        let options = stage.account("trap_f1_vain", &[]);
        let [mut client, mut other] = [0, 1].map(|_| proxy.login(&options));
        client.run("set sql_mode = 'ansi,no_unsigned_subtraction'");
        for round in 0..3 {
            let held = HeldBack::new(stage);
            client.run(&format!("insert into t values ({}, 1)", 20 + round));
            for _ in 0..2 {
                let count = client.run(&format!("select /* {round} */ count(*) from t where id >= 20")).value();
                assert_eq!(count, (round + 1).to_string());
            }
            drop(held);
            stage.set.wait_until_replicated();
            assert_eq!(other.run("select count(*) from t where id < 20").value(), "3");
            // A wait that goes by itself is reached: the next one may go ahead again.
            client.run("update t set a = a + 1 where id = 1");
            wait_until("a replica serves reads again", || {
                client.run("update t set a = a + 1 where id = 1");
                let before = proxy.metric("rolecall_catch_ups_total{outcome=\"reached\"}");
                client.run("select count(*) from t");
                proxy.metric("rolecall_catch_ups_total{outcome=\"reached\"}") > before
            });
        }
        assert_eq!(proxy.metric("rolecall_pool_destroyed_total{reason=\"behind-a-wait\"}"), 3);
        proxy.expect_no_panic();
    }

    /// C17: they end the statement and the session, though its wait alone runs as yet, and nothing runs on.
    fn c17_kills_reach_a_read_that_waits_for_its_replica(stage) {
        let (way, proxy) = behind_a_box(stage, "30s");
        let options = stage.account("trap_c17_wait", &[]);
        let mut killer = proxy.login(&options);
        for kill in ["kill query", "kill"] {
            let mut client = proxy.login(&options);
            let id = client.run("select connection_id()").value();
            let held = HeldBack::new(stage);
            client.run("replace into t values (9, 1)");
            client.send_query(format!("select /* {kill} */ sleep(60), count(*) from t where id = 9"));
            wait_until("both are sent", || has_come(&way, "trap_c17_wait", &format!("/* {kill} */")));
            let runs = |server: &Server| {
                let sql = "select count(*) from information_schema.processlist where user = 'trap_c17_wait' and info is not null";
                server.run(sql).value() != "0"
            };
            wait_until("it waits", || runs(&stage.set.replicas[0]));
            let killed = Instant::now();
            killer.run(&format!("{kill} {id}"));
            let reply = client.read_reply(Kind::Result);
            assert!(reply.code() == 1317 || (kill == "kill" && reply.closed), "{kill}: {reply:?}");
            wait_until("nothing runs", || !runs(&stage.set.replicas[0]) && !runs(&stage.set.primary));
            assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
            drop(held);
            if kill == "kill query" {
                // K1: what is told of the statement is what its client was told.
                let row = client.run("show warnings").rows().remove(0);
                assert_eq!(row[1].as_deref(), Some("1317"), "{row:?}");
                assert_eq!(client.run("select row_count()").value(), "-1");
                assert_eq!(client.run("select count(*) from t where id = 9").value(), "1");
            }
        }
        proxy.expect_no_panic();
    }

    /// What a compressed leg sends cannot be taken apart: its waits go by themselves.
    fn f1_a_compressed_leg_waits_first(stage) {
        let configuration = "backend: {compression: zlib}\nrouting: {catch_up_timeout: 30s}\n".to_owned();
        let options = ProxyOptions { configuration, ..ProxyOptions::default() };
        let proxy = Proxy::start(stage.set.servers().take(2), &options);
        let mut client = proxy.login(&stage.account("trap_f1_zlib", &[]));
        for number in 40..50 {
            client.run(&format!("insert into t values ({number}, 1)"));
            assert_eq!(client.run(&format!("select count(*) from t where id = {number}")).value(), "1");
        }
        proxy.expect_no_panic();
    }

    /// MySQL's DO evaluates nothing under sql_select_limit = 0, and says OK.
    fn f1_no_limit_on_rows_ends_a_wait(stage) {
        let (_, proxy) = behind_a_box(stage, "100ms");
        let mut client = proxy.login(&stage.account("trap_f1_limit", &[]));
        for (number, limit) in [(60, "0"), (61, "1"), (62, "default"), (63, "0")] {
            client.run(&format!("set sql_select_limit = {limit}"));
            let held = HeldBack::new(stage);
            client.run(&format!("insert into t values ({number}, 1)"));
            assert_eq!(client.run(&format!("select count(*) from t where id = {number} limit 1")).value(), "1", "{limit}");
            drop(held);
            stage.set.wait_until_replicated();
        }
        proxy.expect_no_panic();
    }

    /// C12: the schema is not there yet when the session is to use it at the replica, and is a moment later.
    fn c12_a_schema_that_comes_late_to_a_replica_is_used_there(stage) {
        let (way, proxy) = behind_a_box(stage, "30s");
        let options = stage.account("trap_c12_late", &["grant all on trap_c12_later.* to trap_c12_late"]);
        let mut client = proxy.login(&options);
        client.run("select a from t");
        let held = HeldBack::new(stage);
        for sql in ["create database trap_c12_later", "use trap_c12_later", "create table u (a int)", "insert into u values (7)"] {
            client.run(sql);
        }
        client.send_query("select a from u");
        let waits = || way.seen(From::Client).iter().filter(|moment| moment.user == "trap_c12_late" && moment.text().contains("GTID_")).count();
        wait_until("the wait goes by itself", || waits() >= 2);
        drop(held);
        assert_eq!(client.read_reply(Kind::Result).value(), "7");
        for _ in 0..3 {
            client.run("insert into u values (8)");
            assert_eq!(client.run("select a from u where a = 7").value(), "7");
        }
        client.run("drop database trap_c12_later");
    }

    /// Whatever the session's results look like, the proxy can read whether the wait was reached.
    fn f1_waits_are_read_in_every_mind(stage) {
        let (_, proxy) = behind_a_box(stage, "30s");
        let mut client = proxy.login(&stage.account("trap_f1_minds", &[]));
        client.run("set sql_select_limit = 0, character_set_results = utf16");
        for number in 40..43 {
            client.run(&format!("insert into t values ({number}, 1)"));
            client.run("select a from t");
        }
        assert_eq!(proxy.metric("rolecall_catch_ups_total{outcome=\"too-late\"}"), 0);
        assert!(proxy.metric("rolecall_catch_ups_total{outcome=\"reached\"}") > 0);
        proxy.expect_no_panic();
    }
}
