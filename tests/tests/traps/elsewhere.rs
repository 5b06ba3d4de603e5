//! What a session has at one server while it is at another (C12, C15), what only seems to have ended (B4, B18), and two
//! sessions that want each other's connections (H8).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rolecall_protocol::Capabilities;
use rolecall_tests::middle_box::{From, MiddleBox, Verdict};
use rolecall_tests::raw::Kind;
use rolecall_tests::{Proxy, ProxyOptions, on_every_server, wait_until};

use crate::causality::HeldBack;
use crate::rival::Narrow;

const TABLES: &[&str] = &[
    "create table t (id int primary key, a int)",
    "insert into t values (1, 10), (2, 20), (3, 30)",
    "create table auto (id int primary key auto_increment, a bigint)",
    "insert into auto (a) values (1), (2)",
];

on_every_server! {
    /// A transaction that only reads runs at the replica, and its questions are about what the primary gave.
    fn c15_the_last_insert_id_follows_into_a_transaction_on_a_replica(stage) {
        let narrow = Narrow::new(stage);
        let (insert, ask, begin) = ("insert into auto (a) values (3)", "select last_insert_id()", "start transaction read only");
        let tally = narrow.follow("trap_c15_there", TABLES, &[
            &[insert, begin, ask, "select a from t where id = last_insert_id() - 1", "commit", ask],
            &[insert, "select a from t where id = 1", begin, "select a from t where id = 1", ask, "commit", ask, insert, ask],
            &[insert, begin, "select last_insert_id(7)", ask, "commit", ask, "insert into t values (last_insert_id(), 1)"],
            &[insert, begin, "insert into auto (a) values (4)", ask, "rollback", ask],
            &[begin, ask, "commit", insert, begin, ask, "commit", ask],
        ]);
        assert!(tally.taken > 0, "{tally:?}");
    }

    /// Another session has taken the primary's connection, and the replica's is still the session's own.
    fn c15_the_last_insert_id_follows_to_a_connection_that_is_ready(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c15_ready").setup(TABLES).run(|run| {
            let (mut client, mut other) = (run.another(), run.another());
            for _ in 0..3 {
                client.run("select a from t where id = 1");
                client.run("insert into auto (a) values (3)");
                other.run("update t set a = a + 1 where id = 2");
                client.run("start transaction read only");
                let told = client.run("select last_insert_id(), (select max(id) from auto)").rows().remove(0);
                run.note(format!("{}", told[0] == told[1]));
                assert_eq!(told[0], told[1]);
                client.run("commit");
            }
        });
    }

    /// The lock is let go by a statement that is carried out, and by nothing else.
    fn b18_an_unlock_that_fails_unlocks_nothing(stage) {
        let narrow = Narrow::new(stage);
        let lock = "lock tables t write";
        narrow.follow_in(narrow.trial("trap_b18_fails").setup(TABLES).with(Capabilities::MULTI_STATEMENTS), &[
            &[lock, "unlock tables x", "select count(*) from t", "select count(*) from auto", "unlock tables", "select count(*) from auto"],
            &[lock, "insert into t values (1, 1); unlock tables", "select count(*) from t", "select count(*) from auto", "unlock tables"],
            &[lock, "do 1; select nothing from t; unlock tables", "select count(*) from t", "select count(*) from auto", "unlock tables"],
        ]);
    }

    /// Rows that an OK counts are no transaction.
    fn b4_one_shot_characteristics_wait_for_a_transaction(stage) {
        let narrow = Narrow::new(stage);
        let (once, write) = ("set transaction read only", "insert into t values (9, 9)");
        narrow.follow("trap_b4_waits", &[TABLES, &["create procedure one() select 1 into @z"]].concat(), &[
            &[once, "select 1 into @x", write, "select count(*) from t"],
            &[once, "call one()", write],
            &[once, "select a from t where id = 1 into @x", write, write],
            &[once, "begin", write, "commit", write, "delete from t where id = 9"],
        ]);
    }

    /// The replica takes the session's schema and refuses its variable: who has that connection next is in its own schema.
    fn c12_a_schema_that_was_half_told_is_nobody_elses(stage) {
        let narrow = Narrow::new(stage);
        let right = if stage.flavour().is_mariadb() { "binlog admin" } else { "session_variables_admin" };
        let options = stage.account("trap_c12_half", &["drop database if exists trap_c12_half_b", "create database trap_c12_half_b", "grant all on trap_c12_half_b.* to trap_c12_half@'%'"]);
        stage.set.wait_until_replicated();
        let held = HeldBack::new(stage);
        stage.set.primary.run(&format!("grant {right} on *.* to trap_c12_half@'%'"));
        let [mut session, mut other] = [0, 1].map(|_| narrow.proxy.login(&options));
        let ask = "/* rolecall: eventual */ select database() from trap_c12_half.t where id = 1";
        assert_eq!(session.run(ask).value(), "trap_c12_half");
        session.run("/* rolecall: primary */ set session binlog_row_image = 'minimal'");
        session.run("/* rolecall: primary */ use trap_c12_half_b");
        for _ in 0..2 {
            assert_eq!(session.run(ask).value(), "trap_c12_half_b");
            assert_eq!(other.run(ask).value(), "trap_c12_half");
        }
        // The session itself, too.
        session.run("/* rolecall: primary */ use trap_c12_half");
        session.run("/* rolecall: primary */ set session binlog_row_image = default");
        drop(held);
        stage.set.wait_until_replicated();
        for _ in 0..2 {
            assert_eq!(session.run(ask).value(), "trap_c12_half");
            assert_eq!(other.run(ask).value(), "trap_c12_half");
        }
        stage.set.primary.run("drop database trap_c12_half_b");
    }

    /// One has the connection to the primary and reads, the other the one to the replica and writes, both at once.
    fn h8_two_that_want_each_others_connections_get_them(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_h8_both", &["create table w (a int)"]);
        let [mut one, mut two] = [0, 1].map(|_| narrow.proxy.login(&options));
        let started = Instant::now();
        for _ in 0..40 {
            one.run("insert into w values (1)");
            two.run("/* rolecall: eventual */ select count(*) from t");
            one.send_query("/* rolecall: eventual */ select count(*) from t");
            two.send_query("insert into w values (2)");
            for client in [&mut one, &mut two] {
                let reply = client.read_reply(Kind::Result);
                assert_eq!(reply.code(), 0, "{:?}", reply.error());
            }
        }
        assert!(started.elapsed() < Duration::from_secs(40), "they wait for each other");
    }

    /// A replica that says nothing more while a read waits for it to catch up: the primary answers, and KILL would end it.
    fn f1_a_replica_that_stands_still_keeps_no_read(stage) {
        let asks = if stage.flavour().is_mariadb() { "MASTER_GTID_WAIT" } else { "WAIT_FOR_EXECUTED_GTID_SET" };
        let stalled = Arc::new(AtomicBool::new(false));
        let is_stalled = Arc::clone(&stalled);
        let way = MiddleBox::start(stage.set.replicas[0].address(), move |moment| {
            let is_wait = moment.command.windows(asks.len()).any(|part| part == asks.as_bytes());
            if moment.from == From::Server && is_wait {
                is_stalled.store(true, Ordering::SeqCst);
                return Verdict::Silence;
            }
            Verdict::Pass
        });
        let configuration = "backend: {tls: {mode: \"off\"}, public_key: {ask: true}}\nrouting: {catch_up_timeout: 200ms}\n".to_owned();
        let backends = vec![stage.set.primary.address(), way.address()];
        let proxy = Proxy::start([], &ProxyOptions { configuration, backends, ..ProxyOptions::default() });
        let options = stage.account("trap_f1_still", &[]);
        let mut client = proxy.login(&options);
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut number = 100;
        while !stalled.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "no read ever waits for the replica");
            number += 1;
            let held = HeldBack::new(stage);
            client.run(&format!("insert into t values ({number}, 1)"));
            let asked = Instant::now();
            assert_eq!(client.run(&format!("select count(*) from t where id = {number}")).value(), "1");
            assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
            drop(held);
        }
        proxy.expect_no_panic();
    }

    /// A replica that crashed may come back with less than it has shown. Who read there last and has no connection to it any more
    /// asks the primary how far it is.
    fn f3_a_replica_that_started_anew_is_not_believed(stage) {
        let (restarts, probes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (breaks, probed) = (Arc::clone(&restarts), Arc::clone(&probes));
        let way = MiddleBox::start(stage.set.replicas[0].address(), move |moment| {
            let is_probe = moment.from == From::Client && moment.user == "monitor" && moment.text().contains("gtid");
            probed.fetch_add(u32::from(is_probe), Ordering::SeqCst);
            if is_probe && breaks.swap(false, Ordering::SeqCst) { Verdict::Last(Vec::new()) } else { Verdict::Pass }
        });
        let configuration = "backend: {tls: {mode: \"off\"}, public_key: {ask: true}}\nrouting: {catch_up_timeout: 200ms}\n\
                             pool: {max_connections_per_user: 1}\n".to_owned();
        let backends = vec![stage.set.primary.address(), way.address()];
        let proxy = Proxy::start([], &ProxyOptions { configuration, backends, ..ProxyOptions::default() });
        let options = stage.account("trap_f3_less", &[]);
        let [mut reader, mut writer, mut rival] = [0, 1, 2].map(|_| proxy.login(&options));
        let held = HeldBack::new(stage);
        assert_eq!(reader.run("select count(*) from t").value(), "3");
        writer.run("insert into t values (9, 1)");
        rival.run("/* rolecall: replica */ select 1");
        assert_eq!(reader.run("select count(*) from t").value(), "3", "as it was where it reads");
        rival.run("/* rolecall: replica */ select 1");
        restarts.store(true, Ordering::SeqCst);
        wait_until("the next probes", || !restarts.load(Ordering::SeqCst));
        let seen = probes.load(Ordering::SeqCst);
        wait_until("the next probes", || probes.load(Ordering::SeqCst) > seen + 4);
        assert_eq!(reader.run("select count(*) from t").value(), "4");
        drop(held);
    }

    /// The same of one whose own connection broke: its next read asks the primary first, though the probes know of nothing yet.
    fn f3_a_replica_whose_connection_broke_is_not_believed(stage) {
        let (breaks, is_broken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (asked, done) = (Arc::clone(&breaks), Arc::clone(&is_broken));
        let way = MiddleBox::start(stage.set.replicas[0].address(), move |moment| {
            let is_it = moment.user == "trap_f3_broke" && moment.from == From::Server && moment.text().contains("breaks") && moment.payload.first() == Some(&0xFE);
            if is_it && asked.load(Ordering::SeqCst) {
                done.store(true, Ordering::SeqCst);
                return Verdict::Last(moment.packet(&moment.payload));
            }
            Verdict::Pass
        });
        let configuration = "backend: {tls: {mode: \"off\"}, public_key: {ask: true}}\nrouting: {catch_up_timeout: 200ms}\nprobe: {interval: 30s}\n".to_owned();
        let backends = vec![stage.set.primary.address(), way.address()];
        let proxy = Proxy::start([], &ProxyOptions { configuration, backends, ..ProxyOptions::default() });
        let options = stage.account("trap_f3_broke", &[]);
        let [mut reader, mut writer] = [0, 1].map(|_| proxy.login(&options));
        let held = HeldBack::new(stage);
        assert_eq!(reader.run("select count(*) from t").value(), "3");
        writer.run("insert into t values (9, 1)");
        assert_eq!(reader.run("select count(*) from t").value(), "3", "as it was where it reads");
        breaks.store(true, Ordering::SeqCst);
        // Its last packet closes the connection.
        reader.run("select /* breaks */ count(*) from t");
        wait_until("it breaks", || is_broken.load(Ordering::SeqCst));
        breaks.store(false, Ordering::SeqCst);
        assert_eq!(reader.run("select count(*) from t").value(), "4");
        drop(held);
    }

    /// What a connection must be told goes in one write with a statement that only reads (sessions.md 3): the server's answer
    /// to it is kept back here until the statement has come.
    fn c4_state_and_the_read_behind_it_go_in_one_write(stage) {
        let behind = Arc::new(AtomicBool::new(false));
        let is_behind = Arc::clone(&behind);
        let way = MiddleBox::start(stage.set.primary.address(), move |moment| {
            if moment.from == From::Client {
                is_behind.store(moment.text().contains("/* behind */"), Ordering::SeqCst);
            } else if moment.text().contains("div_precision_increment") && moment.user == "trap_c4_write" {
                let deadline = Instant::now() + Duration::from_secs(5);
                while !is_behind.load(Ordering::SeqCst) && Instant::now() < deadline {
                    std::thread::yield_now();
                }
            }
            Verdict::Pass
        });
        let configuration = "backend: {tls: {mode: \"off\"}, public_key: {ask: true}}\npool: {max_connections_per_user: 1}\n".to_owned();
        let proxy = Proxy::start([], &ProxyOptions { configuration, backends: vec![way.address()], ..ProxyOptions::default() });
        let options = stage.account("trap_c4_write", &[]);
        let [mut one, mut two] = [0, 1].map(|_| proxy.login(&options));
        one.run("set session div_precision_increment = 7 /* behind */");
        two.run("set session time_zone = '+03:00'");
        let started = Instant::now();
        for _ in 0..4 {
            assert_eq!(one.run("select /* behind */ @@session.div_precision_increment, @@session.time_zone, a / 3 from t where id = 1").rows()[0][0].as_deref(), Some("7"));
            assert_eq!(two.run("select /* behind */ @@session.time_zone from t where id = 1").value(), "+03:00");
            assert_eq!(one.run("select /* behind */ a / 3 from t where id = 1").value(), "0.3333333");
        }
        assert!(started.elapsed() < Duration::from_secs(5), "an answer is waited for: {:?}", started.elapsed());
        // What cannot be told (here: a schema that is gone) costs the connection, and nothing else.
        let mut root = stage.set.primary.root();
        for sql in ["create database trap_c4_gone", "grant all on trap_c4_gone.* to trap_c4_write"] {
            root.run(sql);
        }
        one.run("use trap_c4_gone /* behind */");
        two.run("select /* behind */ a from t where id = 1");
        root.run("drop database trap_c4_gone");
        for _ in 0..2 {
            assert_eq!(one.run("select /* behind */ a from trap_c4_write.t where id = 2").value(), "2");
            assert_eq!(two.run("select /* behind */ a from t where id = 3").value(), "3");
        }
        proxy.expect_no_panic();
    }
}
