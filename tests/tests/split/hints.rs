//! Clients' wishes: comments and query attributes.

use std::sync::Arc;

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::Parameter;
use rolecall_tests::{Stage, on_every_server};

use crate::counted::Counted;

on_every_server! {
    /// A14, S9
    fn comments_ask_for_a_server(stage) {
        let mut session = Counted::new(stage, "split_comments");
        let primary = ["/* rolecall: primary */ select * from t", "select 1 -- rolecall:primary", "select /*Rolecall: PRIMARY*/ 2"];
        assert_eq!(session.run("sql/select", &primary), [3, 0]);
        let replica = ["/* rolecall: replica */ select @@server_id", "select @@hostname /* rolecall: replica */"];
        assert_eq!(session.run("sql/select", &replica), [0, 2]);
        let text = ["select '/* rolecall: primary */'", "select 1 /* rolecall: somewhere */", "select /*+ rolecall: primary */ 1"];
        assert_eq!(session.run("sql/select", &text), [0, 3], "no hints");
    }

    /// S9: nobody leads a write to a replica.
    fn no_comment_leads_a_write_to_a_replica(stage) {
        let mut session = Counted::new(stage, "split_no_way");
        assert_eq!(session.run("sql/insert", &["/* rolecall: replica */ insert into t values (7, 7)"]), [1, 0]);
        assert_eq!(session.run("sql/select", &["select * from t for update /* rolecall: replica */"]), [1, 0]);
        session.client.run("begin");
        assert_eq!(session.run("sql/select", &["/* rolecall: replica */ select 1"]), [1, 0], "the transaction's server");
    }
}

/// MariaDB has no query attributes.
#[test]
fn query_attributes_ask_for_a_server() {
    let stage: Arc<Stage> = Stage::mysql();
    let mut session = Counted::new(&stage, "split_attributes");
    session.options = session.options.clone().with(Capabilities::QUERY_ATTRIBUTES);
    session.client = session.another();
    let ask = |session: &mut Counted, sql: &str, value: &str| {
        session.count("sql/select", 1, |client| {
            client.query_with_attributes(sql, &[("rolecall", Parameter::text(value))]).expect_ok(sql);
        })
    };
    assert_eq!(ask(&mut session, "select * from t", "primary"), [1, 0, 0]);
    assert_eq!(ask(&mut session, "select @@server_id", "replica")[0], 0);
    assert_eq!(ask(&mut session, "select @@server_id", "elsewhere"), [1, 0, 0]);
    assert_eq!(ask(&mut session, "select * from t for update", "replica"), [1, 0, 0]);
    let statement = session.client.prepare("select * from t").id;
    let execute = |session: &mut Counted, value: &'static str| {
        session.count("com/Execute", 1, |client| {
            let attributes = [("rolecall", Parameter::text(value))];
            client.execute_with_attributes(statement, &[], &attributes).expect_ok("execute");
        })
    };
    assert_eq!(execute(&mut session, "primary"), [1, 0, 0]);
    assert_eq!(execute(&mut session, "replica")[0], 0);
}
