//! What can be seen of a session: by itself, and at the server.

use std::collections::BTreeMap;

use rolecall_tests::raw::{Client, Reply};

use crate::pool::Pool;

/// What a session sees of itself, by name.
pub type Sight = BTreeMap<String, String>;

/// A transaction that may write.
const TRANSACTION: &[&str] = &["rollback to leak_point", "begin", "update t set a = a where id = 1", "rollback"];

/// Statements whose outcome shows what a connection still has.
const PROBES: &[&str] = &[
    "select database(), current_role(), @leak, @@autocommit",
    "select abs(timestampdiff(second, now(), sysdate())) < 20",
    "show warnings",
    "select is_used_lock('leak')",
    "select count(*), @leak from t",
    "select * from leak_temporary",
    "execute leak_statement",
    "execute leak_set",
    "handler t read first",
    "xa end 'leak'",
    "do 1; do 2",
];

/// Variables that no two statements see alike, or that others change: of MariaDB's, some that SET SESSION sets for all.
const VOLATILE: &[&str] = &[
    "timestamp",
    "pseudo_thread_id",
    "statement_id",
    "last_gtid",
    "error_count",
    "warning_count",
    "rand_seed1",
    "rand_seed2",
    "max_relay_log_size",
    "sql_slave_skip_counter",
];

/// What this session sees of itself.
pub fn observe(client: &mut Client) -> Sight {
    let mut sight = variables(client);
    // First what the next transaction would be, then what is left of the last.
    for probe in TRANSACTION.iter().chain(PROBES) {
        sight.insert((*probe).to_owned(), outcome(&client.query(probe)));
    }
    // What another one has prepared.
    for id in 1..4 {
        sight.insert(format!("fetch {id}"), client.fetch(id, 1).code().to_string());
        sight.insert(format!("statement {id}"), outcome(&client.reset_statement(id)));
    }
    client.transcript.clear();
    sight
}

/// The session's variables.
pub fn variables(client: &mut Client) -> Sight {
    let reply = client.query("show session variables");
    let status = match reply.error() {
        Some(error) => error.to_string(),
        None => format!("{:?}", reply.status()),
    };
    let rows = reply.rows();
    let pairs = rows.into_iter().filter_map(|row| {
        let mut row = row.into_iter();
        Some((row.next()??, row.next()?.unwrap_or_else(|| "NULL".into())))
    });
    let stays = |name: &str| {
        !VOLATILE.contains(&name) && (!name.starts_with("gtid_") || name == "gtid_next" || name == "gtid_domain_id")
    };
    pairs.filter(|(name, _)| stays(name)).chain([("status".to_owned(), status)]).collect()
}

fn outcome(reply: &Reply) -> String {
    if reply.closed {
        return "closed".into();
    }
    match reply.error() {
        Some(error) => format!("error {}", error.code),
        None => format!("{:?}", reply.rows()),
    }
}

/// Where two sights differ.
pub fn differences(found: &Sight, expected: &Sight) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differing = names.into_iter().filter(|name| found.get(*name) != expected.get(*name));
    differing.map(|name| format!("{name}: {:?}, not {:?}", found.get(name), expected.get(name))).collect()
}

/// What the server knows of a connection that should have nothing.
pub fn held_at_server(pool: &Pool, connection: u64) -> Vec<String> {
    let of_thread = format!("join performance_schema.threads using (thread_id) where processlist_id = {connection}");
    let mut questions = vec![
        format!("select count(*) from information_schema.innodb_trx where trx_mysql_thread_id = {connection}"),
        // One that was never set is NULL as well.
        format!("select count(variable_value) from performance_schema.user_variables_by_thread {of_thread}"),
    ];
    if !pool.stage.flavour().is_mariadb() {
        questions.push(format!(
            "select count(*) from performance_schema.metadata_locks join performance_schema.threads \
             on thread_id = owner_thread_id where processlist_id = {connection}"
        ));
    }
    questions.push("select 1 - is_free_lock('leak')".into());
    let found = questions.into_iter().filter(|question| pool.server().value(question) != "0");
    found.collect()
}
