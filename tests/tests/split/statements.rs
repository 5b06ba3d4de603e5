//! Single statements.

use rolecall_protocol::Capabilities;
use rolecall_tests::{Proxy, ProxyOptions, on_every_server};

use crate::counted::Counted;

on_every_server! {
    fn reads_go_to_both_replicas_and_writes_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_plain");
        let reads = session.count("sql/select", 20, |client| {
            (0..20).for_each(|_| drop(client.run("select * from t")));
        });
        assert_eq!(reads[0], 0, "{reads:?}");
        assert!(reads[1] > 0 && reads[2] > 0 && reads[1] + reads[2] == 20, "{reads:?}");
        assert_eq!(session.run("sql/insert", &["insert into t values (4, 4)", "insert into t values (5, 5)"]), [2, 0]);
        assert_eq!(session.run("sql/update", &["update t set a = a + 1 where id = 4"]), [1, 0]);
        assert_eq!(session.run("sql/replace", &["replace into t values (4, 1)"]), [1, 0]);
        assert_eq!(session.run("sql/delete", &["delete from t where id > 3"]), [1, 0]);
        assert_eq!(session.run("sql/create_table", &["create table u (a int)"]), [1, 0]);
        assert_eq!(session.run("sql/insert_select", &["insert into u select a from t"]), [1, 0]);
        assert_eq!(session.run("sql/truncate", &["truncate table u"]), [1, 0]);
        assert!(session.is_free());
    }

    /// A1, A2, Q18
    fn locking_reads_go_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_locking");
        let reads = [
            "select * from t for update",
            "(select * from t where id = 1 for update)",
            "select * from t lock in share mode",
            "with c as (select 1) select * from t for update",
            "select * from t where id in (select id from t for update)",
            "select * from t /* not the end */ for -- yet\n update",
        ];
        assert_eq!(session.run("sql/select", &reads), [6, 0]);
        assert!(session.is_free());
    }

    /// A5, A10, A21, Q17: what is not the same on every server, or leaves something behind.
    fn reads_that_replicas_cannot_answer_go_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_node");
        let reads = [
            "select @@server_id, @@read_only",
            "select count(*) from information_schema.schemata",
            "select is_free_lock('split')",
            "select last_insert_id()",
        ];
        assert_eq!(session.run("sql/select", &reads), [4, 0]);
        assert!(session.is_free());
        assert_eq!(session.run("sql/select", &["select get_lock('split_node', 0)"]), [1, 0]);
        assert!(!session.is_free(), "a lock is held at the primary");
    }

    /// A21: without the schema's name as well.
    fn reads_in_a_system_schema_go_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_schema");
        session.client.run("use information_schema");
        assert_eq!(session.run("sql/select", &["select count(*) from schemata"]), [1, 0]);
        session.client.run("use split_schema");
        assert!(session.is_free());
    }

    /// A14, A22: what looks like a write and is none.
    fn reads_that_look_like_writes_go_to_replicas(stage) {
        let mut session = Counted::new(stage, "split_looks");
        let reads = [
            "select 'insert into t'",
            "/* insert */ select 1 -- for update",
            "with c as (select 1 as `update`) select `update` from c",
            "select replace('a', 'b', 'c'), insert('abc', 1, 1, 'x')",
            "select \"delete from t\" from t",
        ];
        assert_eq!(session.run("sql/select", &reads), [0, 5]);
    }

    /// E3
    fn several_statements_in_one_text_go_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_several");
        session.options = session.options.clone().with(Capabilities::MULTI_STATEMENTS);
        session.client = session.another();
        let reads = session.count("sql/select", 4, |client| {
            client.run("select 1; select * from t");
            client.run("update t set a = 1; select 1; select 2");
        });
        assert_eq!(reads, [4, 0, 0]);
        assert_eq!(session.run("sql/select", &["select 1;"]), [0, 1], "one statement with an end");
    }

    fn the_replica_with_fewer_statements_under_way_is_chosen(stage) {
        // Its own proxy: what other tests have under way would count.
        let proxy = Proxy::start(stage.set.servers(), &ProxyOptions::default());
        let mut session = Counted::behind(&proxy, stage, "split_balance", &[]);
        let (busy, other) = session.occupy("select sleep(60)");
        let reads = session.count("sql/select", 10, |client| (0..10).for_each(|_| drop(client.run("select * from t"))));
        let mut expected = [0, 10, 10];
        expected[busy] = 0;
        assert_eq!(reads, expected);
        // Its end ends the query.
        drop(other);
    }
}
