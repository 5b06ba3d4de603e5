//! What can be seen of a session: by root at the server, by its thread, and by itself.

use std::collections::BTreeMap;

use rolecall_tests::Flavour;
use rolecall_tests::raw::Client;

use crate::actor::{Actor, Outcome};

/// What is seen, by name.
pub type Sight = BTreeMap<String, String>;

/// What may differ between a connection that one session had for itself and one that others had in between.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("session_track_gtids", "the proxy's own setting; what clients are shown is filtered"),
    ("session_track_state_change", "the same"),
    ("session_track_system_variables", "the same"),
    ("pseudo_thread_id", "the connection's id"),
    ("timestamp", "the time; a fixed one shows in NOW()"),
    ("rand_seed1", "changes with each use, and differs from connection to connection"),
    ("rand_seed2", "the same"),
    ("statement_id", "a counter of all the server's statements"),
    ("last_insert_id", "ids that tables give differ; asked of the session itself"),
    ("identity", "the same"),
    ("error_count", "of the last statement"),
    ("warning_count", "of the last statement"),
    ("last_gtid", "of the last write"),
    ("gtid_binlog_pos", "all sessions'"),
    ("gtid_binlog_state", "all sessions'"),
    ("gtid_current_pos", "all sessions'"),
    ("insert_id", "used up where a statement needs one; asked of the session itself"),
    ("max_relay_log_size", "MariaDB: set for all"),
    ("sql_slave_skip_counter", "MariaDB: set for all"),
];

/// Everything that the server tells of `user`'s newest connection, in one question.
fn question(user: &str, flavour: Flavour) -> String {
    let thread = format!(
        "(select thread_id as id from performance_schema.threads where processlist_user = '{user}' \
         order by processlist_id desc limit 1) thread"
    );
    let of = |what: &str, table: &str, owner: &str, filter: &str| {
        format!("select {what} from {thread} straight_join performance_schema.{table} on {owner} = thread.id {filter}")
    };
    let mut parts = vec![
        // One that was never set is NULL as well.
        of(
            "'user variable', variable_name, hex(variable_value)",
            "user_variables_by_thread f",
            "f.thread_id",
            "where variable_value is not null",
        ),
        of(
            "'lock', concat_ws('.', object_type, object_schema, object_name), group_concat(lock_type, ' ', lock_duration order by 1)",
            "metadata_locks",
            "owner_thread_id",
            "where object_type not in ('ACL CACHE', 'SCHEMA') group by object_type, object_schema, object_name",
        ),
        of(
            "'statement', statement_name, sql_text",
            "prepared_statements_instances",
            "owner_thread_id",
            "where statement_name is not null",
        ),
        of("'schema', '', processlist_db", "threads f", "f.thread_id", ""),
        of(
            "'transaction', state, concat_ws(' ', access_mode, isolation_level, autocommit, number_of_savepoints)",
            "events_transactions_current f",
            "f.thread_id",
            "where state = 'ACTIVE'",
        ),
    ];
    if !flavour.is_mariadb() {
        parts.push(of("'variable', variable_name, variable_value", "variables_by_thread f", "f.thread_id", ""));
    }
    parts.join(" union all ")
}

/// Asks as root.
pub fn look(root: &mut Client, user: &str, flavour: Flavour) -> Sight {
    root.transcript.clear();
    let rows = root.run(&question(user, flavour)).rows();
    let mut sight = Sight::new();
    for row in rows {
        let [kind, name, value] = &row[..] else { continue };
        let (kind, name) = (kind.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default());
        if kind == "variable" && EXCEPTIONS.iter().any(|(exception, _)| *exception == name) {
            continue;
        }
        let value = value.clone().unwrap_or_else(|| "NULL".into());
        // Accounts differ in nothing but their names.
        sight.insert(format!("{kind} {name}"), value);
    }
    sight
}

