//! Results of the text protocol: Q1 to Q12, Q31.

use rolecall_protocol::{Capabilities, StatusFlags};
use rolecall_tests::raw::Part;
use rolecall_tests::{Trial, on_every_server};

scripts! {
    fn q1_empty_statements {
        setup: [],
        steps: ["", " ", "\n\t", ";", " ; ", "/* only a comment */", "-- only a comment", "# only a comment", "select 1;", "select 1;;"],
    }

    fn e23_trailing_nul_and_odd_ends {
        setup: [],
        steps: ["select 1\0", "\0", "select 1;\0", "select 1 -- ", "select 1 /*", "select 'a", "select \"a", "select `a", "(", "select 1; "],
    }

    fn q2_ok_packets {
        setup: [
            "create table t (id bigint unsigned auto_increment primary key, a int, b varchar(10) unique) auto_increment = 8589934592",
        ],
        steps: [
            "insert into t (a) values (1), (2), (3)", "insert into t (id, a) values (18446744073709551000, 1)", "update t set a = 5",
            "update t set a = 5", "delete from t where a = 7", "delete from t", "insert ignore into t (id, a, b) values (1, 1, 'x'), (2, 2, 'x')",
            "replace into t (id, a) values (1, 3)", "insert into t (id, a) values (1, 4) on duplicate key update a = 9", "set @a = 1",
            "do 1/0", "alter table t add c int", "create table if not exists t (a int)", "truncate table t", "drop table if exists nothing",
            "select last_insert_id()", "insert into t (a) select 1 from dual where false",
        ],
    }

    fn q7_an_error_in_the_middle_of_a_result {
        setup: ["create table t (a int primary key)", "insert into t values (1), (2), (3), (800), (900)"],
        steps: [
            "select exp(a) from t", "select 1", "select a, (select b.a from t b where b.a >= t.a) from t", "select * from nothing",
            "select pow(a, a) from t order by a", "select row_count()", "select 2",
        ],
    }

    fn q9_multi_statements_with_an_error_in_the_second {
        setup: ["create table t (a int primary key)"],
        steps: [
            "select 1; select * from nothing; select 3", "select 1; select 2; select 3", "insert into t values (1); insert into t values (1); insert into t values (2)",
            "select * from t", "set @a = 1; select 5; update t set a = 2", ";select 1", "select 1;;select 2", "select 1; -- end", "select 1; /* end */",
            "select 1; select 1/0; show warnings", "begin; insert into t values (7); rollback; select * from t", "select 1; nonsense", "nonsense; select 1",
        ],
    }

    fn q12_calls_with_several_results {
        setup: [
            "create table t (a int)",
            "create procedure reading() begin select 1; select 2, 3; select a from t; end",
            "create procedure writes(x int) begin insert into t values (x); select count(*) from t; update t set a = a + 1; end",
            "create procedure gives(out x int, inout y int) begin set x = 1; set y = y + 1; select x, y; end",
            "create procedure fails() begin select 1; select * from nothing; select 3; end",
            "create procedure signals() begin select 1; signal sqlstate '45000' set message_text = 'as told'; end",
            "create procedure nothing_at_all() begin end",
        ],
        steps: [
            "call reading()", "call writes(1)", "call writes(2)", "select * from t", "set @y = 4", "call gives(@x, @y)", "select @x, @y", "call fails()", "call signals()",
            "call nothing_at_all()", "call missing()", "call reading(1)", "call reading(); call reading()",
        ],
    }

    fn q31_odd_columns {
        setup: ["create table t (a int)"],
        steps: [
            "select 1 as ''", "select a from t", "select a as `a b`, 1 as `x``y` from t", "select 1 as `ä€𝄞`",
            "select 'a long literal that becomes the name of its own column and goes on and on until it is longer than all that a name may be, which is \
             sixty-four characters for most things but two hundred and fifty-six for an alias, and this literal is longer than even that by some words'",
        ],
    }

    fn q16_what_the_last_statement_left {
        setup: ["create table t (id int auto_increment primary key, a int)", "insert into t (a) values (1), (2), (3), (4)"],
        steps: [
            "select 1/0", "show warnings", "select @@warning_count", "select * from nothing", "show errors", "show warnings", "select @@error_count",
            "select 'a' + 1", "get diagnostics condition 1 @m = message_text", "select @m", "select sql_calc_found_rows * from t limit 2", "select found_rows()",
            "select * from t limit 3", "select found_rows()", "update t set a = a + 1", "select row_count()", "select row_count()", "insert into t (a) values (9)",
            "select last_insert_id()", "select * from t where id = last_insert_id()", "select last_insert_id(42)", "select last_insert_id()", "select @@last_insert_id, @@identity",
            "show count(*) warnings",
        ],
    }

    fn c15_the_own_last_insert_id {
        setup: ["create table t (id int auto_increment primary key, a int)", "create table u (a bigint)"],
        steps: [
            "insert into t (a) values (1)", "select last_insert_id()", "select a from t", "select last_insert_id();", "select last_insert_id() as x", "insert into u values (last_insert_id())",
            "select a from u", "insert into t (a) values (5), (6), (7)", "select a from t", "select last_insert_id()", "insert ignore into t (id) values (1)", "select last_insert_id()",
            "select @@last_insert_id", "select @@identity", "select * from t where id = last_insert_id()", "insert into t (id) values (1000)", "select last_insert_id()",
        ],
    }
}

