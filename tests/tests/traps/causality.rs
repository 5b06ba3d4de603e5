//! Group F: reads see what their session wrote, whoever had its connections in between, and however it was written.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Client, LoginOptions, Parameter, Part};
use rolecall_tests::{Stage, StatementCounts, on_every_server};

use crate::rival::Narrow;

/// While this lives, the replica of [`Narrow`] executes nothing that it receives. One test at a time.
pub struct HeldBack(Client, #[expect(dead_code, reason = "a guard")] MutexGuard<'static, ()>);

impl HeldBack {
    pub fn new(stage: &Stage) -> Self {
        static TURNS: [OnceLock<Mutex<()>>; 2] = [OnceLock::new(), OnceLock::new()];
        let turn = TURNS[usize::from(stage.flavour().is_mariadb())].get_or_init(Mutex::default);
        let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        stage.set.wait_until_replicated();
        let mut root = stage.set.replicas[0].root();
        root.run("flush tables with read lock");
        Self(root, turn)
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.0.query("unlock tables");
    }
}

/// Another session of the account takes the connections to both servers.
fn take(rival: &mut Client) {
    rival.run("/* rolecall: primary */ select 1");
    rival.run("/* rolecall: replica */ select 1");
}

/// How many SELECTs an account has run at the replica of [`Narrow`].
fn at_replica(stage: &Stage, options: &LoginOptions) -> i64 {
    StatementCounts::read(&stage.set.replicas[0], &options.user).of("sql/select")
}

on_every_server! {
    fn f1_own_writes_are_seen_whoever_had_the_connections(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_f1", &[]);
        let [mut writer, mut reader, mut rival] = [0, 1, 2].map(|_| narrow.proxy.login(&options));
        let insert = writer.prepare("insert into t values (?, 1)").id;
        let count = writer.prepare("select id from t where id = ?").id;
        let held = HeldBack::new(stage);
        let before = at_replica(stage, &options);
        for number in 10..20_i64 {
            if number % 2 == 0 {
                writer.run(&format!("insert into t values ({number}, 1)"));
            } else {
                writer.execute(insert, &[Parameter::integer(number)]).expect_ok("insert");
            }
            take(&mut rival);
            assert_eq!(writer.run(&format!("select count(*) from t where id = {number}")).value(), "1");
            take(&mut rival);
            assert_eq!(writer.execute(count, &[Parameter::integer(number)]).count(Part::Row), 1);
            // What another session wrote is not promised: the replica serves who did not write.
            assert_eq!(reader.run("select count(*) from t").value(), "3");
        }
        assert!(at_replica(stage, &options) - before >= 10, "the reader's");
        drop(held);
        stage.set.wait_until_replicated();
        narrow.proxy.expect_no_panic();
    }

    /// F3: what has been seen at the primary is seen from then on.
    fn f3_reads_do_not_go_back_whoever_had_the_connections(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_f3", &[]);
        let [mut reader, mut rival] = [0, 1].map(|_| narrow.proxy.login(&options));
        let mut root = stage.set.primary.root();
        root.init_db("trap_f3").expect_ok("schema");
        let held = HeldBack::new(stage);
        for number in 50..55 {
            root.run(&format!("update t set a = {number} where id = 1"));
            reader.run("begin");
            assert_eq!(reader.run("select a from t where id = 1").value(), number.to_string());
            reader.run("commit");
            for _ in 0..2 {
                take(&mut rival);
                assert_eq!(reader.run("select a from t where id = 1").value(), number.to_string());
            }
        }
        drop(held);
    }

    /// The error names no GTID of what was written before it, and then the connection is another session's.
    fn f7_a_write_whose_gtid_got_lost_is_seen_whoever_had_the_connections(stage) {
        let narrow = Narrow::new(stage);
        let setup = ["create procedure writes_and_fails(x int) begin insert into t values (x, 1); signal sqlstate '45000'; end"];
        let options = stage.account("trap_f7", &setup).with(Capabilities::MULTI_STATEMENTS);
        let ways = ["insert into t values (ID, 1); select nothing from t", "call writes_and_fails(ID)", "insert into t values (ID, 1); insert into t values (ID, 1)", "insert into t values (ID, 1); nonsense"];
        let held = HeldBack::new(stage);
        for (number, way) in (40..).zip(ways) {
            let [mut writer, mut rival] = [0, 1].map(|_| narrow.proxy.login(&options));
            // As one that has read at the replica.
            writer.run("select count(*) from t");
            assert_ne!(writer.query(way.replace("ID", &number.to_string())).code(), 0, "{way}");
            for is_free in [false, true, true] {
                // Code that nobody knows keeps the connection.
                if is_free && !way.starts_with("call") && !way.ends_with("nonsense") {
                    take(&mut rival);
                }
                assert_eq!(writer.run(&format!("select count(*) from t where id = {number}")).value(), "1", "{way}");
            }
            writer.quit();
            rival.quit();
        }
        drop(held);
    }

    /// Several writes in one text, of which the last OK alone may be looked at.
    fn f6_several_writes_in_one_text_are_seen(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_f6", &["create table u (a int)"]).with(Capabilities::MULTI_STATEMENTS);
        let texts = [
            ("insert into t values (10, 1); insert into u values (1)", ["select count(*) from t where id = 10", "select count(*) from u"]),
            ("insert into t values (11, 1); select 1", ["select count(*) from t where id = 11", "select count(*) from u"]),
            ("begin; insert into t values (12, 1); commit; set session sql_select_limit = 9", ["select count(*) from t where id = 12", "select count(*) from u"]),
            ("select 1; insert into t values (13, 1); create table if not exists w (a int)", ["select count(*) from t where id = 13", "select count(*) + 1 from w"]),
        ];
        let held = HeldBack::new(stage);
        for (text, questions) in texts {
            let mut client = narrow.proxy.login(&options);
            client.run("select count(*) from t");
            client.run(text);
            for question in questions {
                assert_eq!(client.run(question).value(), "1", "{text}: {question}");
            }
            client.quit();
        }
        drop(held);
    }

    /// A column that another session has just added: prepared where it is, executed where it is not yet.
    fn f10_what_was_prepared_at_the_primary_is_executed_there_if_the_replica_is_behind(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_f10", &[]);
        let mut root = stage.set.primary.root();
        root.init_db("trap_f10").expect_ok("schema");
        let mut client = narrow.proxy.login(&options);
        client.run("select count(*) from t");
        let held = HeldBack::new(stage);
        root.run("alter table t add column b int default 4");
        client.run("begin");
        let inside = client.prepare("select b from t where id = ?").id;
        assert_eq!(client.execute(inside, &[Parameter::integer(1)]).count(Part::Row), 1);
        client.run("commit");
        for _ in 0..2 {
            let reply = client.execute(inside, &[Parameter::integer(1)]);
            assert_eq!((reply.code(), reply.count(Part::Row)), (0, 1));
        }
        drop(held);
        stage.set.wait_until_replicated();
        client.execute(inside, &[Parameter::integer(1)]).expect_ok("at the replica");
    }
}

on_every_server! {
    /// The same, but for the reads that have told the session how far the primary is.
    fn f10_what_was_prepared_at_the_primary_alone_is_executed_there(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_f10_alone", &[]);
        let mut root = stage.set.primary.root();
        root.init_db("trap_f10_alone").expect_ok("schema");
        let mut client = narrow.proxy.login(&options);
        client.run("select count(*) from t");
        let held = HeldBack::new(stage);
        root.run("alter table t add column b int default 4");
        client.run("begin");
        let inside = client.prepare("select b from t where id = ?").id;
        client.run("commit");
        for _ in 0..2 {
            let reply = client.execute(inside, &[Parameter::integer(1)]);
            assert_eq!((reply.code(), reply.count(Part::Row)), (0, 1), "{:?}", reply.error());
        }
        drop(held);
    }
}

on_every_server! {
    /// The replica refuses the session's SET ROLE: its reads are the primary's until it does not.
    fn f10_a_role_that_the_replica_has_not_yet_stands_in_no_reads_way(stage) {
        let narrow = Narrow::new(stage);
        let options = stage.account("trap_f10_role", &[]);
        let mut root = stage.set.primary.root();
        let mut client = narrow.proxy.login(&options);
        let read = "/* rolecall: eventual */ select count(*) from t";
        client.run(read);
        let held = HeldBack::new(stage);
        for sql in ["create role trap_f10_actor", "grant trap_f10_actor to trap_f10_role@'%'"] {
            root.run(sql);
        }
        root.run("insert into trap_f10_role.t values (4, 4)");
        client.run("set role trap_f10_actor");
        for _ in 0..2 {
            // Four rows are at the primary.
            let reply = client.query(read);
            assert_eq!((reply.code(), reply.value().as_str()), (0, "4"), "{:?}", reply.error());
        }
        drop(held);
        stage.set.wait_until_replicated();
        let (deadline, before) = (Instant::now() + Duration::from_secs(20), at_replica(stage, &options));
        client.run(read);
        // Servers count a statement behind its answer.
        while at_replica(stage, &options) == before {
            assert!(Instant::now() < deadline, "not at the replica that has it by now");
        }
        root.run("drop role trap_f10_actor");
    }
}

/// GTIDs with a tag, as they have it since MySQL 8.3: of the session's own writes, and in the positions of all servers.
#[test]
fn f6_tagged_gtids_are_read() {
    let stage = Stage::mysql();
    let narrow = Narrow::new(&stage);
    let grant = "grant session_variables_admin, replication_applier, transaction_gtid_tag on *.* to trap_f6_tag";
    let options = stage.account("trap_f6_tag", &[grant]);
    let [mut writer, mut reader] = [0, 1].map(|_| narrow.proxy.login(&options));
    for (round, next) in ["automatic:rolecall", "automatic", "automatic:other"].iter().enumerate() {
        writer.run("select count(*) from t");
        let held = HeldBack::new(&stage);
        writer.run(&format!("set session gtid_next = '{next}'"));
        writer.run(&format!("insert into t values ({}, 1)", 10 + round));
        writer.run("set session gtid_next = 'automatic'");
        let question = format!("select count(*) from t where id = {}", 10 + round);
        assert_eq!(writer.run(&question).value(), "1");
        let token = writer.run("select @@rolecall_causal_token").value();
        writer.reset_connection().expect_ok("it is free again");
        reader.run(&format!("set rolecall_causal_token = '{token}'"));
        assert_eq!(reader.run(&question).value(), "1", "{token}");
        drop(held);
        stage.set.wait_until_replicated();
    }
    assert!(stage.set.primary.value("select @@global.gtid_executed").contains(":rolecall:"));
    // Replicas serve reads again: positions with tags are understood.
    let before = at_replica(&stage, &options);
    for _ in 0..200 {
        assert_eq!(reader.run("select count(*) from t where id >= 10").value(), "3");
        if at_replica(&stage, &options) - before > 10 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("reads stay at the primary:\n{}", narrow.proxy.log());
}
