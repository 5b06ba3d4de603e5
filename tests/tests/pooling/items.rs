//! What a client may leave behind in a server connection (threats 2).

use rolecall_tests::Flavour;
use rolecall_tests::raw::{Client, Parameter};

/// Something that a client does.
#[derive(Clone, Copy)]
pub enum Item {
    /// Statements; one may fail where that is the point.
    Sql(&'static [&'static str]),
    /// By commands.
    Commands(&'static str, fn(&mut Client)),
}

impl Item {
    /// Does it.
    pub fn act(self, client: &mut Client) {
        match self {
            Self::Sql(statements) => statements.iter().for_each(|sql| {
                let reply = client.query(sql);
                // A server of this flavour may refuse a value, never hang up.
                assert!(!reply.closed, "{sql}: closed");
            }),
            Self::Commands(_, act) => act(client),
        }
    }

    /// How failures call it.
    pub fn name(self) -> String {
        match self {
            Self::Sql(statements) => statements.join("; "),
            Self::Commands(name, _) => name.to_owned(),
        }
    }
}

/// All of them for a kind of server.
pub fn items(flavour: Flavour) -> Vec<Item> {
    let own = if flavour.is_mariadb() { MARIADB } else { MYSQL };
    let statements = STATEMENTS.iter().chain(own).map(|statements| Item::Sql(statements));
    statements.chain(COMMANDS.iter().map(|(name, act)| Item::Commands(name, *act))).collect()
}

const STATEMENTS: &[&[&str]] = &[
    &["select 1 from t"],
    // User variables
    &["set @leak = 'secret'"],
    &["select @leak := 5"],
    &["select a into @leak from t limit 1"],
    &["call leak_sets()"],
    // Variables
    &["set sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'"],
    &["set @@sql_mode = ''"],
    &["set time_zone = '+05:30'"],
    &["set names latin1"],
    &["set names utf8mb4 collate utf8mb4_bin"],
    &["set names utf8mb4"],
    &["set character set latin1"],
    &["set character_set_results = null"],
    &["set collation_connection = utf8mb4_unicode_ci"],
    &["set character_set_client = latin1, collation_database = latin1_bin"],
    &["set lc_time_names = 'de_DE', lc_messages = 'de_DE'"],
    &["set default_storage_engine = 'MyISAM'"],
    &["set optimizer_switch = 'index_merge=off'"],
    &["set sql_select_limit = 1"],
    &["set foreign_key_checks = 0, unique_checks = 0"],
    &["set sql_safe_updates = 1"],
    &["set profiling = 1", "select 1 from t"],
    &["set sql_log_bin = 0"],
    &["set timestamp = 1"],
    &["set insert_id = 1000"],
    &["set last_insert_id = 1000"],
    &["set rand_seed1 = 1, rand_seed2 = 1"],
    &["set session wait_timeout = 77, interactive_timeout = 78"],
    &["set max_join_size = 1000000"],
    &["set nonsense = 1"],
    &["set names latin1, max_join_size = 'x'"],
    &["prepare leak_set from 'set sql_mode = ?'", "set @leak = 'ANSI'", "execute leak_set using @leak"],
    // Transactions
    &["set autocommit = 0"],
    &["set autocommit = 0", "update t set a = 9 where id = 1"],
    &["set transaction isolation level serializable"],
    &["set session transaction isolation level read committed"],
    &["set transaction read only"],
    &["set session transaction read only"],
    &["begin"],
    &["begin", "update t set a = 9 where id = 1"],
    &["begin", "update t set a = 9 where id = 1", "savepoint leak_point"],
    &["start transaction with consistent snapshot", "select * from t"],
    &["start transaction read only"],
    &["set completion_type = 1", "begin", "commit"],
    &["xa start 'leak'", "update t set a = 9 where id = 1"],
    &["xa start 'leak'", "xa end 'leak'"],
    &["begin", "select nothing from nowhere"],
    // Tables and locks
    &["create temporary table leak_temporary (a int)"],
    &["create temporary table leak_temporary select * from t"],
    &["create temporary table t (secret int)"],
    &["lock tables t write"],
    &["lock tables t read"],
    &["flush tables with read lock"],
    &["do get_lock('leak', 1)"],
    &["select get_lock('leak', 1), get_lock('leak', 1)"],
    &["handler t open"],
    // Statements and what the last one left
    &["prepare leak_statement from 'select 1'"],
    &["insert into auto (a) values (1)"],
    &["select last_insert_id(99)"],
    &["select sql_calc_found_rows * from t limit 1"],
    &["select 'a' + 1, 'b' + 1"],
    &["select nothing from nowhere"],
    // Where and who
    &["use mysql"],
    &["set role leak_role"],
    &["set role none"],
];

const MYSQL: &[&[&str]] = &[
    &["set max_execution_time = 1000"],
    &["set gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1'"],
    &["set pseudo_replica_mode = 1"],
    &["lock instance for backup"],
    &["set session_track_gtids = all_gtids, session_track_transaction_info = 'CHARACTERISTICS'"],
    &["set session_track_system_variables = '*', session_track_schema = 0"],
    &["set session default_collation_for_utf8mb4 = utf8mb4_general_ci"],
    &["set binlog_rows_query_log_events = 1"],
];

const MARIADB: &[&[&str]] = &[
    &["set max_statement_time = 100"],
    &["set gtid_domain_id = 7, server_id = 77, gtid_seq_no = 12345"],
    &["set skip_replication = 1"],
    &["backup stage start"],
    &["set default_master_connection = 'leak'"],
    &["set session_track_system_variables = 'sql_mode', session_track_schema = 0"],
    &["create temporary sequence leak_temporary"],
    &["set old_mode = '', sql_auto_is_null = 1"],
];

/// What it is called, and what it does.
type Command = (&'static str, fn(&mut Client));

const COMMANDS: &[Command] = &[
    ("COM_INIT_DB", |client| drop(client.init_db("mysql").expect_ok("init db"))),
    ("COM_SET_OPTION", |client| drop(client.set_option(0).expect_ok("set option"))),
    ("COM_STMT_PREPARE", |client| {
        client.prepare("select a from t where id = ?");
    }),
    ("COM_STMT_EXECUTE", |client| {
        let id = client.prepare("select a from t where id = ?").id;
        client.execute(id, &[Parameter::integer(1)]).expect_ok("execute");
    }),
    ("a cursor", |client| {
        let id = client.prepare("select a from t").id;
        client.execute_with(id, 1, &[], true).expect_ok("execute");
        client.fetch(id, 1).expect_ok("fetch");
    }),
    ("long data", |client| {
        let id = client.prepare("select ?").id;
        client.send_long_data(id, 0, b"secret");
        // It has no reply: what is done to its connection must come behind it.
        client.ping().expect_ok("a ping");
    }),
    ("SET as a binary statement", |client| {
        let id = client.prepare("set sql_mode = ?").id;
        client.execute(id, &[Parameter::text("ANSI")]).expect_ok("execute");
    }),
    ("COM_RESET_CONNECTION after all kinds of things", |client| {
        ["set sql_mode = 'ANSI'", "set @leak = 1", "begin", "use mysql"].iter().for_each(|sql| drop(client.run(sql)));
        client.reset_connection().expect_ok("reset");
        client.run("set time_zone = '+01:00'");
    }),
];
