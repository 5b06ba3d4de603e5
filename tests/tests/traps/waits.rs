//! A read that waits for its replica takes the wait with it (F1).

use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{From, MiddleBox, Verdict};
use rolecall_tests::raw::Kind;
use rolecall_tests::{Proxy, ProxyOptions, Stage, StatementCounts, on_every_server};

use crate::causality::HeldBack;
use crate::limits::wait_until;

/// A replica behind a box, and a proxy in front of both servers.
fn behind_a_box(stage: &Stage) -> (MiddleBox, Proxy) {
    let way = MiddleBox::start(stage.set.replicas[0].address(), |_| Verdict::Pass);
    let configuration =
        "backend: {tls: {mode: \"off\"}, public_key: {ask: true}}\nrouting: {catch_up_timeout: 30s}\n".to_owned();
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
        let (way, proxy) = behind_a_box(stage);
        let options = stage.account("trap_f1_write", &[]);
        let mut client = proxy.login(&options);
        let held = HeldBack::new(stage);
        client.run("insert into t values (9, 1)");
        client.send_query("select count(*) from t where id = 9");
        // Both are there while the replica has nothing to say.
        wait_until("the wait is sent", || has_come(&way, "trap_f1_write", "GTID"));
        wait_until("the read is sent", || has_come(&way, "trap_f1_write", "where id = 9"));
        let before = StatementCounts::read(&stage.set.replicas[0], &options.user).of("sql/select");
        drop(held);
        assert_eq!(client.read_reply(Kind::Result).value(), "1");
        assert!(StatementCounts::read(&stage.set.replicas[0], &options.user).of("sql/select") > before, "at the replica");
        assert_eq!(client.run("select a from t where id = 9").value(), "1");
        proxy.expect_no_panic();
    }

    /// It goes to the primary, once its time is over, and its late answer to nobody.
    fn f1_a_read_that_waited_in_vain_is_the_primarys(stage) {
        let narrow = crate::rival::Narrow::new(stage);
        let options = stage.account("trap_f1_vain", &[]);
        let [mut client, mut other] = [0, 1].map(|_| narrow.proxy.login(&options));
        for round in 0..3 {
            let held = HeldBack::new(stage);
            client.run(&format!("insert into t values ({}, 1)", 20 + round));
            for _ in 0..2 {
                assert_eq!(client.run(&format!("select /* {round} */ count(*) from t where id >= 20")).value(), (round + 1).to_string());
            }
            drop(held);
            stage.set.wait_until_replicated();
            assert_eq!(other.run("select count(*) from t where id < 20").value(), "3");
        }
        narrow.proxy.expect_no_panic();
    }

    /// C17: it ends the statement, though its wait alone runs as yet.
    fn c17_a_kill_reaches_a_read_that_waits_for_its_replica(stage) {
        let (way, proxy) = behind_a_box(stage);
        let options = stage.account("trap_c17_wait", &[]);
        let [mut client, mut killer] = [0, 1].map(|_| proxy.login(&options));
        let id = client.run("select connection_id()").value();
        let held = HeldBack::new(stage);
        client.run("insert into t values (9, 1)");
        client.send_query("select count(*) from t where id = 9");
        wait_until("the wait is sent", || has_come(&way, "trap_c17_wait", "GTID"));
        let is_there = |server: &rolecall_tests::Server| {
            server.run("select count(*) from information_schema.processlist where user = 'trap_c17_wait' and info like '%GTID%'").value() != "0"
        };
        wait_until("it waits", || is_there(&stage.set.replicas[0]));
        let killed = Instant::now();
        killer.run(&format!("kill query {id}"));
        assert_eq!(client.read_reply(Kind::Result).code(), 1317);
        assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
        drop(held);
        assert_eq!(client.run("select count(*) from t where id = 9").value(), "1");
        proxy.expect_no_panic();
    }
}
