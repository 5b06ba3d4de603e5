//! What a server holds and remembers, by its own tables.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rolecall_tests::Server;
use rolecall_tests::raw::Client;

/// Looks at a server from beside.
pub struct Observer {
    root: RefCell<Client>,
    mariadb: bool,
}

/// A kind of thing with its name, and its value.
pub type Facts = BTreeMap<(String, String), String>;

/// What a server held at one moment.
pub struct Sight {
    facts: Facts,
}

/// What came, went or changed between two sights.
#[derive(Debug, Default)]
pub struct Changes {
    /// Something was written: the server's position has changed.
    pub data: bool,
    /// By kind: the names.
    pub of: BTreeMap<String, Vec<String>>,
}

impl Observer {
    pub fn new(server: &Server) -> Self {
        let mut root = server.root();
        let mariadb = server.flavour().is_mariadb();
        for watch in WATCHES {
            root.run(&format!("update performance_schema.{watch}"));
        }
        Self { root: RefCell::new(root), mariadb }
    }

    /// What the server knows now, of itself and of `client`'s session. The session is asked last, since its own view of
    /// its variables is the only one that MariaDB has. `None` where the session is over.
    pub fn look(&self, client: &mut Client) -> Option<Sight> {
        let id = client.greeting.as_ref().expect("a greeting").connection_id;
        let mut root = self.root.borrow_mut();
        let thread = root.run(&format!("select thread_id from performance_schema.threads where processlist_id={id}"));
        if client.ping().closed {
            return None;
        }
        let thread = thread.rows().first()?.first()?.clone()?;
        let mut facts = Facts::new();
        let own = if self.mariadb { MARIADB } else { MYSQL };
        for question in BESIDE.iter().chain(own) {
            let question = question.replace("THREAD", &thread).replace("CONNECTION", &id.to_string());
            note(&mut facts, steady(&mut root, &question));
        }
        root.transcript.clear();
        let variables = client.run("show session variables").rows();
        note(&mut facts, variables.into_iter().map(|row| [vec![Some("variable".to_owned())], row].concat()).collect());
        note(
            &mut facts,
            client.run("select 'role', '', current_role() union all select 'insert id', '', last_insert_id()").rows(),
        );
        if self.mariadb {
            note(&mut facts, client.run(MARIADB_OWN).rows());
        }
        facts.retain(|(kind, name), _| kind != "variable" || !is_volatile(&name.to_lowercase()));
        Some(Sight { facts })
    }

    /// Whether someone holds locks on rows of the tables that the cases read: nothing else keeps them from this session.
    pub fn rows_are_locked(&self) -> bool {
        let mut root = self.root.borrow_mut();
        let reply = root.query("select * from test.t, test.t2 for update nowait");
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_NOWAIT
        let locked = matches!(reply.code(), 1205 | 3572);
        assert!(locked || reply.code() == 0, "{:?}", reply.error());
        locked
    }
}

impl Sight {
    pub fn changes(&self, after: &Self) -> Changes {
        let mut changes = Changes::default();
        let names = self.facts.keys().chain(after.facts.keys());
        let mut changed: Vec<_> = names.filter(|key| self.facts.get(*key) != after.facts.get(*key)).collect();
        changed.dedup();
        for (kind, name) in changed {
            // One that is gone was an earlier session's, whose end takes a moment.
            if kind == "temporary table" && !after.facts.contains_key(&(kind.clone(), name.clone())) {
                continue;
            }
            if kind == "position" {
                changes.data = true;
            }
            let names = changes.of.entry(kind.clone()).or_default();
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        changes
    }
}

/// The answer that comes twice in a row: the performance schema shows what a thread is just writing as empty.
fn steady(root: &mut Client, question: &str) -> Vec<Vec<Option<String>>> {
    let mut last = root.run(question).rows();
    loop {
        let now = root.run(question).rows();
        if now == last {
            return now;
        }
        last = now;
    }
}

fn note(facts: &mut Facts, rows: Vec<Vec<Option<String>>>) {
    for row in rows {
        let mut columns = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || columns.next().unwrap_or_default();
        facts.insert((next(), next()), next());
    }
}

/// Variables that change by themselves.
fn is_volatile(name: &str) -> bool {
    name.starts_with("gtid")
        || name.starts_with("rand_seed")
        || name.starts_with("innodb_buffer_pool")
        || [
            "timestamp",
            "statement_id",
            "warning_count",
            "error_count",
            "last_gtid",
            "in_transaction",
            "last_insert_id",
            "identity",
            "pseudo_thread_id",
            "innodb_redo_log_capacity",
            "rpl_semi_sync_master_timeout",
        ]
        .contains(&name)
}

const WATCHES: &[&str] = &[
    "setup_instruments set enabled='YES' where name like 'wait/lock/metadata/sql/mdl' or name = 'transaction'",
    "setup_consumers set enabled='YES' where name = 'events_transactions_current'",
];
/// Kind, name, value.
const BESIDE: &[&str] = &[
    "select 'user variable', variable_name, variable_value from performance_schema.user_variables_by_thread where thread_id = THREAD",
    "select 'lock', concat_ws(' ', object_type, object_schema, object_name, lock_type), count(*) from performance_schema.metadata_locks \
     where owner_thread_id = THREAD group by 2",
    "select 'prepared', coalesce(statement_name, ''), sql_text from performance_schema.prepared_statements_instances where owner_thread_id = THREAD",
    "select 'transaction', '', event_id from performance_schema.events_transactions_current where thread_id = THREAD and state = 'ACTIVE'",
    "select 'schema', '', processlist_db from performance_schema.threads where thread_id = THREAD",
];
const MYSQL: &[&str] = &[
    "select 'position', '', @@global.gtid_executed",
    "select 'temporary table', cast(table_id as char), name from information_schema.innodb_temp_table_info",
    "select 'resource group', '', resource_group from performance_schema.threads where thread_id = THREAD",
    "select 'global', '', sum(crc32(concat(variable_name, variable_value))) from performance_schema.global_variables \
     where variable_name not like 'gtid%'",
];
const MARIADB: &[&str] = &[
    "select 'position', '', @@global.gtid_binlog_pos",
    "select 'global', '', sum(crc32(concat(variable_name, variable_value))) from information_schema.global_variables \
     where variable_name not like 'gtid%'",
];
const MARIADB_OWN: &str = "select 'temporary table', table_name, '' from information_schema.tables \
     where table_schema = 'test' and table_type = 'TEMPORARY'";
