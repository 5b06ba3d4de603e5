//! What sessions do: by item of state, some ways to change it. `{own}` and `{other}` are schemas of the session's account.

use rolecall_tests::Flavour;

use crate::random::Random;

/// An item's name, and sequences of steps of which one is taken at a time.
pub type Item = (&'static str, &'static [&'static [&'static str]]);

/// Those of a kind of server.
pub fn items(flavour: Flavour) -> Vec<Item> {
    ITEMS.iter().chain(if flavour.is_mariadb() { MARIADB } else { MYSQL }).copied().collect()
}

/// One way to change the item `name`, or any.
pub fn pick(random: &mut Random, items: &[Item], name: Option<&str>) -> &'static [&'static str] {
    let often = name.is_none() && random.once_in(2);
    let name = if often { Some(random.of(CARRIED)) } else { name };
    let named: Vec<_> = items.iter().filter(|(item, _)| name.is_none_or(|name| name == *item)).collect();
    assert!(!named.is_empty(), "no item {name:?}");
    let (_, ways) = named[random.below(named.len())];
    random.of(ways)
}

/// What is carried from connection to connection: half of all steps, since the others keep the connection.
const CARRIED: &[&str] = &[
    "schema",
    "names",
    "collation",
    "character set",
    "variables",
    "variables",
    "role",
    "insert id",
    "user variable",
    "user variable",
    "statement",
    "types",
    "context",
    "option",
];

