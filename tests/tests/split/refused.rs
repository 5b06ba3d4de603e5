//! What the proxy does in front of a statement may be refused, too: nothing of the session is lost by that.

use std::sync::Arc;

use rolecall_tests::Stage;

use crate::counted::Counted;

const RESOURCES_EXCEEDED: u16 = 1226;

/// How many queries an account may run in an hour from now on. One that never had a limit is not counted.
fn limit(stage: &Stage, account: &str, queries: u32) {
    stage.set.primary.run(&format!("alter user {account} with max_queries_per_hour {queries}"));
    stage.set.wait_until_replicated();
    stage.set.servers().for_each(|server| drop(server.run("flush local user_resources")));
}

fn limited(stage: &Arc<Stage>, account: &str) -> Counted {
    let setup = format!("alter user {account} with max_queries_per_hour 100000");
    let mut session = Counted::behind(stage.proxy(), stage, account, &[&setup]);
    assert!(session.is_free());
    session
}

/// Q16, C1: the variables that a question about a read has set on a replica are on their way to the primary when an
/// account's limit stops the proxy's own query for them.
#[test]
fn variables_whose_way_to_the_primary_was_refused_come_later() {
    let stage = Stage::mysql();
    let mut session = limited(&stage, "refused_variables");
    session.client.run("select 'a' + 1, 'b' + 1");
    limit(&stage, "refused_variables", 1);
    // The last query that the replica allows.
    session.client.run("get diagnostics @n = number");
    assert_eq!(session.client.query("insert into t values (9, @n)").code(), RESOURCES_EXCEEDED);
    limit(&stage, "refused_variables", 100_000);
    session.client.run("insert into t values (9, @n)");
    stage.set.wait_until_replicated();
    assert_eq!(session.client.run("select concat(a, @n) from t where id = 9").value(), "22");
}

/// B12, C27: what the proxy sends in front of a statement is refused, and the transaction that waits there is whole.
#[test]
fn a_transaction_outlives_what_was_refused_in_front_of_its_next_statement() {
    let stage = Stage::mysql();
    let mut session = limited(&stage, "refused_trackers");
    session.client.run("begin");
    session.client.run("update t set a = 7 where id = 1");
    limit(&stage, "refused_trackers", 1);
    session.client.run("select a from t");
    // The proxy gives the trackers back to the client first.
    assert_eq!(session.client.query("select @@session_track_state_change").code(), RESOURCES_EXCEEDED);
    limit(&stage, "refused_trackers", 100_000);
    assert_eq!(session.client.run("select @@session_track_state_change").value(), "0");
    session.client.run("commit");
    assert_eq!(stage.set.primary.value("select a from refused_trackers.t where id = 1"), "7");
}
