//! What looks like a read and is not, and reads whose answers differ from server to server: A1 to A23 of the traps, Q18,
//! Q19 and S9, S11 of the wire cases. Where a statement went shows in the result: replicas refuse writes and have other
//! server ids.

use rolecall_tests::{Trial, on_every_server};

scripts! {
    fn a1_a2_locking_reads_in_any_dress {
        setup: ["create table t (a int primary key)", "insert into t values (1), (2)"],
        steps: [
            "(select * from t where a = 1 for update)", "((select * from t where a = 2 for update))", "with c as (select 1) select * from t for share", "with c as (select 1 as a) select * from t for update skip locked",
            "select * from t lock in share mode", "select * from t for update nowait", "select * from (select a from t for update) x", "select * from t where a in (select a from t for update)", "set autocommit = 0",
            "(select * from t where a = 1 for update)", "select * from t lock in share mode", "rollback", "select * from t for update of t", "table t for update", "(table t) union (select 5) for update", "select 1 for update",
        ],
    }

    fn a3_a4_functions_that_write_and_views_over_them {
        setup: [
            "create table t (a int)", "create table log (a int)",
            "create function f_writes(x int) returns int deterministic modifies sql data begin insert into log values (x); return x; end",
            "create function f_reads(x int) returns int deterministic reads sql data begin return (select count(*) from log) + x; end",
            "create view v_calls as select f_writes(1) as a", "create view v_reads as select f_reads(1) as a", "insert into t values (1), (2)",
        ],
        steps: [
            "select f_writes(1)", "select * from log", "select * from v_calls", "select v.* from v_calls v", "select count(*) from log", "select f_reads(10)", "select * from v_reads", "select * from t where f_writes(a) = 1",
            "select count(*) from log", "with c as (select f_writes(5) as a) select * from c", "select (select f_writes(6))", "start transaction read only", "select f_writes(7)", "rollback", "select count(*) from log", "do f_writes(8)",
            "values row(f_writes(9))", "select count(*) from log",
        ],
    }

    fn a5_q19_named_locks_and_functions_with_effects {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "select get_lock('a5', 1)", "select is_used_lock('a5') is null", "select release_lock('a5')", "select get_lock ('a5', 1)", "select is_free_lock('a5')", "select release_all_locks()", "select get_lock/**/('a5', 1)",
            "select is_free_lock('a5')", "do release_lock('a5')", "do get_lock('a5', 1)", "select is_free_lock('a5')", "do release_lock('a5')", "select * from t where get_lock('a5', 1)", "select is_free_lock('a5')",
            "select release_lock('a5')", "set @x = get_lock('a5', 1)", "select is_free_lock('a5'), @x", "do release_lock('a5')", "insert into t select get_lock('a5', 1)", "select is_free_lock('a5')", "select release_lock('a5')",
            "(select get_lock('a5', 1))", "select is_free_lock('a5')", "select release_lock('a5')", "with c as (select get_lock('a5', 1) as l) select * from c", "select is_free_lock('a5')", "select release_lock('a5')",
            "select sleep(0)", "select benchmark(1, 1)", "select last_insert_id(7)", "select last_insert_id()", "select length(uuid())",
        ],
    }

    fn a7_s11_tables_values_and_into {
        setup: ["create table t (a int, b int)", "insert into t values (1, 2), (3, 4)"],
        steps: [
            "table t", "table t order by a desc limit 1", "table t limit 1 into @a, @b", "select @a, @b", "values row(1, 2), row(3, 4)", "values row(1, 2) into @c, @d", "select @c, @d", "table t into outfile '/nowhere/x'",
            "select a from t into dumpfile '/nowhere/x'", "select * into outfile '/nowhere/x' from t", "select a, b into @a, @b from t limit 1", "select @a, @b", "(select 7) into @e", "select @e", "values (1, 2), (3, 4)",
        ],
    }

    fn a10_variables_of_the_server {
        setup: [],
        steps: [
            "select @@server_id", "select @@server_id, @@hostname, @@port", "select @@read_only", "select @@global.read_only, @@version is null", "begin", "select @@server_id, @@read_only", "commit", "select @@server_id",
            "select @@`server_id`, @@global.`port`", "show variables like 'server_id'", "show global variables where variable_name = 'read_only'", "select database(), schema(), current_user() = user() from dual",
        ],
    }

    fn a13_hints_for_the_optimizer {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "select /*+ set_var(sql_mode='ANSI_QUOTES') */ @@sql_mode", "select @@sql_mode", "select /*+ max_execution_time(10000) */ * from t", "select /*+ nonsense */ * from t", "/*!80000 insert */ into t values (2)",
            "/*!50000 select */ * from t for update", "select /*! sql_calc_found_rows */ * from t limit 1", "select found_rows()", "select 1 /*!999999 for update */", "select * from t",
        ],
    }

    fn a14_s9_hints_for_the_proxy_are_comments {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "/* rolecall: primary */ select * from t", "select * from t /* rolecall: replica */", "insert into t values (2) /* rolecall: replica */", "/* rolecall: replica */ insert into t values (3)",
            "/* rolecall: replica */ select * from t for update", "select '/* rolecall: primary */'", "select \"/* rolecall: replica */\", a from t", "-- rolecall: replica\nselect a from t", "/* rolecall: replica */ begin",
            "/* rolecall: replica */ insert into t values (4)", "/* rolecall: replica */ select count(*) from t", "rollback", "/* rolecall: nonsense */ select 1", "/* rolecall: replica */ set @a = 1", "/* rolecall: replica */ select @a",
        ],
    }

    fn a17_calls {
        setup: [
            "create table t (a int)", "create procedure counts() reads sql data select count(*) from t", "create procedure writes() begin insert into t values (1); select count(*) from t; end",
            "create procedure gives(out x int) set x = (select count(*) from t)",
        ],
        steps: ["call counts()", "call writes()", "call counts", "call gives(@x)", "select @x", "call writes()", "begin", "call writes()", "call gives(@x)", "rollback", "select @x", "call counts()", "call nothing_such()"],
    }

    fn a20_statements_that_only_the_primary_may_refuse {
        setup: ["create table t (a int)"],
        steps: [
            "load data infile '/nowhere/x' into table t", "load xml infile '/nowhere/x' into table t", "import table from '/nowhere/x.sdi'", "install plugin nothing soname 'nothing.so'", "uninstall plugin nothing",
            "clone local data directory '/nowhere/x'", "flush tables", "flush status", "flush privileges", "flush logs", "reset replica", "purge binary logs to 'x'", "stop replica", "change replication filter replicate_do_db = ()",
            "shutdown", "restart", "create user a20", "grant select on *.* to a20", "set global max_connections = 5", "cache index t in nothing", "show grants",
        ],
    }

    fn a23_functions_without_one_answer {
        setup: [],
        steps: ["select length(uuid()), rand() < 1, now() > 0, sysdate() > 0", "select rand(7)", "select uuid() = uuid()", "select now() <= sysdate()", "select connection_id() > 0 as x", "select length(random_bytes(4))"],
    }
}