/// What a session sees of itself. Some of that ends what it asks for: in this order.
pub fn look_at_oneself(actor: &mut Actor, steps: &[String], own: &str) -> Vec<(String, Outcome)> {
    let mut probes: Vec<String> = Vec::new();
    let mut add = |probe: &str| probes.push(probe.to_owned());
    let did = |what: &str| steps.iter().any(|step| step.contains(what));
    add("select current_role() like '%_role%'");
    add(
        "select database(), @a, @b, @c, @d, collation(@a), collation(@b), last_insert_id(), charset('x'), collation('x')",
    );
    if did("cursor") {
        add("!fetch 0");
    }
    if did("prepare 1") {
        add("!again 1 5 6");
    }
    if did("prepare 2") {
        add("!again 2 1");
    }
    if did("tmp_") || did("temporary") || did("makes_table") {
        ["select * from tmp_a", "show create table tmp_a", "show create table tmp_b", "select * from t"]
            .iter()
            .for_each(|probe| add(probe));
    }
    if did("get_lock") || did("takes_lock") {
        add(&format!("select is_used_lock('{own}') = connection_id()"));
    }
    if did("lock tables") {
        add("select count(*) from t3");
    }
    if did("handler") {
        add("handler t read first");
    }
    if did("prepare s") {
        add("execute s1");
        add("execute s2 using @b");
    }
    if let Some(name) = steps.iter().find_map(|step| step.strip_prefix("xa start ")) {
        add(&format!("xa end {name}"));
    }
    if did("timestamp") {
        add("select abs(timestampdiff(second, now(), sysdate())) < 20");
    }
    if did("insert_id = 1") {
        add(&format!("delete from {own}.auto where id between 1000 and 1009"));
        add(&format!("delete from {own}_other.auto where id between 1000 and 1009"));
        add("insert into auto (a) values (1)");
        add("select last_insert_id()");
    }
    add("do 1; do 2");
    add("rollback");
    probes
        .into_iter()
        .map(|probe| {
            let outcome = actor.take_patiently(&probe);
            (probe, outcome)
        })
        .collect()
}

/// The session's variables by its own word: MariaDB tells nobody else.
pub fn variables(client: &mut Client) -> Sight {
    client.transcript.clear();
    let rows = client.query("show session variables").rows();
    let pairs = rows.into_iter().filter_map(|row| {
        let [name, value] = <[Option<String>; 2]>::try_from(row).ok()?;
        Some((name?, value.unwrap_or_else(|| "NULL".into())))
    });
    let is_own = |name: &str| !EXCEPTIONS.iter().any(|(exception, _)| *exception == name);
    pairs.filter(|(name, _)| is_own(name)).map(|(name, value)| (format!("variable {name}"), value)).collect()
}

/// Whether two outcomes are the same for a session that took these steps.
///
/// SET NAMES … COLLATE, and then an assignment: the collation that results' columns had by the first is its character set's
/// default on the next connection. No client reads more from it than the character set. And MySQL parses a prepared statement
/// again where types are bound that it did not expect: on the next connection under the character set that holds by then.
pub fn is_same(found: &str, expected: &str, steps: &[String]) -> bool {
    let did = |what: &str| steps.iter().any(|step| step.contains(what));
    let is_vague = ["set names", "default_collation", "!reset_connection", "!prepare"].iter().any(|what| did(what))
        && (did("n_connection") || did("t_connection") || did("t_results"));
    found == expected || (is_vague && without_collations(found) == without_collations(expected))
}

fn without_collations(outcome: &str) -> String {
    let mut parts = outcome.split("column [");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, column| told + "column " + column.split_once(']').map_or(column, |(_, rest)| rest))
}

/// What differs.
pub fn differences(found: &Sight, expected: &Sight) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differing = names.into_iter().filter(|name| found.get(*name) != expected.get(*name));
    differing.map(|name| format!("{name}: {:?}, not {:?}", found.get(name), expected.get(name))).collect()
}