on_every_server! {
    fn q31_4096_columns(stage) {
        Trial::new(stage, "q31_many").run(|run| {
            let sql = format!("select {}", vec!["1"; 4096].join(","));
            assert_eq!(run.run(&sql).count(Part::Column), 4096);
            run.query(format!("{sql},1"));
        });
    }

    fn q11_multi_statements_are_off_unless_asked_for(stage) {
        Trial::new(stage, "q11").run(|run| {
            assert_eq!(run.query("select 1; select 2").code(), 1064);
            assert_eq!(run.run("select 1").value(), "1");
        });
    }

    fn q6_found_rows_changes_what_counts_as_affected(stage) {
        let setup = ["create table t (a int)", "insert into t values (1), (1)"];
        Trial::new(stage, "q6_on").with(Capabilities::FOUND_ROWS).setup(&setup).run(|run| {
            assert_eq!(run.run("update t set a = 1").ok().expect("OK").affected_rows, 2);
        });
        Trial::new(stage, "q6_off").setup(&setup).run(|run| {
            assert_eq!(run.run("update t set a = 1").ok().expect("OK").affected_rows, 0);
        });
    }

    fn q9_more_results_is_set_on_all_but_the_last(stage) {
        Trial::new(stage, "q9_flags").with(Capabilities::MULTI_STATEMENTS).run(|run| {
            let reply = run.run("select 1; set @a = 2; select 3");
            assert_eq!(reply.rows().len(), 2);
            assert!(!reply.status().contains(StatusFlags::MORE_RESULTS_EXISTS));
        });
    }

    fn q7_kill_query_in_the_middle_of_a_result(stage) {
        Trial::new(stage, "q7_kill").setup(&["create table t (a int)", "insert into t values (1)"]).mask_rows().run(|run| {
            let id = run.run("select connection_id()").value();
            let mut killer = run.another();
            run.send_query("select a, sleep(20) from t for update");
            // Kill it once the server runs it, as its process list shows.
            let set = run.stage().clone();
            let name = run.name.clone();
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while set.set.primary.value(&format!("select count(*) from information_schema.processlist where user = '{name}' and info like 'select a, sleep%' and state = 'User sleep'")) == "0" {
                assert!(std::time::Instant::now() < deadline, "the statement does not start");
            }
            killer.run(&format!("kill query {id}"));
            let reply = run.read_reply(rolecall_tests::raw::Kind::Result);
            assert!(reply.code() == 1317 || reply.rows().len() == 1, "{reply:?}");
            assert_eq!(run.run("select 5").value(), "5");
        });
    }
}