const ITEMS: &[Item] = &[
    ("schema", &[&["use {other}"], &["!init_db {other}"], &["use {own}"], &["use nowhere"], &["!init_db {own}"]]),
    (
        "names",
        &[
            &["set names latin1"],
            &["set names utf8mb4 collate utf8mb4_bin"],
            &["set names utf8mb4"],
            &["set names latin1 collate latin1_german1_ci"],
            &["set names 'utf8mb4', sql_safe_updates = 0"],
        ],
    ),
    (
        "collation",
        &[
            &["set session collation_connection = utf8mb4_unicode_ci"],
            &["set session collation_connection = latin1_bin"],
            &["set collation_connection = utf8mb4_general_ci"],
        ],
    ),
    (
        "character set",
        &[
            &["set character_set_results = null"],
            &["set session character_set_client = latin1"],
            &["set session character_set_connection = latin1"],
            &["set session character_set_results = latin1, session character_set_connection = utf8mb4"],
            &["set session character_set_connection = latin1", "set session collation_connection = latin1_bin"],
        ],
    ),
    (
        "variables",
        &[
            &["set session sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'"],
            &["set session sql_mode = ''"],
            &["set session sql_mode = 'NO_BACKSLASH_ESCAPES'"],
            &["set session time_zone = '+05:30'"],
            &["set session time_zone = '-02:00', session lc_time_names = 'de_DE'"],
            &["set session sql_select_limit = 2"],
            &["set session foreign_key_checks = 0, session unique_checks = 0"],
            &["set session group_concat_max_len = 77"],
            &["set session optimizer_switch = 'index_merge=off'"],
            &["set session default_storage_engine = 'MyISAM'"],
            &["set session lc_messages = 'de_DE'"],
            &["set session wait_timeout = 7777, session net_read_timeout = 33"],
            &["set session max_join_size = 1000000"],
            &["set session transaction isolation level read committed"],
            &["set session transaction read only"],
            &["set session innodb_lock_wait_timeout = 7"],
            &["set session div_precision_increment = 7, session long_query_time = 1.5"],
            &["set session sql_mode = default, session time_zone = default"],
            &["set @@session.sort_buffer_size = 65536"],
            &["set @@sql_safe_updates = 1"],
            // Bits of one word on MariaDB, which its trackers mix up.
            &["set sql_notes = 1", "set foreign_key_checks = 0"],
            &["set unique_checks = 0", "set sql_buffer_result = 1"],
            &["set foreign_key_checks = 1"],
            &["set @@sql_auto_is_null = 1"],
            &["set @@sql_warnings = 1, @@sql_notes = 0"],
        ],
    ),
    ("autocommit", &[&["set autocommit = 0"], &["set autocommit = 1"], &["set session completion_type = 1"]]),
    (
        "user variable",
        &[
            &["set @a = 'x'"],
            &["set @a = 5, @b = -12"],
            &["set @b := 7, @c = null"],
            &["select @a := 5"],
            &["select a into @d from t where id = 1"],
            &["set @a = 1.50, @b = _latin1 'y'"],
            &["set @a = 0.1e0 + 0.2e0, @b = cast(7 as unsigned), @c = x'00FF'"],
            &["set @a = null, @d = cast(null as signed)"],
            &["set @c = concat(@a, @b), @d = @@sql_mode"],
            &["select id, a into @a, @b from t order by id limit 1"],
            &["set @a = nowhere.nothing(1)"],
            &["!prepare 1 set @a = ?", "!execute 1 5"],
            &["do @c := 'done'"],
            &["update t set a = (@b := a + 0) where id = 2"],
        ],
    ),
    (
        "one-shot",
        &[
            &["set transaction isolation level serializable"],
            &["set transaction read only"],
            &["set transaction isolation level read uncommitted, read only"],
            &["set transaction isolation level serializable", "select 1"],
            &["set transaction read only", "select a from t where id = 3"],
        ],
    ),
    (
        "transaction",
        &[
            &["begin"],
            &["begin", "insert into auto (a) values (1)"],
            &["begin", "update t set a = a where id = 1", "savepoint hist_point"],
            &["start transaction read only"],
            &["start transaction with consistent snapshot", "select * from t"],
            &["begin", "select * from t for update"],
            &["commit"],
            &["rollback"],
            &["begin", "insert into auto (a) values (1), (2)", "commit"],
            &["begin", "select nothing from nowhere"],
            &["commit and chain"],
        ],
    ),
    (
        "insert id",
        &[
            &["insert into auto (a) values (1)"],
            &["insert into auto (a) values (1), (2), (3)"],
            &["select last_insert_id(99)"],
            &["set last_insert_id = 98"],
            &["insert into auto (a) values (last_insert_id())"],
        ],
    ),
    (
        "statement",
        &[
            &["!prepare 1 select ?, 'x'", "!execute 1 5"],
            &["!prepare 2 select a from t where id = ?"],
            &["!prepare 2 select a from t where id > ? order by id", "!execute 2 1", "!again 2 2"],
            &["!prepare 1 select ? = 4, ?", "!execute 1 xyz 4", "!again 1 uvw 5"],
            &["!again 1 5"],
            &["!execute 2 2"],
            &["!reset 1"],
            &["!close 2"],
            &["!prepare 1 nonsense"],
            &["!prepare 3 insert into auto (a) values (?)", "!execute 3 1"],
        ],
    ),
    ("types", &[&["!prepare 1 select ?, ? + 0", "!execute 1 one 2", "!others", "!again 1 three 5"]]),
    (
        "context",
        &[
            &["!prepare 1 select \"a\" from t", "set session sql_mode = 'ANSI_QUOTES'", "!others", "!execute 1"],
            &["!prepare 2 select count(*) from only_here", "use {other}", "!others", "!execute 2"],
            &[
                "set session sql_mode = 'PIPES_AS_CONCAT'",
                "!prepare 1 select 'a' || 'b'",
                "set session sql_mode = ''",
                "!others",
                "!execute 1",
            ],
        ],
    ),
    ("long data", &[&["!prepare 1 select ?, 1", "!long_data 1"], &["!long_data 1"]]),
    (
        "cursor",
        &[
            &["!prepare 0 select a from t where id > ? order by id", "!cursor 0 0", "!fetch 0"],
            &["!fetch 0"],
            &["!reset 0"],
        ],
    ),
    (
        "text statement",
        &[
            &["prepare s1 from 'select 7'"],
            &["prepare s2 from 'select a from t where id = ?'"],
            &["prepare s1 from 'set @a = 3'"],
            &["execute s1"],
            &["deallocate prepare s1"],
            &["execute immediate 'select 8'"],
        ],
    ),
    (
        "temporary table",
        &[
            &["create temporary table tmp_a (a int, b varchar(10))"],
            &["create temporary table tmp_b select * from t"],
            &["create temporary table t (secret int)"],
            &["drop temporary table if exists tmp_a"],
            &["drop table tmp_b"],
            &["insert into tmp_a values (1, 'x')"],
            &["alter table tmp_a rename to tmp_b"],
        ],
    ),
    (
        "named lock",
        &[
            &["do get_lock('{own}', 1)"],
            &["select get_lock('{own}', 1), get_lock('{own}', 1)"],
            &["do release_lock('{own}')"],
            &["do release_all_locks()"],
        ],
    ),
    ("table lock", &[&["lock tables t write"], &["lock tables t read, auto write"], &["unlock tables"]]),
    (
        "handler",
        &[
            &["handler t open"],
            &["handler t open", "handler t read next"],
            &["handler t close"],
            &["handler t open as h"],
        ],
    ),
    (
        "xa",
        &[
            &["xa start '{own}'"],
            &["xa start '{own}'", "update t set a = a where id = 2", "xa end '{own}'"],
            &["xa start '{own}'", "xa end '{own}'", "xa rollback '{own}'"],
        ],
    ),
    ("role", &[&["set role {own}_role"], &["set role none"], &["set role nobody"]]),
    ("binary log", &[&["set sql_log_bin = 0"], &["set session sql_log_bin = 1"]]),
    ("time", &[&["set timestamp = 1"], &["set timestamp = default"]]),
    (
        "insert_id",
        &[
            &[
                "delete from {own}.auto where id between 1000 and 1009",
                "delete from {other}.auto where id between 1000 and 1009",
                "set insert_id = 1000",
            ],
            &[
                "delete from {own}.auto where id between 1000 and 1009",
                "delete from {other}.auto where id between 1000 and 1009",
                "set insert_id = 1000",
                "insert into auto (a) values (3)",
            ],
        ],
    ),
    ("charset", &[&["set character set latin1"], &["set names default"]]),
    ("option", &[&["!set_option 0"], &["!set_option 1"], &["!set_option 1", "do 1; do 2"]]),
    (
        "several",
        &[
            &["set session time_zone = '+01:00'; set @a = 4"],
            &["use {other}; begin; select * from t"],
            &["set session sql_mode = 'ANSI'; select nothing from nowhere; set @b = 9"],
            &["begin; insert into auto (a) values (4); commit"],
        ],
    ),
    (
        "call",
        &[
            &["call sets_variable()"],
            &["call makes_table()"],
            &["call takes_lock()"],
            &["call begins_and_fails()"],
            &["call sets_mode_and_fails()"],
            &["call p_out(@d)"],
            &["select f_sets()"],
        ],
    ),
    ("found rows", &[&["select sql_calc_found_rows * from t limit 1"]]),
    (
        "diagnostics",
        &[
            &["select 'a' + 1"],
            &["select * from t"],
            &["delete from auto where id < 0"],
            &["show tables", "show warnings"],
            &["select 1 / 0", "get diagnostics @a = number"],
        ],
    ),
    (
        "error",
        &[
            &["select nothing from nowhere"],
            &["nonsense"],
            &["set nonsense = 1"],
            &["set names latin1, max_join_size = 'x'"],
            &["set session sql_mode = 'ANSI', session time_zone = 'nonsense'"],
            &["insert into t values (1, 1)"],
        ],
    ),
    (
        "doubt",
        &[
            &["set autocommit = 0", "insert into t values (1, 1)"],
            &["set session sql_mode = 'ANSI'; begin; nonsense"],
            &["begin; insert into auto (a) values (5); select nothing from nowhere"],
            &["set autocommit = 0; insert into auto (a) values (5); nonsense"],
            &["begin; update t set a = a where id = 1; insert into t values (1, 1)"],
        ],
    ),
    ("reset", &[&["!reset_connection"]]),
    ("ping", &[&["!ping"]]),
];

