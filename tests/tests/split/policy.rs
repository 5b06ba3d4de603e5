//! Listener modes, and what happens to reads without a replica.

use std::sync::Arc;

use rolecall_tests::{Proxy, ProxyOptions, Stage, on_every_server};

use crate::counted::Counted;

/// Rolecall's own error when no server may take a statement.
const NO_SERVER: u16 = 1105;

fn listener(stage: &Arc<Stage>, mode: &str) -> Proxy {
    let options = ProxyOptions { listener: Some(format!("mode: {mode}")), ..ProxyOptions::default() };
    Proxy::start(stage.set.servers(), &options)
}

fn routing(policy: &str) -> ProxyOptions {
    let configuration = format!("routing:\n  hold_timeout: 200ms\n  reads_on_primary: {policy}\n");
    ProxyOptions { configuration, ..ProxyOptions::default() }
}

on_every_server! {
    fn a_listener_for_the_primary_sends_everything_there(stage) {
        let proxy = listener(stage, "primary");
        let mut session = Counted::behind(&proxy, stage, "split_mode_primary", &[]);
        let reads = ["select * from t", "/* rolecall: replica */ select 1", "select @@server_id"];
        assert_eq!(session.run("sql/select", &reads), [3, 0]);
        assert_eq!(session.run("sql/insert", &["insert into t values (5, 5)"]), [1, 0]);
        assert_eq!(session.run("sql/begin", &["start transaction read only"]), [1, 0]);
        proxy.expect_no_panic();
    }

    fn a_listener_for_replicas_keeps_a_session_on_one_and_refuses_writes(stage) {
        let proxy = listener(stage, "replica");
        let mut session = Counted::behind(&proxy, stage, "split_mode_replica", &[]);
        let reads = session.count("sql/select", 10, |client| {
            (0..8).for_each(|_| drop(client.run("select * from t")));
            client.run("/* rolecall: primary */ select 1");
            client.run("select * from t where id = 1 lock in share mode");
        });
        assert!(reads[0] == 0 && reads[1..].contains(&10), "{reads:?}");
        assert_eq!(session.client.query("insert into t values (5, 5)").code(), 1290);
        assert_eq!(stage.set.primary.value("select count(*) from split_mode_replica.t"), "3");
        proxy.expect_no_panic();
    }

    fn without_a_replica_reads_go_to_the_primary_by_policy(stage) {
        let proxy = Proxy::start([&stage.set.primary], &ProxyOptions::default());
        let mut session = Counted::behind(&proxy, stage, "split_alone", &[]);
        assert_eq!(session.run("sql/select", &["select * from t", "select 1"]), [2, 0]);

        let proxy = Proxy::start([&stage.set.primary], &routing("never"));
        let mut session = Counted::behind(&proxy, stage, "split_never", &[]);
        let reply = session.client.query("select * from t");
        assert_eq!(reply.code(), NO_SERVER, "{:?}", reply.error());
        assert_eq!(session.run("sql/insert", &["insert into t values (5, 5)"]), [1, 0]);
        assert_eq!(session.run("sql/select", &["/* rolecall: primary */ select * from t"]), [1, 0], "it is asked for");
    }

    fn the_primary_takes_its_part_of_reads_by_policy(stage) {
        let proxy = Proxy::start(stage.set.servers(), &routing("always"));
        let mut session = Counted::behind(&proxy, stage, "split_always", &[]);
        let reads = session.count("sql/select", 30, |client| (0..30).for_each(|_| drop(client.run("select * from t"))));
        assert!(reads.iter().all(|count| *count > 0) && reads.iter().sum::<i64>() == 30, "{reads:?}");
    }

    fn without_a_primary_reads_go_on_and_writes_are_refused(stage) {
        let proxy = Proxy::start(&stage.set.replicas, &routing("when-no-replica"));
        let mut session = Counted::behind(&proxy, stage, "split_no_primary", &[]);
        assert_eq!(session.run("sql/select", &["select * from t", "select @@server_id"]), [0, 2]);
        let reply = session.client.query("insert into t values (5, 5)");
        assert_eq!(reply.code(), NO_SERVER, "{:?}", reply.error());
        // A variable would tie the session, and its writes, to a replica.
        assert_eq!(session.client.query("do @a := @@hostname").code(), NO_SERVER);
        assert!(session.is_free());
    }
}
