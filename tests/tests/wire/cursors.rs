//! Cursors: B12 and B13, D6.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Parameter, Part};
use rolecall_tests::{Trial, on_every_server};

const READ_ONLY: u8 = 1;
const SETUP: [&str; 2] =
    ["create table t (a int primary key)", "insert into t values (1), (2), (3), (4), (5), (6), (7)"];

on_every_server! {
    fn b12_a_cursor_is_fetched_to_its_end_and_past_it(stage) {
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            Trial::new(stage, "b12").setup(&SETUP).without(without).run(|run| {
                let statement = run.prepare("select a from t where a > ? order by a");
                for sizes in [vec![1, 3, 3, 1], vec![1000, 1], vec![7, 1], vec![0, 2]] {
                    run.execute_with(statement.id, READ_ONLY, &[Parameter::integer(0)], true);
                    for size in sizes {
                        run.fetch(statement.id, size);
                    }
                    run.reset_statement(statement.id);
                    run.fetch(statement.id, 1);
                }
                // An empty result, one that fails, and a statement without a result.
                run.execute_with(statement.id, READ_ONLY, &[Parameter::integer(100)], true);
                run.fetch(statement.id, 1);
                if without.is_empty() {
                    // For a client without DEPRECATE_EOF the proxy has sent the EOF behind the definitions by then,
                    // since nothing but the error would tell it otherwise.
                    let failing = run.prepare("select exp(a * 1000) from t");
                    run.execute_with(failing.id, READ_ONLY, &[], true);
                    run.fetch(failing.id, 10);
                }
                let insert = run.prepare("insert into t values (?)");
                run.execute_with(insert.id, READ_ONLY, &[Parameter::integer(50)], true);
                run.run("select count(*) from t");
            });
        }
    }

    fn b13_two_cursors_at_once_and_other_statements_between(stage) {
        Trial::new(stage, "b13").setup(&SETUP).run(|run| {
            let up = run.prepare("select a from t order by a");
            let down = run.prepare("select a from t order by a desc");
            run.execute_with(up.id, READ_ONLY, &[], true);
            run.execute_with(down.id, READ_ONLY, &[], true);
            for _ in 0..4 {
                run.fetch(up.id, 2);
                run.run("select count(*) from t");
                run.fetch(down.id, 3);
                run.run("insert into t select max(a) + 1 from t");
            }
            run.run("commit");
            run.fetch(up.id, 2);
            run.close_statement(down.id);
            run.fetch(down.id, 1);
            assert_eq!(run.run("select 1").count(Part::Row), 1);
        });
    }

    fn d6_a_cursor_in_a_transaction(stage) {
        Trial::new(stage, "d6").setup(&SETUP).run(|run| {
            run.run("begin");
            let statement = run.prepare("select a from t order by a for update");
            run.execute_with(statement.id, READ_ONLY, &[], true);
            run.fetch(statement.id, 2);
            run.run("update t set a = a + 100 where a = 7");
            run.fetch(statement.id, 2);
            run.run("rollback");
            run.fetch(statement.id, 2);
            // Executed once more, the statement would get no end of its result from MySQL, and no client would go on.
            let again = run.prepare("select a from t order by a for update");
            run.execute(again.id, &[]);
        });
    }

    fn b12_a_cursor_of_a_large_result(stage) {
        Trial::new(stage, "b12_large").unsettled().run(|run| {
            let statement = run.prepare("with recursive n (a) as (select 1 union all select a + 1 from n where a < 900) select a, repeat('x', 1000) from n");
            run.execute_with(statement.id, READ_ONLY, &[], true);
            let mut rows = 0;
            while rows < 900 {
                let fetched = run.fetch(statement.id, 300).expect_ok("fetch").count(Part::Row);
                assert_ne!(fetched, 0);
                rows += fetched;
            }
            run.fetch(statement.id, 1);
        });
    }
}
