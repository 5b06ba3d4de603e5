//! Prepared statements of the binary protocol go where their texts would.

use rolecall_tests::raw::{Parameter, Part};
use rolecall_tests::{Proxy, ProxyOptions, on_every_server};

use crate::counted::Counted;

on_every_server! {
    fn executions_go_where_the_text_would(stage) {
        // Of its own: other tests' statements would count as under way at the statement's server.
        let proxy = Proxy::start(stage.set.servers(), &ProxyOptions::default());
        let mut session = Counted::behind(&proxy, stage, "split_prepared", &[]);
        let read = session.client.prepare("select * from t where id = ?").id;
        let write = session.client.prepare("update t set a = ? where id = 1").id;
        let lock = session.client.prepare("select * from t where id = ? for update").id;
        let mut execute = |id: u32| {
            session.count("com/Execute", 10, |client| {
                (0..10).for_each(|_| drop(client.execute(id, &[Parameter::integer(1)]).expect_ok("execute")));
            })
        };
        let reads = execute(read);
        assert!(reads[0] == 0 && reads.contains(&10), "{reads:?}");
        assert_eq!(execute(write), [10, 0, 0]);
        assert_eq!(execute(lock), [10, 0, 0]);
        assert!(session.is_free());
    }

    /// A statement stays where it is prepared while nothing speaks for another server, and is prepared once on each.
    fn a_statement_moves_to_a_replica_with_less_to_do(stage) {
        // Its own proxy: what other tests have under way would count.
        let proxy = Proxy::start(stage.set.servers(), &ProxyOptions::default());
        let mut session = Counted::behind(&proxy, stage, "split_moves", &[]);
        let mut id = 0;
        let prepares = session.count("com/Prepare", 1, |client| {
            id = client.prepare("select a from t").id;
            (0..5).for_each(|_| drop(client.execute(id, &[]).expect_ok("execute")));
        });
        let at = prepares.iter().position(|count| *count == 1).expect("one server");
        let other = 3 - at;
        // Of two long queries one goes to each replica; the one beside the statement's is ended.
        let queries = ["select sleep(60), 1", "select sleep(60), 2"];
        let mut running = queries.map(|query| session.occupy(query));
        assert_eq!(running[0].0 + running[1].0, 3);
        let beside = usize::from(running[1].0 == other);
        session.end(queries[beside], (other, &mut running[beside].1));
        let counts = session.counts(&[("com/Prepare", 1), ("com/Execute", 10)], |client| {
            (0..10).for_each(|_| drop(client.execute(id, &[]).expect_ok("execute")));
        });
        let mut expected = [[0, 0, 0], [0, 0, 0]];
        (expected[0][other], expected[1][other]) = (1, 10);
        assert_eq!(counts, expected);
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

    /// B1, D2: COM_STMT_RESET of a statement that ran at a replica before is no way out of a transaction.
    fn a_reset_inside_a_transaction_stays_there(stage) {
        let mut session = Counted::new(stage, "split_reset");
        let read = session.client.prepare("select a from t").id;
        session.client.execute(read, &[]).expect_ok("execute");
        session.client.run("begin");
        session.client.run("insert into t values (77, 77)");
        session.client.reset_statement(read).expect_ok("reset");
        assert_eq!(session.client.run("select count(*) from t where id = 77").value(), "1");
        session.client.run("rollback");
        assert_eq!(session.client.run("select count(*) from t where id = 77").value(), "0");
        assert!(session.is_free());
    }

    /// D4, E1: types that another server was told are put into a long execution on its way, whatever becomes of its packets.
    fn a_long_execution_without_types_brings_them_to_another_server(stage) {
        let mut session = Counted::new(stage, "split_long_types");
        // Around what one packet takes, and beyond; what stands in front of the value takes some bytes of it.
        let sizes = [1 << 20, (1 << 24) - 25, (1 << 24) - 20, (1 << 24) - 18, 20 << 20];
        for size in sizes {
            let id = session.client.prepare("select length(?), reverse(?), id from t where id = 1").id;
            let short = [Parameter::text("short"), Parameter::text("one")];
            session.client.execute(id, &short).expect_ok("execute");
            session.client.run("begin");
            let long = [Parameter::text(vec![b'x'; size]), Parameter::text("other")];
            let row = session.client.execute_with(id, 0, &long, false).expect_ok("long").packets;
            let row = row.iter().find(|packet| packet.part == Part::Row).expect("a row").payload.clone();
            let reversed = b"rehto";
            assert!(row.windows(5).any(|part| part == reversed), "{size}: {}", row.escape_ascii());
            assert!(row.windows(4).any(|part| part == (size as u32).to_le_bytes()), "{size}: {}", row.escape_ascii());
            session.client.execute_with(id, 0, &short, false).expect_ok("short, whose types are known there now");
            session.client.run("commit");
            session.client.close_statement(id);
        }
    }

    /// D4: so many parameters that the NULL bitmap and the types alone are longer than what is looked at of a long command.
    fn a_long_execution_of_many_parameters_brings_their_types_to_another_server(stage) {
        let mut session = Counted::new(stage, "split_many_types");
        let many = 30_000;
        let id = session.client.prepare(&format!("select 'x' in ({}?), id from t where id = 1", "?,".repeat(many - 1))).id;
        let value = |text: &str| (0..many).map(|_| Parameter::text(text)).collect::<Vec<_>>();
        let long = value(&"y".repeat(20));
        session.client.execute_with(id, 0, &long, true).expect_ok("at a replica");
        session.client.run("begin");
        session.client.execute_with(id, 0, &long, false).expect_ok("at the primary");
        session.client.execute_with(id, 0, &value("x"), false).expect_ok("again");
        session.client.run("commit");
    }

    /// One text too many to keep: the statement lives on the primary, where writes and transactions can follow it.
    fn a_statement_whose_text_is_not_kept_is_the_primarys(stage) {
        let mut session = Counted::new(stage, "split_texts");
        let large = format!("select length('{}')", "x".repeat(250 << 10));
        (0..68).for_each(|_| drop(session.client.prepare(&large)));
        // What is small has room still where what is large has none.
        let kept = session.client.prepare("select * from t where id = ?").id;
        let one = [Parameter::integer(1)];
        let reads = session.count("com/Execute", 5, |client| {
            (0..5).for_each(|_| drop(client.execute(kept, &one).expect_ok("execute")));
        });
        assert_eq!(reads[0], 0, "{reads:?}");
        let large = format!("select id, a, length('{}') from t where id = ?", "x".repeat(250 << 10));
        let not_kept = session.client.prepare(&large).id;
        let executions = session.count("com/Execute", 6, |client| {
            client.execute(not_kept, &one).expect_ok("execute");
            client.run("begin");
            client.run("update t set a = a + 1 where id = 1");
            (0..4).for_each(|_| drop(client.execute_with(not_kept, 0, &one, false).expect_ok("without types")));
            client.run("commit");
            client.execute(not_kept, &one).expect_ok("execute");
        });
        assert_eq!(executions, [6, 0, 0]);
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
