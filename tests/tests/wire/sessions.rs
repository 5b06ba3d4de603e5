//! Session state: Q3, Q4, Q13, Q17, Q21, Q28, Q29, Q32 to Q34, and C of the traps as far as one session goes.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Client, Packet, Part};
use rolecall_tests::{Trial, on_every_server};

scripts! {
    fn q13_calls_that_change_the_session {
        setup: [
            "create table t (a int)",
            "create procedure sets() begin set @p = 5; set time_zone = '+03:00'; set sql_mode = 'ANSI_QUOTES'; end",
            "create procedure temporary_table() begin create temporary table tt (a int); insert into tt values (1), (2); end",
            "create procedure opens() begin start transaction; insert into t values (1); end",
            "create procedure opens_and_fails() begin start transaction; insert into t values (2); signal sqlstate '45000' set message_text = 'x'; end",
            "create procedure sets_and_fails() begin set @q = 7, time_zone = '+04:00'; signal sqlstate '45000' set message_text = 'x'; end",
        ],
        steps: [
            "call sets()", "select @p, @@time_zone, @@sql_mode", "select \"a\" from t", "call temporary_table()", "select * from tt", "select count(*) from tt", "call opens()",
            "select * from t", "rollback", "select * from t", "call opens_and_fails()", "select * from t", "commit", "select * from t", "call sets_and_fails()", "select @q, @@time_zone",
        ],
    }

    fn q17_user_variables {
        setup: ["create table t (a int)", "insert into t values (1), (2), (3)"],
        steps: [
            "select 5 into @v", "select @v", "set @a := 1", "select @a := @a + 1", "select @a", "select @a", "select count(*) into @c from t", "select @c", "select @n",
            "update t set a = (@n := @n + 1)", "select @n, @v, @a", "do @d := 9", "select @d", "select @e := a from t", "select @e", "set @`odd name` = 'x'", "select @`odd name`",
            "set @b = x'00ff27', @s = 1.50, @f = 1e3, @z = null", "select hex(@b), @s, @f, @z", "select @a from t", "select group_concat(@k := a) from t", "select @k",
        ],
    }

    fn q21_set_of_every_kind {
        setup: ["create table t (a int)"],
        steps: [
            "set @v = (select 1), autocommit = 0", "select @v, @@autocommit", "set autocommit = 1, @w = 2, time_zone = '+01:00'", "select @w, @@time_zone",
            "set @@session.sql_mode = concat(@@sql_mode, ',ANSI_QUOTES')", "select @@sql_mode", "set sql_mode = (select 'PIPES_AS_CONCAT')", "select 'a' || 'b'", "set sql_mode = default",
            "select @@sql_mode", "set @@session.sort_buffer_size = @@global.sort_buffer_size", "set names latin1 collate latin1_german2_ci", "select @@collation_connection",
            "set names utf8mb4", "set character set latin1", "select @@character_set_client, @@character_set_results", "set names default", "select @@character_set_client",
            "set global sort_buffer_size = 100000", "set session nothing = 1", "set time_zone = 'nowhere'", "select @@time_zone", "set local max_join_size = 1000000", "select @@max_join_size",
            "set @x = @@max_join_size", "select @x", "set div_precision_increment = 8", "select 1/3", "set group_concat_max_len = 5", "select group_concat('abcdefgh')",
            "set lc_messages = 'de_DE'", "select * from nothing", "set lc_time_names = 'de_DE'", "select dayname('2026-01-01')", "set sql_select_limit = 1", "select 1 union all select 2",
            "set sql_select_limit = default", "select 1 union all select 2", "set timestamp = 1000000000", "select now()", "select unix_timestamp()", "set timestamp = default",
            "set foreign_key_checks = 0", "select @@foreign_key_checks", "set transaction_isolation = 'SERIALIZABLE'", "select @@transaction_isolation",
        ],
    }

    fn c8_the_time_zone_follows {
        setup: ["create table t (a timestamp)", "insert into t values ('2026-01-01 00:00:00')"],
        steps: ["set time_zone = '+05:00'", "select a from t", "select a from t where a > '2025-12-31'", "set time_zone = '-03:00'", "select a from t", "begin", "select a from t", "commit"],
    }

    fn q28_use_by_query {
        setup: ["create table t (a int)", "insert into t values (1)"],
        steps: [
            "use information_schema", "select database()", "select a from t", "/* x */ use q28_use_by_query", "select a from t", "use `q28_use_by_query`;", "select database()",
            "use nothing_like_this", "select database()", "select a from t", "USE/**/information_schema", "select database()",
        ],
    }

    fn q29_temporary_tables {
        setup: ["create table shadow (a int)", "insert into shadow values (1)", "create table u (a int)"],
        steps: [
            "create temporary table t1 (a int)", "insert into t1 values (1)", "select * from t1", "create  temporary table if not exists t2 select 5 as a", "select * from t2",
            "create /*c*/ temporary table shadow (b int)", "select * from shadow", "insert into shadow values (7)", "select b from shadow", "drop table shadow", "select * from shadow",
            "select * from t1, t2", "drop temporary table t1", "select * from t1", "create or replace temporary table t3 (a int)", "select * from t3", "select * from u",
            "begin", "create temporary table t4 (a int)", "insert into u values (1)", "select * from t4", "rollback", "select * from u", "select * from t4",
        ],
    }

    fn q32_results_in_other_character_sets {
        setup: ["create table t (a varchar(20) character set utf8mb4)", "insert into t values ('ä€')"],
        steps: [
            "set character_set_results = null", "select a, 'ä', _latin1'ä' from t", "set character_set_results = utf8mb4", "select a from t", "set character_set_results = latin1",
            "select a from t", "set character_set_results = ucs2", "select a, 1 from t", "select 1", "set character_set_results = binary", "select a from t", "set names utf8mb4",
            "select a from t", "set names latin1", "select 'ä', a from t", "select a from t where a = 'ä€'", "set names utf8mb4 collate utf8mb4_bin", "select a from t where a = 'Ä€'",
        ],
    }

    fn q33_client_character_sets_that_cannot_be {
        setup: [],
        steps: ["set names ucs2", "set character_set_client = utf16", "set character_set_client = utf32", "select 'ok'", "set names nothing", "set character_set_connection = ucs2", "select 'a'"],
    }

    fn b5_read_only_sessions_refuse_writes {
        setup: ["create table t (a int)"],
        steps: [
            "set session transaction read only", "insert into t values (1)", "select * from t", "begin", "insert into t values (1)", "commit", "set session transaction read write",
            "insert into t values (2)", "select * from t", "set transaction read only", "insert into t values (3)", "insert into t values (4)", "select * from t",
        ],
    }

    fn a25_found_rows_of_the_same_connection {
        setup: ["create table t (a int)", "insert into t values (1), (2), (3)"],
        steps: ["select sql_calc_found_rows a from t limit 1", "select found_rows()", "select sql_calc_found_rows a from t where a > 1 limit 0", "select found_rows(), 1"],
    }
}

