//! Framing.

use rolecall_tests::{Trial, on_every_server};

on_every_server! {
    fn f7_more_than_255_packets_wrap_the_sequence_id(stage) {
        Trial::new(stage, "f7").setup(&["create table t (a int)", "insert into t values (1),(2),(3),(4),(5),(6),(7),(8)"]).run(|run| {
            assert_eq!(run.run("select x.a from t x, t y, t z").rows().len(), 512);
        });
    }
}
