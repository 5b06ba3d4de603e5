//! What stays on a connection though no variable tells (C25, Q16), and what an error leaves in doubt (H8).

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Packet, Part};
use rolecall_tests::{Run, on_every_server};

use crate::rival::Narrow;

const TABLES: &[&str] =
    &["create table t (id int primary key, a int)", "insert into t values (1, 10), (2, 20), (3, 30)"];

const FLAGS: &str = "select @@foreign_key_checks, @@unique_checks, @@sql_safe_updates, @@sql_notes, @@sql_warnings, @@sql_auto_is_null, @@sql_big_selects, @@sql_buffer_result, @@sql_quote_show_create";

on_every_server! {
    /// MariaDB's trackers report the first flag that was set, whichever is set.
    fn c25_flags_that_trackers_mix_up_are_ones_own(stage) {
        let narrow = Narrow::new(stage);
        let mut setup = TABLES.to_vec();
        setup.push("create procedure sets() begin set sql_safe_updates = 1; set foreign_key_checks = 0; end");
        let read = "select a from t where id = 1";
        let mut cases: Vec<Vec<&str>> = vec![
            vec!["set sql_notes = 1", "set foreign_key_checks = 0", FLAGS, read, FLAGS, "set unique_checks = 0", "set foreign_key_checks = 1", read, FLAGS],
            vec![FLAGS],
            vec!["set sql_warnings = 1, sql_safe_updates = 1", "set sql_notes = 0", read, FLAGS, "set foreign_key_checks = default, sql_notes = default", FLAGS],
            vec![FLAGS],
            vec!["set foreign_key_checks = 1", "begin", "set sql_big_selects = 0", "commit", read, FLAGS],
            vec![FLAGS],
            vec!["set sql_notes = 1", "call sets()", read, FLAGS],
            vec![FLAGS],
        ];
        cases.push(["sql_auto_is_null", "sql_buffer_result", "sql_quote_show_create", "sql_big_selects", "unique_checks"].map(|name| match name {
            "sql_auto_is_null" => "set sql_auto_is_null = 1", "sql_buffer_result" => "set sql_buffer_result = 1", "sql_quote_show_create" => "set sql_quote_show_create = 0",
            "sql_big_selects" => "set sql_big_selects = 0", _ => "set unique_checks = 0",
        }).iter().flat_map(|set| [*set, read, FLAGS]).collect());
        cases.push(vec![FLAGS]);
        let cases: Vec<&[&str]> = cases.iter().map(Vec::as_slice).collect();
        narrow.follow("trap_c25_flags", &setup, &cases);
        // Who leaves tells nobody.
        narrow.trial("trap_c25_left").setup(TABLES).run(|run: &mut Run| {
            for set in ["set foreign_key_checks = 0", "set sql_safe_updates = 1, sql_warnings = 1"] {
                let mut leaves = run.another();
                leaves.run("set sql_notes = 1");
                leaves.run(set);
                leaves.quit();
                let mut client = run.another();
                client.query(FLAGS);
                run.client.transcript.append(&mut client.transcript);
            }
        });
    }

    /// A number has the collation that the connection had when it was set.
    fn c7_numbers_keep_the_collation_of_their_time(stage) {
        let narrow = Narrow::new(stage);
        let (read, ask) = ("select a from t where id = 1", "select collation(concat(@n)), concat(@n, @m), @n + 1");
        narrow.follow("trap_c7_numbers", TABLES, &[
            &["set @n = 5, @m = 7", read, "set session collation_connection = latin1_bin", read, ask, "set @n = 6", ask],
            &["set @n = 5 + 1, @m = 1.5", "set names latin1", read, ask, "set @c = concat(@n, @m)", read, "select @c, collation(@c)"],
            &["set names latin1", "set @n = 5, @m = 2e0", read, ask],
            // On connections where another one has set the same number.
            &["set @n = 5, @m = 2e0", read, ask],
        ]);
    }

    /// The rival has left a warning, which statements without tables keep on MariaDB.
    fn q16_conditions_of_others_are_never_shown(stage) {
        let narrow = Narrow::new(stage);
        // What is answered in a statement's place has other metadata (docs/pooling.md).
        let hide = |packet: &mut Packet| {
            if packet.part == Part::Column {
                packet.payload.clear();
            }
        };
        narrow.trial("trap_q16_left").setup(TABLES).mask(hide).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for act in ["select 1", "do 1", "set @q = 1", "select @q", "begin", "use trap_q16_left"] {
                for ask in ["show warnings", "select @@warning_count", "get diagnostics @n = number", "show count(*) warnings"] {
                    let mut client = run.another();
                    rival.after(&mut client, "/* rolecall: primary */ select count(*) from t");
                    client.query(format!("/* rolecall: primary */ {act}"));
                    client.query(ask);
                    client.query("/* rolecall: primary */ select @n");
                    run.client.transcript.append(&mut client.transcript);
                }
            }
        });
    }

    /// Questions about a statement of the same text are that text's own, whoever had the connection before it.
    fn q16_a_text_answers_its_own_questions(stage) {
        let narrow = Narrow::new(stage);
        narrow.follow_in(narrow.trial("trap_q16_text").setup(TABLES).with(Capabilities::MULTI_STATEMENTS), &[&[
            "select a from t limit 2", "update t set a = 2 where id < 3; select row_count()", "insert into t values (50, 1), (51, 1); select a from t where row_count() = 2 and id = 1",
            "select sql_calc_found_rows * from t limit 1; select found_rows()", "select * from t limit 2; select row_count(), found_rows()", "insert ignore into t values (1, 1); show count(*) warnings",
        ]]);
    }

    /// PREPARE by text ties its session until DEALLOCATE, where nothing but reads was executed.
    fn c13_the_last_deallocate_lets_the_connection_go(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c13_text").setup(TABLES).run_proxied(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for (text, executes, is_pinned) in [
                ("select a from t where id = ?", "execute P using @id", false),
                ("select count(*) + 0 * ? from t for update", "execute p using @id", true),
            ] {
                let mut client = run.another();
                client.run("set @id = 2");
                client.run(&format!("prepare p from '{text}'"));
                client.run("prepare q from 'select 1'");
                assert_eq!(client.run(executes).count(Part::Row), 1);
                client.run("deallocate prepare q");
                assert!(narrow.is_pinned(&client), "p is there");
                client.run("deallocate prepare p");
                // What is listed follows the reply.
                client.ping().expect_ok("a ping");
                assert_eq!(narrow.is_pinned(&client), is_pinned, "{text}");
                rival.after(&mut client, "select 1");
                assert_eq!(client.query("execute p using @id").code(), 1243);
                client.quit();
            }
        });
    }

    /// What was traced or profiled is in the texts of its session, and of no other.
    fn c25_traces_and_profiles_are_nobody_elses(stage) {
        let narrow = Narrow::new(stage);
        let traces = "select count(*) from information_schema.optimizer_trace";
        let profiles = "select count(*) from information_schema.profiling";
        narrow.follow("trap_c25_traces", TABLES, &[
            &["set optimizer_trace = 'enabled=on'", "select 'secret' from t limit 1", traces],
            &[traces, profiles],
            &["set session profiling = 1", "select 'secret' from t limit 1", "select count(*) > 0 from information_schema.profiling"],
            &[profiles, traces],
        ]);
    }

    /// An idle session whose last statement failed gives its connection, and what failed has taken nothing.
    fn h8_a_statement_that_failed_keeps_no_connection(stage) {
        let narrow = Narrow::new(stage);
        let name = "trap_h8_failed";
        let options = stage.account(name, &[]);
        let [mut session, mut other] = [0, 1].map(|_| narrow.proxy.login(&options));
        for sql in [
            "use nothing_like_this", "set nothing_like_this = 1", "set sql_mode = 'nothing'", "set names nothing", "set @a = 1, nothing = 2",
            "select 1 into @a, @b", "create temporary table q1 (a int, a int)", "lock tables nothing_like_this read", "handler nothing_like_this open",
            "prepare s from 'nonsense'", "xa commit 'nothing'", "set transaction isolation level nothing",
        ] {
            assert_ne!(session.query(sql).code(), 0, "{sql}");
            let reply = other.query("/* rolecall: primary */ select a from t where id = 1");
            assert_eq!(reply.code(), 0, "{sql}: {:?}", reply.error());
            assert!(!narrow.is_pinned(&session), "{sql}");
            assert_eq!(session.run("select database()").value(), name, "{sql}");
        }
        // One that has begun a transaction keeps it.
        session.run("set autocommit = 0");
        assert_ne!(session.query("insert into t values (1, 1)").code(), 0);
        session.run("insert into t values (77, 1)");
        assert_eq!(other.query("/* rolecall: primary */ select a from t where id = 1").code(), 1105);
        session.run("rollback");
        assert_eq!(other.run("/* rolecall: primary */ select count(*) from t where id = 77").value(), "0");
    }
}