on_every_server! {
    fn q28_init_db(stage) {
        Trial::new(stage, "q28_init").setup(&["create table t (a int)"]).with(Capabilities::SESSION_TRACK).run(|run| {
            let name = run.name.clone();
            run.init_db("information_schema").expect_ok("init db");
            assert_eq!(run.run("select database()").value(), "information_schema");
            assert_ne!(run.init_db("nothing_like_this").code(), 0);
            assert_eq!(run.query("select * from t").code(), 1109);
            run.init_db(&name).expect_ok("init db");
            run.run("select * from t");
            run.run("insert into t values (1)");
            assert_eq!(run.run("select a from t").value(), "1");
            run.init_db("");
        });
    }

    fn c12_the_schema_is_dropped(stage) {
        Trial::new(stage, "c12").run(|run| {
            let name = run.name.clone();
            run.run("select database()");
            run.run(&format!("drop database {name}"));
            assert_eq!(run.run("select database()").value(), "NULL");
            assert_eq!(run.query("select * from t").code(), 1046);
            run.run(&format!("create database `{name}`"));
            assert_eq!(run.query("create table t (a int)").code(), 1046);
            run.run(&format!("use `{name}`"));
            run.run("create table t (a int)");
            run.run("select * from t");
        });
    }

    fn q4_without_session_track_the_info_is_plain(stage) {
        Trial::new(stage, "q4").setup(&["create table t (a int)", "insert into t values (1), (2)"]).run(|run| {
            let ok = run.run("update t set a = 3").ok().expect("OK");
            assert!(ok.info.windows(15).any(|part| part == b"Rows matched: 2"), "{ok:?}");
            let ok = run.run("set time_zone = '+01:00'").ok().expect("OK");
            assert!(!ok.status.contains(rolecall_protocol::StatusFlags::SESSION_STATE_CHANGED));
            run.run("set sql_mode = 'ANSI_QUOTES'");
            run.run("insert into t values (1), (2)");
        });
    }

    /// The read is a replica's, what follows the primary's, or the proxy's own questions come between.
    fn q16_found_rows_where_the_session_moves(stage) {
        let setup = ["create table t (id int primary key, a int)", "insert into t values (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)"];
        // A number in FOUND_ROWS()'s place has another length, and no warning that it is deprecated (MySQL).
        let hide = |packet: &mut Packet| match packet.part {
            Part::Column => packet.payload.clear(),
            Part::Ok if packet.payload.first() == Some(&0xFE) => packet.payload.truncate(5),
            _ => {}
        };
        Trial::new(stage, "q16_moves").setup(&setup).mask(hide).run(|run| {
            for leave in [
                "begin", "commit", "do 1", "set @x = 1", "use q16_moves", "start transaction read only", "/* rolecall: global */ start transaction read only",
                "/* rolecall: global */ start transaction with consistent snapshot, read only", "begin", "savepoint a",
            ] {
                run.run("update t set a = a + 1 where id = 1");
                run.run("select * from t order by id limit 3");
                run.run(leave);
                run.run("select found_rows()");
                run.run("select * from t order by id limit 2");
                run.run("select found_rows()");
                run.run("rollback");
            }
        });
    }

    /// What a write makes of the number is told by nobody: refused is better than another connection's.
    fn q16_found_rows_behind_a_write_are_ones_own_or_refused(stage) {
        let options = stage.account("q16_write", &["create table u (a int)"]);
        let mut direct = Client::login(stage.set.primary.address(), &options).expect("a login");
        let mut proxied = stage.proxy().login(&options);
        for write in ["update t set id = id where id = 1", "insert into u values (1)", "delete from u", "replace into u values (1)", "truncate u", "show tables"] {
            let [told, through] = [&mut direct, &mut proxied].map(|client| {
                client.run("select * from t order by id limit 2");
                client.run(write);
                client.query("select found_rows()")
            });
            assert!(through.code() == 1235 || through.value() == told.value(), "{write}: {} instead of {}", through.value(), told.value());
        }
    }

    /// The info is a length-encoded string for who has negotiated session tracking, else the rest of the packet; what the proxy
    /// has tracked for itself is in neither.
    fn e5_infos_are_as_each_client_reads_them(stage) {
        let setup = ["create table t (a int)", "insert into t values (1), (2)"];
        for with in [Capabilities::empty(), Capabilities::SESSION_TRACK] {
            for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
                Trial::new(stage, "e5").setup(&setup).with(with).without(without).run(|run| {
                    for (sql, part) in [
                        ("insert into t select a from t", "Records: 2"), ("update t set a = 3", "Rows matched: 4"), ("alter table t add b int, algorithm = copy", "Records: 4"),
                        ("delete from t", ""), ("set time_zone = '+01:00'", ""), ("use e5", ""), ("set @a = 1", ""),
                    ] {
                        let ok = run.run(sql).ok().expect("OK");
                        assert!(String::from_utf8_lossy(&ok.info).starts_with(part) && ok.info.is_empty() == part.is_empty(), "{sql}: {ok:?}");
                    }
                    run.run("select * from t");
                });
            }
        }
    }

    fn q3_trackers_that_the_client_asked_for(stage) {
        Trial::new(stage, "q3").setup(&["create table t (a int)"]).with(Capabilities::SESSION_TRACK).run(|run| {
            for statement in [
                "set time_zone = '+01:00'", "use information_schema", "use q3", "set session_track_system_variables = 'sql_mode,time_zone'", "set sql_mode = 'ANSI_QUOTES'",
                "set autocommit = 0", "set autocommit = 1", "set session_track_state_change = 1", "set @a = 1", "select 1", "set session_track_transaction_info = 'STATE'", "begin",
                "select * from t", "insert into t values (1)", "commit", "set session_track_transaction_info = 'CHARACTERISTICS'", "set transaction isolation level serializable",
                "start transaction read only", "select * from t", "rollback", "set session_track_transaction_info = OFF", "begin", "rollback", "set session_track_schema = 0",
                "use information_schema", "use q3", "set session_track_system_variables = ''", "set time_zone = '+02:00'",
                "set names latin1", "select @@session_track_system_variables, @@session_track_schema, @@session_track_state_change, @@session_track_transaction_info",
            ] {
                run.query(statement);
            }
        });
    }

    fn q34_statements_that_are_not_utf8(stage) {
        Trial::new(stage, "q34").setup(&["create table t (a varbinary(20))"]).run(|run| {
            run.query(b"insert into t values (_binary '\xff\xfe\x80')");
            run.query(b"select hex(a) from t where a = _binary'\xff\xfe\x80'");
            run.query(b"select '\xff'");
            run.query(b"select hex('\xc3') /* \xff */");
            run.query(b"\xffselect 1");
            run.query(b"\xef\xbb\xbfselect 1");
            run.query(b"select\xa01");
        });
    }

    fn e12_reset_connection(stage) {
        Trial::new(stage, "e12").setup(&["create table t (a int)"]).run(|run| {
            run.run("set @a = 1, time_zone = '+05:00', autocommit = 0");
            run.run("create temporary table tt (a int)");
            run.run("insert into t values (1)");
            run.run("select get_lock('e12', 0)");
            run.run("set names latin1");
            run.run("use information_schema");
            let statement = run.prepare("select 1");
            run.reset_connection().expect_ok("reset");
            run.run("select @a, @@time_zone = @@global.time_zone, @@autocommit, last_insert_id(), database()");
            run.run("select @@character_set_client, @@character_set_results");
            run.query("select * from e12.tt");
            assert_eq!(run.run("select count(*) from e12.t").value(), "0");
            assert_eq!(run.execute(statement.id, &[]).code(), 1243);
            run.run("select is_free_lock('e12')");
            run.run("insert into e12.t values (2)");
            run.reset_connection().expect_ok("reset");
            assert_eq!(run.run("select count(*) from e12.t").value(), "1");
        });
    }
}
