//! Prepared statements whose executions go where their text must: B11 and B24 of the wire cases, D1 and D2 of the traps;
//! and what COM_PING tells of the command before it: C1.

use rolecall_tests::raw::{Kind, Parameter};
use rolecall_tests::{Trial, on_every_server};

on_every_server! {
    fn d1_b24_prepared_locking_reads_lock(stage) {
        Trial::new(stage, "d1").setup(&["create table t (a int primary key)", "insert into t values (1), (2)"]).run(|run| {
            let mut other = run.another();
            let plain = run.prepare("select a from t where a = ?");
            let locking = run.prepare("select a from t where a = ? for update");
            let shared = run.prepare("(select a from t where a = ? lock in share mode)");
            let writing = run.prepare("update t set a = a where a = ?");
            let one = [Parameter::integer(1)];
            for _ in 0..2 {
                run.execute(plain.id, &one);
                assert_eq!(other.run("select a from t where a = 1 for update nowait").value(), "1");
                for statement in [&locking, &shared, &writing] {
                    run.run("begin");
                    run.execute(statement.id, &one).expect_ok("execute");
                    assert_ne!(other.query("select a from t where a = 1 for update nowait").code(), 0);
                    run.execute(plain.id, &one);
                    run.run("rollback");
                    run.execute(statement.id, &one).expect_ok("execute");
                    assert_eq!(other.run("select a from t where a = 1 for update nowait").value(), "1");
                }
            }
        });
    }

    fn d2_many_clients_prepare_the_same_text(stage) {
        Trial::new(stage, "d2").setup(&["create table t (a int)", "insert into t values (1)"]).unsettled().run(|run| {
            let mut clients: Vec<_> = (0..30).map(|_| run.another()).collect();
            for (number, client) in clients.iter_mut().enumerate() {
                let statements = [client.prepare("select a + ? from t"), client.prepare("select a + ? from t"), client.prepare("select ? - a from t for update")];
                // Each has ids of its own, and closing one leaves the others.
                assert_ne!(statements[0].id, statements[1].id);
                if number % 2 == 0 {
                    client.close_statement(statements[0].id);
                }
                for statement in &statements[1..] {
                    client.execute(statement.id, &[Parameter::integer(1)]).expect_ok("execute");
                }
                let closed = client.execute(statements[0].id, &[Parameter::integer(1)]).code();
                assert_eq!(closed, if number % 2 == 0 { 1243 } else { 0 });
                run.client.transcript.append(&mut client.transcript);
            }
        });
    }

    fn b11_long_data_waits_for_its_execution(stage) {
        Trial::new(stage, "b11").setup(&["create table t (a longblob, b int)"]).run(|run| {
            let insert = run.prepare("insert into t values (?, ?)");
            let select = run.prepare("select length(?), count(*) from t");
            let long = [Parameter::of(0xFC, 0, &[]), Parameter::integer(7)];
            for begin in [None, Some("begin")] {
                begin.into_iter().for_each(|begin| drop(run.run(begin)));
                run.send_long_data(insert.id, 0, b"abc");
                run.run("select 1");
                run.run("select count(*) from t");
                run.send_long_data(select.id, 0, b"defgh");
                run.send_long_data(insert.id, 0, b"ijk");
                run.execute(select.id, &long[..1]).expect_ok("select");
                run.execute(insert.id, &long).expect_ok("insert");
                run.run("select a, b from t");
                begin.into_iter().for_each(|_| drop(run.run("commit")));
            }
        });
    }

    fn c1_a_ping_tells_the_warnings_of_the_statement_before(stage) {
        Trial::new(stage, "c1_ping").setup(&["create table t (a int primary key)", "insert into t values (1)"]).mask_rows().run(|run| {
            for sql in [
                "select 1/0", "select nothing", "select 1", "select 1/0 from t for update", "insert into t values (1)", "insert ignore into t values (1), (2)", "insert into t values ('7'), (1/0)", "set time_zone = '+01:00'",
                "kill 4000000000", "select connection_id()", "select 1/0", "show warnings", "select cast('x' as signed), cast('y' as signed)", "begin", "select nothing", "rollback", "drop table if exists nothing",
            ] {
                run.query(sql);
                run.ping();
            }
            run.run("select 1/0");
            let statement = run.prepare("select 1/0");
            run.ping();
            run.execute(statement.id, &[]);
            run.ping();
            run.close_statement(statement.id);
            run.ping();
            run.execute(statement.id, &[]);
            run.ping();
            run.command("no command", &[0x0B], Kind::Single);
            run.ping();
            run.try_prepare("nonsense");
            run.ping();
            run.reset_connection();
            run.ping();
        });
    }
}
