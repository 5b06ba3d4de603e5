//! Optional metadata: B4; and end-of-result translation in every shape: E4.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Parameter, Part};
use rolecall_tests::{Trial, on_every_server};

const SETUP: [&str; 3] = [
    "create table t (a int, b varchar(10))",
    "insert into t values (1, 'x'), (2, 'y'), (null, null)",
    "create procedure p() begin select * from t; select 1 from t where a = 99; update t set a = a + 1; select 3; end",
];

on_every_server! {
    fn b4_results_without_metadata(stage) {
        if stage.flavour().is_mariadb() {
            return; // It has no such capability; the greeting's test shows that it is not offered.
        }
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            let with = Capabilities::OPTIONAL_RESULTSET_METADATA | Capabilities::MULTI_STATEMENTS;
            Trial::new(stage, "b4").setup(&SETUP).with(with).without(without).run(|run| {
                run.run("select * from t");
                run.prepare("select a, b from t where a = ?");
                run.run("set resultset_metadata = NONE");
                assert_eq!(run.run("select * from t").count(Part::Column), 0);
                run.run("select 1; select 2; insert into t values (7, 'z')");
                let statement = run.prepare("select a, b from t where a > ?");
                run.execute(statement.id, &[Parameter::integer(0)]);
                run.execute_with(statement.id, 1, &[Parameter::integer(0)], true);
                run.fetch(statement.id, 10);
                run.query("select * from nothing");
                run.run("call p()");
                run.run("set resultset_metadata = FULL");
                run.run("select * from t");
            });
        }
    }

    fn e4_ends_of_results_in_every_shape(stage) {
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            Trial::new(stage, "e4").setup(&SETUP).with(Capabilities::MULTI_STATEMENTS).without(without).run(|run| {
                run.run("select * from t");
                run.run("select * from t where false");
                run.run("select 1; set @a = 1; select * from t; select 2 from t where false");
                run.run("call p()");
                run.query("select a from t; select * from nothing; select 1");
                run.query("call p(); call nothing(); select 1");
                let statement = run.prepare("select a, b from t where a > ?");
                run.execute(statement.id, &[Parameter::integer(0)]);
                run.execute_with(statement.id, 1, &[Parameter::integer(0)], true);
                run.fetch(statement.id, 1);
                run.fetch(statement.id, 10);
                let call = run.prepare("call p()");
                run.execute(call.id, &[]);
                run.execute_with(call.id, 1, &[], true);
                run.run("show tables");
                // Else its rows are an estimate of whenever a background thread last counted them.
                run.run("analyze table t");
                run.run("explain select * from t");
                run.run("describe t");
                run.run("show create table t");
                run.run("checksum table t");
                run.run("check table t");
                run.run("analyze table t");
                run.run("begin");
                run.run("select * from t");
                run.run("commit");
            });
        }
    }
}