on_every_server! {
    fn a2_q18_row_locks_last_to_the_transactions_end(stage) {
        Trial::new(stage, "a2_last").setup(&["create table t (a int primary key)", "insert into t values (1)"]).run(|run| {
            let mut other = run.another();
            let reads = [
                "(select * from t where a = 1 for update)", "with c as (select 1) select * from t where a = 1 for update", "select * from t where a = 1 lock in share mode", "select * from (select a from t where a = 1 for update) x",
                "/*!50000 select */ * from t where a = 1 for update", "select a into @x from t where a = 1 for update",
            ];
            for begin in ["set autocommit = 0", "begin"] {
                run.run(begin);
                for read in reads {
                    run.run(read);
                    assert_ne!(other.query("select * from t where a = 1 for update nowait").code(), 0, "{begin}; {read}");
                    run.run("rollback");
                    assert_eq!(other.run("select * from t where a = 1 for update nowait").value(), "1");
                    if begin == "begin" {
                        run.run(begin);
                    }
                }
                run.run("set autocommit = 1");
            }
        });
    }

    fn a5_locks_are_seen_by_others_and_go_when_released(stage) {
        Trial::new(stage, "a5_others").run(|run| {
            let mut other = run.another();
            let takes = ["select get_lock('a5_others', 0)", "(select get_lock ('a5_others', 0))", "do get_lock/**/('a5_others', 0)", "with c as (select get_lock('a5_others', 0) as l) select * from c", "set @x = get_lock('a5_others', 0)"];
            for take in takes {
                run.run(take);
                assert_eq!(other.run("select get_lock('a5_others', 0)").value(), "0", "{take}");
                run.run("select 1");
                run.run("do release_lock('a5_others')");
                assert_eq!(other.run("select get_lock('a5_others', 0)").value(), "1", "{take}");
                other.run("do release_lock('a5_others')");
            }
        });
    }

    fn a9_statements_about_one_server(stage) {
        Trial::new(stage, "a9_show").setup(&["create table t (a int)"]).mask_rows().run(|run| {
            for sql in [
                "desc t", "show create table t", "show binary logs", "show master status", "show binary log status", "show replica status", "show slave status", "show status like 'Uptime'",
                "show global status like 'Threads%'", "show engine innodb status", "show engines", "show plugins", "show events", "show triggers", "show table status", "show collation like 'utf8mb4_bin'",
                "show character set like 'utf8%'", "show databases", "show privileges", "show warnings", "show replicas", "show profiles",
            ] {
                run.query(sql);
            }
        });
    }

    fn a21_schemas_about_the_server(stage) {
        Trial::new(stage, "a21").setup(&["create table t (a int)"]).mask_rows().run(|run| {
            for sql in [
                "select count(*) from information_schema.tables where table_schema = 'a21'", "select * from information_schema.processlist where id = connection_id()", "select table_name from information_schema.columns where table_schema = 'a21'",
                "select * from performance_schema.global_variables limit 1", "select * from performance_schema.session_status limit 1", "select * from sys.version", "select user from mysql.user", "select * from performance_schema.threads limit 1",
                "select t.a, p.id from t, information_schema.processlist p", "begin", "select count(*) from information_schema.innodb_trx", "rollback",
            ] {
                run.query(sql);
            }
        });
    }

    /// How many rows there are depends on which connections of the account are idle.
    fn a9_process_lists_are_a_servers_own(stage) {
        Trial::new(stage, "a9_processes").run_proxied(|run| {
            for sql in ["show processlist", "show full processlist", "select * from information_schema.processlist"] {
                let rows = run.run(sql).rows();
                assert!(!rows.is_empty(), "{sql}");
                assert!(rows.iter().all(|row| row[1].as_deref() == Some("a9_processes")), "{sql}: {rows:?}");
            }
        });
    }
}
