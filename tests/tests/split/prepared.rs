//! Prepared statements of the binary protocol go where their texts would.

use rolecall_tests::on_every_server;
use rolecall_tests::raw::Parameter;

use crate::counted::Counted;

on_every_server! {
    fn executions_go_where_the_text_would(stage) {
        let mut session = Counted::new(stage, "split_prepared");
        let read = session.client.prepare("select * from t where id = ?").id;
        let write = session.client.prepare("update t set a = ? where id = 1").id;
        let lock = session.client.prepare("select * from t where id = ? for update").id;
        let mut execute = |id: u32| {
            session.count("com/Execute", 10, |client| {
                (0..10).for_each(|_| drop(client.execute(id, &[Parameter::integer(1)]).expect_ok("execute")));
            })
        };
        let reads = execute(read);
        assert!(reads[0] == 0 && reads[1] > 0 && reads[2] > 0, "{reads:?}");
        assert_eq!(execute(write), [10, 0, 0]);
        assert_eq!(execute(lock), [10, 0, 0]);
        assert!(session.is_free());
    }

    /// A statement is prepared where it runs, and there once.
    fn a_statement_is_prepared_once_on_each_server_that_runs_it(stage) {
        let mut session = Counted::new(stage, "split_once");
        let prepares = session.count("com/Prepare", 2, |client| {
            let read = client.prepare("select a from t").id;
            (0..20).for_each(|_| drop(client.execute(read, &[]).expect_ok("execute")));
        });
        assert_eq!(prepares, [0, 1, 1]);
    }

    fn executions_in_a_transaction_stay_there(stage) {
        let mut session = Counted::new(stage, "split_inside");
        let read = session.client.prepare("select * from t").id;
        let executions = session.count("com/Execute", 3, |client| {
            client.run("begin");
            (0..3).for_each(|_| drop(client.execute(read, &[]).expect_ok("execute")));
            client.run("commit");
        });
        assert_eq!(executions, [3, 0, 0]);
    }

    /// B12, C3: a cursor belongs to its connection, and writes must be able to follow.
    fn a_cursor_is_the_primarys(stage) {
        let mut session = Counted::new(stage, "split_cursor");
        let read = session.client.prepare("select * from t").id;
        let executions = session.count("com/Execute", 1, |client| {
            client.execute_with(read, 1, &[], true).expect_ok("execute");
            client.fetch(read, 1).expect_ok("fetch");
            client.run("insert into t values (6, 6)");
            client.fetch(read, 100).expect_ok("fetch");
        });
        assert_eq!(executions, [1, 0, 0]);
        session.client.close_statement(read);
        assert!(session.is_free());
    }
}
