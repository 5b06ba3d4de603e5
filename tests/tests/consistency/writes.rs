//! What a session wrote, its reads see, however it was written.

use std::time::{Duration, Instant};

use rolecall_tests::on_every_server;
use rolecall_tests::raw::Client;

use crate::field::Field;

on_every_server! {
    /// F1: with replicas that execute nothing the primary serves the reads of a session that wrote, and replicas those of
    /// one that did not.
    fn a_read_after_a_write_is_never_stale(stage) {
        let field = Field::new(stage, "cons_after");
        let (mut writer, mut other) = (field.session(), field.session());
        let held = field.hold_all_back();
        writer.run("insert into t values (10, 1)");
        assert_eq!(writer.run("select a from t where id = 10").value(), "1");
        writer.run("update t set a = 2 where id = 10");
        assert_eq!(writer.run("select a from t where id = 10").value(), "2");
        assert_eq!(other.run("select count(*) from t where id = 10").value(), "0");
        drop(held);
        // Caught up, they serve it again: the read waits for one, or finds one there.
        stage.set.wait_until_replicated();
        field.expect_at_replicas(&mut writer, "select a from t where id = 10", "2");
    }

    /// F6: GTIDs of writes that come by other ways than an autocommit statement.
    fn every_way_of_writing_is_tracked(stage) {
        let field = Field::new(stage, "cons_ways");
        let mut root = stage.set.primary.root();
        root.init_db("cons_ways").expect_ok("schema");
        root.run("create table log (id int auto_increment primary key, what varchar(20))");
        root.run("create procedure p(x int) begin insert into log (what) values ('one'); insert into log (what) values ('two'); end");
        root.run("create trigger after_t after insert on t for each row insert into log (what) values ('trigger')");
        root.run("create function f(x int) returns int deterministic modifies sql data \
                  begin insert into log (what) values ('function'); return x; end");
        stage.set.wait_until_replicated();
        let held = field.hold_all_back();
        let ways: &[(&[&str], &str, &str)] = &[
            (&["call p(1)"], "select count(*) from log", "2"),
            (&["insert into t values (20, 1)"], "select count(*) from log", "3"),
            (&["select f(1)"], "select count(*) from log", "4"),
            (&["begin", "insert into t values (21, 1)", "commit"], "select count(*) from log", "5"),
            (&["set autocommit=0", "insert into t values (22, 1)", "commit", "set autocommit=1"], "select count(*) from log", "6"),
            (&["xa start 'cons'", "insert into t values (23, 1)", "xa end 'cons'", "xa prepare 'cons'", "xa commit 'cons'"],
             "select count(*) from log", "7"),
            (&["create table made (a int)"], "select count(*) from made", "0"),
            (&["begin", "insert into made values (1)", "create table made2 (a int)"], "select count(*) from made", "1"),
            (&["set @x = 5", "insert into made values (@x)"], "select max(a) from made", "5"),
            (&["alter table made add column b int default 3"], "select max(b) from made", "3"),
        ];
        for (statements, question, answer) in ways {
            // A session of its own: what pins one (CALL, user variables) would keep the others' reads at the primary.
            let mut client = field.session();
            for statement in *statements {
                client.run(statement);
            }
            for _ in 0..3 {
                assert_eq!(client.run(question).value(), *answer, "after {statements:?}");
            }
        }
        let mut client = field.session();
        let insert = client.prepare("insert into t values (?, 9)").id;
        client.execute(insert, &[rolecall_tests::raw::Parameter::integer(30)]).expect_ok("execute");
        let read = client.prepare("select a from t where id = 30").id;
        assert_eq!(client.execute(read, &[]).count(rolecall_tests::raw::Part::Row), 1);
        drop(held);
    }

    /// F7: a text whose second statement fails has written all the same, and its error names no GTID.
    fn a_write_whose_gtid_got_lost_is_seen_too(stage) {
        let field = Field::new(stage, "cons_lost");
        let mut client = field.session();
        let held = field.hold_all_back();
        client.set_option(0).expect_ok("multi-statements");
        let reply = client.query("insert into t values (40, 1); select no_such_column from t");
        assert_ne!(reply.code(), 0);
        // The first one settles what the error left open; the second is free to go to a replica.
        for _ in 0..3 {
            assert_eq!(client.run("select count(*) from t where id = 40").value(), "1");
        }
        drop(held);
    }

    /// F1: a replica that stands still in the middle of a wait keeps no read: the primary serves it.
    fn a_wait_at_a_server_that_stands_still_ends(stage) {
        let field = Field::new(stage, "cons_still");
        for (at, configuration) in ["", "users: [{name: cons_still, pooling: session}]\n"].into_iter().enumerate() {
            let proxy = field.another_proxy(configuration);
            let mut client = proxy.login(&field.options);
            // A connection to the replica where it reads: what waits there has nothing else to do first.
            let reads = |client: &mut Client| (0..4).for_each(|_| drop(client.run("select count(*) from t")));
            reads(&mut client);
            client.run(&format!("insert into t values (5{at}, 0)"));
            stage.set.wait_until_replicated();
            reads(&mut client);
            let still = field.stop_replicas();
            let began = Instant::now();
            client.run(&format!("insert into t values (6{at}, 1)"));
            assert_eq!(client.run(&format!("select a from t where id = 6{at}")).value(), "1", "{configuration}");
            let took = began.elapsed();
            assert!(took > Duration::from_secs(1), "it has not waited: {took:?}");
            assert!(took < Duration::from_secs(8), "{took:?}");
            drop(still);
            stage.set.wait_until_replicated();
            field.wait_for_replicas();
        }
    }

    /// F10: what was prepared knows of the column that its own session added.
    fn a_prepared_read_sees_the_sessions_own_ddl(stage) {
        let field = Field::new(stage, "cons_ddl");
        let mut client = field.session();
        client.run("select * from t");
        let held = field.hold_all_back();
        client.run("alter table t add column b int default 4");
        let read = client.prepare("select b from t where id = 1").id;
        let reply = client.execute(read, &[]).expect_ok("execute");
        assert_eq!(reply.count(rolecall_tests::raw::Part::Row), 1);
        drop(held);
        stage.set.wait_until_replicated();
        client.execute(read, &[]).expect_ok("execute at a replica");
    }
}