const MYSQL: &[Item] = &[
    // MariaDB's trackers do not tell of user variables that a trigger sets: known, and not mended.
    (
        "trigger",
        &[&["select a from t where id = 1", "insert into trig values (1)"], &["select f_sets() from t limit 1"]],
    ),
    (
        "variables",
        &[
            &["set session max_execution_time = 5000"],
            &["set session default_collation_for_utf8mb4 = utf8mb4_general_ci"],
            &["set session binlog_rows_query_log_events = 1"],
            &["set session cte_max_recursion_depth = 33"],
            &["set session sql_require_primary_key = 0, session windowing_use_high_precision = 0"],
            &["set session internal_tmp_mem_storage_engine = 'MEMORY'"],
        ],
    ),
    ("gtid", &[&["set gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1'"], &["set gtid_next = 'AUTOMATIC'"]]),
    ("role", &[&["set role all"], &["set role default"]]),
    ("backup lock", &[&["lock instance for backup"], &["unlock instance"]]),
    ("resource group", &[&["set resource group USR_default"]]),
];

const MARIADB: &[Item] = &[
    ("trigger", &[&["select f_sets() from t limit 1"]]),
    (
        "variables",
        &[
            &["set session max_statement_time = 100"],
            &["set session old_mode = ''"],
            &["set session default_master_connection = 'a\\'b'"],
            &["set session join_cache_level = 3"],
            &["set @@session.tx_isolation = 'READ-COMMITTED'"],
            &["set statement sort_buffer_size = 100000 for select * from t"],
        ],
    ),
    (
        "gtid",
        &[&["set session gtid_domain_id = 7"], &["set session server_id = 77"], &["set session skip_replication = 1"]],
    ),
];
