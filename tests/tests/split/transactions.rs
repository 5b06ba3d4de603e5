//! Transactions stay on one server.

use rolecall_tests::on_every_server;
use rolecall_tests::raw::Client;

use crate::counted::Counted;

fn all(client: &mut Client, statements: &[&str]) {
    statements.iter().for_each(|statement| drop(client.run(statement)));
}

on_every_server! {
    fn a_transaction_is_the_primarys(stage) {
        let mut session = Counted::new(stage, "split_transaction");
        let kinds = [("sql/begin", 2), ("sql/select", 6), ("sql/update", 2), ("sql/commit", 1), ("sql/rollback", 1)];
        let counts = session.counts(&kinds, |client| {
            all(client, &["begin", "select * from t", "update t set a = 7", "select * from t", "select 1", "commit"]);
            all(client, &["start transaction", "select 1", "update t set a = 8", "select 2", "select 3", "rollback"]);
        });
        assert_eq!(counts, [[2, 0, 0], [6, 0, 0], [2, 0, 0], [1, 0, 0], [1, 0, 0]]);
        assert!(session.is_free(), "the transaction is over");
    }

    /// B6
    fn a_read_only_transaction_stays_on_one_replica(stage) {
        let mut session = Counted::new(stage, "split_read_only");
        let mut used = [0, 0];
        for _ in 0..6 {
            let kinds = [("sql/begin", 1), ("sql/select", 4), ("sql/commit", 1)];
            let [begins, reads, commits] = session.counts(&kinds, |client| {
                all(client, &["start transaction read only", "select * from t", "select 1", "select @@server_id", "select 2", "commit"]);
            });
            let at = begins.iter().position(|count| *count == 1).expect("one server");
            let mut expected = [0, 0, 0];
            expected[at] = 1;
            assert_eq!((begins, reads, commits), (expected, expected.map(|count| count * 4), expected));
            assert_ne!(at, 0, "a replica's");
            used[at - 1] += 1;
        }
        assert!(used[0] > 0 && used[1] > 0, "both replicas serve such transactions: {used:?}");
    }

    /// B6: a write inside is refused and does not go to the primary.
    fn a_write_in_a_read_only_transaction_is_refused_where_it_is(stage) {
        let mut session = Counted::new(stage, "split_refused");
        let counts = session.count("sql/insert", 1, |client| {
            client.run("start transaction read only");
            assert_eq!(client.query("insert into t values (9, 9)").code(), 1792);
            client.run("rollback");
        });
        assert_eq!(counts[0], 0);
        assert_eq!(session.run("sql/insert", &["insert into t values (9, 9)"]), [1, 0]);
    }

    /// What such a transaction leaves ties the session to a replica, which may be one that takes writes of this account: none
    /// goes there (B6, B9).
    fn no_write_follows_a_read_only_transaction_to_its_replica(stage) {
        let mut session = Counted::new(stage, "split_left");
        session.client.run("create procedure looks() select count(*) from t");
        for leaves in ["call looks()", "prepare p from 'select 1'", "select @left := 1"] {
            let is_carried = leaves.starts_with("select");
            let counts = session.count("sql/insert", is_carried.into(), |client| {
                all(client, &["start transaction read only", leaves, "commit"]);
                for write in ["insert into t values (9, 9)", "begin", "create table written (a int)", "call looks()"] {
                    let reply = client.query(write);
                    if is_carried {
                        return drop(reply.expect_ok("nothing ties it any more"));
                    }
                    let error = reply.error().expect("an error").to_string();
                    assert_eq!(reply.code(), 1105, "{leaves}; {write}: {error}");
                    assert!(error.contains("replica") && error.contains("/sessions"), "{error}");
                }
            });
            assert_eq!(counts[1..], [0, 0], "{leaves}");
            session.client.reset_connection().expect_ok("reset");
            session.client.run("delete from t where id = 9");
        }
    }

    /// C19: at a replica it would keep nobody out.
    fn no_named_lock_is_taken_in_a_read_only_transaction_on_a_replica(stage) {
        let mut session = Counted::new(stage, "split_lock");
        let lock = "select get_lock('split_lock', 0)";
        session.client.run("start transaction read only");
        for take in [lock, "do get_lock('split_lock', 0)", "select * from t where get_lock('split_lock', 0)"] {
            let error = session.client.query(take).error().expect("an error").to_string();
            assert!(error.contains("rolecall: primary") && error.contains("lock"), "{error}");
        }
        session.client.run("select * from t");
        session.client.run("commit");
        session.client.run("/* rolecall: primary */ start transaction read only");
        assert_eq!(session.client.run(lock).value(), "1");
        assert_eq!(session.client.run("select is_free_lock('split_lock')").value(), "0");
        session.client.run("commit");
        let mut root = stage.set.primary.root();
        assert_eq!(root.run(lock).value(), "0");
        session.client.run("do release_lock('split_lock')");
        assert_eq!(root.run(lock).value(), "1");
    }

    /// B1, Q22
    fn without_autocommit_every_statement_is_the_primarys(stage) {
        let mut session = Counted::new(stage, "split_autocommit");
        assert!(session.is_free());
        session.client.run("set autocommit = 0");
        assert_eq!(session.run("sql/select", &["select * from t", "select 1"]), [2, 0]);
        assert_eq!(session.run("sql/commit", &["commit"]), [1, 0]);
        assert_eq!(session.run("sql/select", &["select * from t"]), [1, 0]);
        session.client.run("rollback");
        session.client.run("set autocommit = 1");
        assert!(session.is_free());
    }

    /// B2, Q23: the status flags decide, not the text.
    fn autocommit_that_is_hidden_in_a_prepared_text_is_noticed(stage) {
        let mut session = Counted::new(stage, "split_hidden");
        all(&mut session.client, &["prepare p from 'set autocommit = 0'", "execute p"]);
        assert_eq!(session.run("sql/select", &["select * from t"]), [1, 0]);
    }

    /// Q26, B12
    fn savepoints_and_chains_stay_in_the_transaction(stage) {
        let mut session = Counted::new(stage, "split_chain");
        let selects = session.count("sql/select", 3, |client| {
            all(client, &["begin", "savepoint a", "select 1", "rollback to a", "release savepoint a", "select 2", "commit and chain", "select 3", "commit"]);
        });
        assert_eq!(selects, [3, 0, 0]);
        assert!(session.is_free());
    }

    /// B4, Q24: one-shot characteristics are used up, an implicit commit ends the transaction.
    fn what_ends_a_transaction_frees_the_session(stage) {
        let mut session = Counted::new(stage, "split_ends");
        all(&mut session.client, &["begin", "insert into t values (8, 8)", "create table ended (a int)"]);
        assert!(session.is_free(), "DDL commits");
        let selects = session.count("sql/select", 2, |client| {
            all(client, &["set transaction isolation level serializable", "begin", "select 1", "commit", "select 2"]);
        });
        assert_eq!((selects[0], selects[1] + selects[2]), (1, 1), "the next transaction is over");
    }
}
