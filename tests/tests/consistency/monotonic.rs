//! A session never reads less than it has read before.

use rolecall_tests::on_every_server;

use crate::field::Field;

on_every_server! {
    /// F3: one replica follows and one does not; a session that has read at the one that follows does not go back.
    fn reads_never_go_back(stage) {
        let field = Field::new(stage, "cons_mono");
        let mut writer = stage.set.primary.root();
        writer.init_db("cons_mono").expect_ok("schema");
        let held = field.hold_back(1);
        let mut sessions: Vec<_> = (0..6).map(|_| field.session()).collect();
        let mut seen = vec![0_i64; sessions.len()];
        let before = field.counts("sql/select");
        for round in 1..=40_i64 {
            writer.run(&format!("update t set a = {} where id = 1", 100 + round));
            for (session, seen) in sessions.iter_mut().zip(&mut seen) {
                let value: i64 = session.run("select a from t where id = 1").value().parse().expect("a number");
                assert!(value >= *seen, "round {round}: {value} after {seen}");
                *seen = value;
            }
        }
        let after = field.counts("sql/select");
        assert!(after[1] - before[1] >= 200, "reads do not go to replicas: {before:?} {after:?}");
        drop(held);
    }

    /// F3: a read at the primary, in a transaction, is not followed by an older one at a replica.
    fn what_was_read_at_the_primary_stays_seen(stage) {
        let field = Field::new(stage, "cons_primary");
        let mut writer = stage.set.primary.root();
        writer.init_db("cons_primary").expect_ok("schema");
        let mut client = field.session();
        let held = field.hold_all_back();
        writer.run("update t set a = 50 where id = 2");
        client.run("begin");
        assert_eq!(client.run("select a from t where id = 2").value(), "50");
        client.run("commit");
        assert_eq!(client.run("select a from t where id = 2").value(), "50");
        writer.run("update t set a = 51 where id = 2");
        assert_eq!(client.run("/* rolecall: primary */ select a from t where id = 2").value(), "51");
        assert_eq!(client.run("select a from t where id = 2").value(), "51");
        drop(held);
        stage.set.wait_until_replicated();
        field.expect_at_replicas(&mut client, "select a from t where id = 2", "51");
    }

    /// F3: what a question about the previous statement shows beside its answer is not taken back.
    fn what_stands_beside_a_row_count_stays_seen(stage) {
        let field = Field::new(stage, "cons_beside");
        let mut writer = stage.set.primary.root();
        writer.init_db("cons_beside").expect_ok("schema");
        let mut client = field.session();
        client.run("insert into t values (9, 9)");
        stage.set.wait_until_replicated();
        let held = field.hold_all_back();
        writer.run("update t set a = 50 where id = 2");
        let shown = client.run("select row_count(), a from t where id = 2").rows();
        assert_eq!(shown, [[Some("1".to_owned()), Some("50".to_owned())]]);
        assert_eq!(client.run("select a from t where id = 2").value(), "50");
        drop(held);
    }
}
