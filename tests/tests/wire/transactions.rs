//! Transactions: Q22 to Q27 and B of the traps, as far as one session goes.

use rolecall_tests::{Trial, on_every_server};

scripts! {
    fn q22_autocommit_off {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "set autocommit = 0", "select * from t", "update t set a = 2", "select * from t", "rollback", "select * from t", "update t set a = 3", "commit", "select * from t",
            "set autocommit = 1", "select * from t", "set @@autocommit = OFF", "insert into t values (5)", "set autocommit = 1", "select count(*) from t", "rollback", "select count(*) from t",
        ],
    }

    fn q23_autocommit_off_inside_a_prepared_statement {
        setup: ["create table t (a int)"],
        steps: [
            "prepare p from 'set autocommit = 0'", "execute p", "select @@autocommit", "insert into t values (1)", "rollback", "select * from t", "prepare q from 'set autocommit = 1'",
            "execute q", "insert into t values (2)", "rollback", "select * from t", "deallocate prepare p", "execute p",
        ],
    }

    fn q24_implicit_commits {
        setup: ["create table t (a int)", "create table u (a int)"],
        steps: [
            "begin", "insert into t values (1)", "create table v (a int)", "rollback", "select * from t", "begin", "insert into t values (2)", "begin", "rollback", "select * from t",
            "begin", "insert into t values (3)", "lock tables t write", "select count(*) from t", "unlock tables", "rollback", "select * from t", "begin", "insert into t values (4)",
            "set autocommit = 1", "rollback", "select * from t", "begin", "insert into t values (5)", "truncate table u", "rollback", "select * from t", "begin", "insert into t values (6)",
            "alter table u add b int", "rollback", "select * from t", "begin", "insert into t values (7)", "analyze table u", "rollback", "select count(*) from t", "begin",
            "insert into t values (8)", "drop table v", "select count(*) from t", "rollback",
        ],
    }

    fn q26_chains_and_savepoints {
        setup: ["create table t (a int)"],
        steps: [
            "begin", "insert into t values (1)", "savepoint a", "insert into t values (2)", "rollback to a", "select * from t", "release savepoint a", "rollback to a", "commit and chain",
            "insert into t values (3)", "rollback and chain", "select * from t", "rollback", "savepoint outside", "rollback to outside", "start transaction", "insert into t values (4)",
            "rollback work", "select * from t", "begin", "select * from t", "commit work and no chain no release", "commit", "begin", "insert into t values (5)", "rollback release", "select 1",
        ],
    }

    fn q26_commit_release_closes {
        setup: ["create table t (a int)"],
        steps: ["begin", "insert into t values (1)", "commit release", "select 1"],
    }

    fn q27_xa {
        setup: ["create table t (a int)"],
        steps: [
            "xa start 'q27'", "insert into t values (1)", "select * from t", "begin", "commit", "xa end 'q27'", "select * from t", "xa prepare 'q27'", "select * from t", "xa commit 'q27'", "select * from t",
            "xa start 'q27b'", "insert into t values (2)", "xa end 'q27b'", "xa rollback 'q27b'", "select * from t", "xa start 'q27c'", "insert into t values (3)", "xa end 'q27c'",
            "xa commit 'q27c' one phase", "select * from t", "xa commit 'nothing'", "xa recover",
        ],
    }

    fn b4_isolation_for_the_next_transaction_only {
        setup: ["create table t (a int)"],
        steps: [
            "set transaction isolation level serializable", "begin", "select * from t", "commit", "select @@transaction_isolation", "set transaction isolation level read committed, read only",
            "begin", "insert into t values (1)", "commit", "begin", "insert into t values (2)", "commit", "set transaction read only", "select * from t", "insert into t values (3)",
            "begin", "set transaction isolation level serializable", "commit",
        ],
    }

    fn b6_read_only_transactions {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "start transaction read only", "select * from t", "insert into t values (2)", "select * from t", "commit", "insert into t values (3)", "start transaction read only, with consistent snapshot",
            "select * from t", "update t set a = 1", "rollback", "start transaction read write", "insert into t values (4)", "commit", "select * from t",
        ],
    }

    fn b10_ddl_in_a_transaction {
        setup: ["create table t (a int)"],
        steps: [
            "begin", "insert into t values (1)", "create table x (a int)", "select * from t", "insert into x values (1)", "rollback", "select * from x", "begin", "insert into t values (2)",
            "create temporary table y (a int)", "insert into y values (1)", "rollback", "select * from t", "select * from y",
        ],
    }

    fn b18_table_locks {
        setup: ["create table t (a int)", "create table u (a int)"],
        steps: [
            "lock tables t write", "insert into t values (1)", "select * from t", "select * from u", "commit", "select * from u", "begin", "select * from u", "commit", "lock tables t read, u write",
            "insert into t values (2)", "insert into u values (2)", "select * from u", "unlock tables", "select * from t", "lock table t read local", "select * from t", "unlock tables",
        ],
    }

    fn a18_handler {
        setup: ["create table t (a int primary key)", "insert into t values (1), (2), (3)"],
        steps: [
            "handler t open", "handler t read first", "handler t read next", "select * from t", "handler t read next", "handler t close", "handler t read next", "handler t open as h",
            "handler h read `primary` = (2)", "handler h close",
        ],
    }
}

on_every_server! {
    fn b7_a_consistent_snapshot_is_taken_at_once(stage) {
        Trial::new(stage, "b7").setup(&["create table t (a int)", "insert into t values (1)"]).run(|run| {
            let mut other = run.another();
            run.run("start transaction with consistent snapshot");
            other.run("update t set a = 2");
            assert_eq!(run.run("select a from t").value(), "1");
            run.run("commit");
            assert_eq!(run.run("select a from t").value(), "2");
        });
    }

    fn b8_repeatable_reads_repeat(stage) {
        Trial::new(stage, "b8").setup(&["create table t (a int)", "insert into t values (1)"]).run(|run| {
            let mut other = run.another();
            for begin in ["begin", "start transaction read only", "set autocommit = 0"] {
                other.run("update t set a = 1");
                run.run(begin);
                assert_eq!(run.run("select a from t").value(), "1");
                other.run("update t set a = 2");
                assert_eq!(run.run("select a from t").value(), "1", "{begin}");
                run.run("commit");
                assert_eq!(run.run("select a from t").value(), "2", "{begin}");
                run.run("commit");
            }
        });
    }

    fn c11_quit_in_a_transaction_rolls_back(stage) {
        Trial::new(stage, "c11").setup(&["create table t (a int)"]).run(|run| {
            let mut other = run.another();
            other.run("begin");
            other.run("insert into t values (1)");
            other.quit();
            // The row lock is gone with the transaction.
            run.run("delete from t");
            assert_eq!(run.run("select count(*) from t").value(), "0");
        });
    }

    fn c19_locks_go_with_their_session(stage) {
        Trial::new(stage, "c19").run(|run| {
            let mut other = run.another();
            assert_eq!(other.run("select get_lock('c19', 0)").value(), "1");
            other.quit();
            assert_eq!(run.run("select get_lock('c19', 10)").value(), "1");
            run.run("do release_lock('c19')");
        });
    }
}
