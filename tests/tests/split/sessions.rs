//! What sessions leave behind ties them to the primary, and nothing else does.

use std::time::{Duration, Instant};

use rolecall_tests::on_every_server;
use rolecall_tests::raw::{Client, Parameter};

use crate::counted::Counted;

on_every_server! {
    /// C13, C19, Q17: a session whose tables and locks are gone is free again, and not before.
    fn what_is_let_go_frees_the_session(stage) {
        let mut session = Counted::new(stage, "split_let_go");
        // No SELECT outside of what is counted.
        let cases: &[(&[&str], &str)] = &[
            (&["create temporary table x (a int)"], "drop temporary table x"),
            (&["create temporary table if not exists x select 1 as a", "create temporary table y (a int)", "drop table x"],
             "drop table if exists split_let_go.y"),
            (&["do get_lock('split_let_go', 1)"], "do release_lock('split_let_go')"),
            (&["do get_lock('split_let_go', 1)", "do get_lock('split_let_go', 1)", "do release_lock('split_let_go')"],
             "do release_lock('split_let_go')"),
            (&["do get_lock(concat('split', '_let_go'), 1)"], "do release_all_locks()"),
            (&["xa start 'x'", "insert into t values (50, 1)", "xa end 'x'", "xa prepare 'x'"], "xa rollback 'x'"),
            (&["lock tables t read"], "unlock tables"),
        ];
        for (hold, let_go) in cases {
            hold.iter().for_each(|statement| drop(session.client.run(statement)));
            // An XA transaction that is prepared lets nothing run but its end.
            assert!(let_go.starts_with("xa") || !session.is_free(), "after {hold:?}");
            session.client.run(let_go);
            assert!(session.is_free(), "after {hold:?}, {let_go}");
        }
        let held: &[&[&str]] = &[
            &["create temporary table x (a int)", "alter table x rename to y", "create temporary table x (a int)", "drop table x"],
            &["create temporary table x (a int)", "drop table if exists t2, z"],
            &["do get_lock('a', 1), get_lock('b', 1)", "do release_lock('a')"],
            &["prepare s from 'create temporary table x (a int)'", "execute s", "create temporary table y (a int)", "drop table y"],
        ];
        for statements in held {
            statements.iter().for_each(|statement| drop(session.client.run(statement)));
            assert!(!session.is_free(), "after {statements:?}");
            session.client.reset_connection().expect_ok("reset");
        }
        // Binary statements are statements, too. (A reset session asks for its consistency anew.)
        session.client = session.another();
        for text in ["create temporary table x (a int)", "drop table x"] {
            let id = session.client.prepare(text).id;
            session.client.execute(id, &[]).expect_ok(text);
        }
        assert!(session.is_free());
    }

    /// C25: who asks why a session stays at its server is told the reason, since when, by which statement, and what ends
    /// it; never what the statement's literals say.
    fn why_a_session_is_pinned_can_be_seen(stage) {
        let mut session = Counted::new(stage, "split_seen");
        let pins = |count: usize| {
            // They are noted once the reply is out.
            let deadline = Instant::now() + Duration::from_secs(10);
            loop {
            let sessions = stage.proxy().admin_json("/sessions");
            let list = sessions["sessions"].as_array().expect("a list").clone();
            let own: Vec<_> = list.into_iter().filter(|session| session["user"] == "split_seen").collect();
            assert_eq!(own.len(), 1, "{own:?}");
            let pins = own[0]["pins"].as_array().expect("pins").clone();
            if pins.len() == count {
                return pins;
            }
            assert!(Instant::now() < deadline, "{pins:?}");
            }
        };
        pins(0);
        session.client.run("do @a := 'secret'");
        session.client.run("create temporary table x (a varchar(10) default 'secret')");
        let found = pins(2);
        let seen: Vec<_> = found.iter().map(|pin| (pin["reason"].as_str(), pin["statement"].as_str())).collect();
        assert_eq!(
            seen,
            [
                (Some("user-variable"), Some("do @a := ?")),
                (Some("temporary-table"), Some("create temporary table x (a varchar(?) default ?)")),
            ]
        );
        assert!(found[0]["ends_with"].as_str().expect("a text").contains("COM_RESET_CONNECTION"));
        session.client.reset_connection();
        pins(0);
    }

    /// C1, C13, Q17
    fn state_of_a_connection_ties_the_session_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_pinned");
        for state in ["do @a := 1", "create temporary table x (a int)", "lock tables t read", "handler t open", "do get_lock('split_pinned', 0)"] {
            assert!(session.is_free(), "before {state}");
            session.client.run(state);
            assert!(!session.is_free(), "after {state}");
            session.client.reset_connection().expect_ok("reset");
        }
        assert!(session.is_free());
    }

    /// C4, C8: known state is carried along.
    fn variables_follow_the_session_to_the_replicas(stage) {
        let mut session = Counted::new(stage, "split_variables");
        for set in ["set time_zone = '+05:00'", "set session sql_mode = 'ANSI_QUOTES'", "set names latin1", "set sql_select_limit = 2"] {
            session.client.run(set);
        }
        let values = "select /* rolecall: replica */ @@time_zone, @@sql_mode, @@character_set_client, @@sql_select_limit";
        let counts = session.count("sql/select", 4, |client| {
            for _ in 0..4 {
                let row = client.run(values).rows().remove(0);
                assert_eq!(row.into_iter().flatten().collect::<Vec<_>>().join(" "), "+05:00 ANSI_QUOTES latin1 2");
            }
        });
        assert_eq!(counts[0], 0);
        assert!(session.is_free());
    }

    /// C4, C7: values that no quotes can hold under every sql_mode and character set.
    fn values_with_backslashes_and_letters_follow_the_session(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MySQL has no session variable for any text.
        }
        let mut session = Counted::new(stage, "split_odd_values");
        let ask = "select /* rolecall: replica */ hex(@@default_master_connection)";
        let counts = session.count("sql/select", 15, |client| {
            for set in [
                r"set session default_master_connection = 'a\\b'",
                r"set session default_master_connection = 'it''s \\'",
                "set session default_master_connection = '12'",
                // Two letters of UTF-8 are four of latin1.
                "set names latin1, session default_master_connection = '\u{e4}\u{df}'",
                "set names utf8mb4, session default_master_connection = '\u{e4}\u{df}\\\\'",
            ] {
                client.run(set);
                let here = client.run("select /* rolecall: primary */ hex(@@default_master_connection)").value();
                (0..2).for_each(|_| assert_eq!(client.run(ask).value(), here, "{set}"));
            }
        });
        assert_eq!(counts[0], 5);
    }

    /// C7, Q21
    fn the_collation_of_set_names_follows_the_session(stage) {
        let mut session = Counted::new(stage, "split_collation");
        let ask = "select /* rolecall: replica */ @@collation_connection, @@character_set_client";
        let mut direct = stage.set.primary.root();
        direct.run("set names utf8mb4");
        let default = direct.run("select @@collation_connection").value();
        for (set, expected) in [
            ("set names utf8mb4 collate utf8mb4_bin", "utf8mb4_bin"),
            ("set names utf8mb4", &default),
            ("SET NAMES 'latin1' COLLATE 'latin1_german1_ci'", "latin1_german1_ci"),
            ("set names utf8mb4", &default),
        ] {
            let counts = session.count("sql/select", 4, |client| {
                client.run(set);
                (0..4).for_each(|_| assert_eq!(client.run(ask).value(), *expected, "{set}"));
            });
            assert_eq!(counts[0], 0, "{set}");
        }
        let counts = session.count("sql/select", 2, |client| {
            assert_eq!(client.query("set names utf8mb4 collate nothing").code(), 1273);
            assert_eq!(client.run(ask).value(), default);
            client.run("set collation_connection = utf8mb4_unicode_ci");
            assert_eq!(client.run(ask).value(), "utf8mb4_unicode_ci");
        });
        // MariaDB tells nobody of the last, which ties the session.
        assert_eq!(counts[0], i64::from(stage.flavour().is_mariadb()));
    }

    /// MariaDB's trackers are silent about `SET @@x`: the session stays where it said that.
    fn variables_are_the_same_whichever_way_they_are_set(stage) {
        let mut session = Counted::new(stage, "split_ways");
        for (set, mode) in [("set @@sql_mode = 'ANSI'", "ANSI"), ("set @@session.sql_mode = ''", ""), ("set @@`sql_mode` = 'PIPES_AS_CONCAT'", "PIPES_AS_CONCAT")] {
            session.client.run(set);
            for _ in 0..4 {
                let found = session.client.run("/* rolecall: replica */ select @@sql_mode").value();
                assert!(found.contains(mode) && found.is_empty() == mode.is_empty(), "{set}: {found:?}");
            }
        }
    }

    /// C7, Q21, D15: the same in a longer SET, and prepared.
    fn the_collation_of_a_longer_or_prepared_set_names_follows_the_session(stage) {
        let mut session = Counted::new(stage, "split_collations");
        let ask = "select /* rolecall: replica */ @@collation_connection, @@character_set_results, @@sql_mode";
        let row = |client: &mut Client| client.run(ask).rows().remove(0).into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
        let counts = session.count("sql/select", 8, |client| {
            client.run("set sql_mode = 'ANSI_QUOTES', names utf8mb4 collate utf8mb4_bin, character_set_results = null");
            (0..4).for_each(|_| assert_eq!(row(client), ["utf8mb4_bin", "", "ANSI_QUOTES"]));
            let set = client.prepare("set names latin1 collate latin1_german1_ci, sql_mode = ?").id;
            client.execute(set, &[Parameter::text("")]).expect_ok("execute");
            (0..4).for_each(|_| assert_eq!(row(client), ["latin1_german1_ci", "latin1", ""]));
        });
        assert_eq!(counts[0], 0);
        assert!(session.is_free());
        // Refused in the middle of a list: nobody knows what was set, so the server is asked that does.
        session.client.query("set names utf8mb4 collate utf8mb4_bin, max_join_size = 'x'");
        assert!(!session.is_free());
        assert_eq!(row(&mut session.client)[0], "latin1_german1_ci");
    }

    /// A25: what SQL_CALC_FOUND_ROWS leaves is for the next statement.
    fn found_rows_tie_the_session_until_they_are_asked_for(stage) {
        let mut session = Counted::new(stage, "split_found_rows");
        let asked = ["select sql_calc_found_rows * from t limit 1", "select found_rows()", "select found_rows()"];
        assert_eq!(session.run("sql/select", &asked), [3, 0]);
        session.client.run("update t set a = 1");
        assert!(session.is_free());
    }

    /// Q16, C1: a question about a read on a replica sets a variable there, but must not tie writes to it.
    fn what_diagnostics_say_of_a_read_on_a_replica_follows_to_the_primary(stage) {
        let mut session = Counted::new(stage, "split_diagnostics");
        let selects = session.counts(&[("sql/select", 3), ("sql/get_diagnostics", 2), ("sql/insert", 1)], |client| {
            client.run("select 'a' + 1, 'b' + 1");
            client.run("get diagnostics @n = number");
            client.run("get diagnostics condition 2 @e = mysql_errno, @`m x` = message_text");
            client.run("insert into t values (9, @e)");
            stage.set.wait_until_replicated();
            let row = client.run("select @n, @e, @`m x`, (select a from t where id = 9)").rows().remove(0);
            let row: Vec<_> = row.into_iter().map(|value| value.unwrap_or_else(|| "NULL".into())).collect();
            assert_eq!([&row[0], &row[1], &row[3]], ["2", "1292", "1292"]);
            assert!(row[2].contains("'b'"), "{row:?}");
        });
        // One more select, of the proxy's, reads the variables.
        assert_eq!((selects[0][0], selects[1][0], selects[2]), (0, 0, [1, 0, 0]));
    }

    /// C2, C23: at the replica stays what cannot be carried, and what the replica does not know is refused there.
    fn what_is_not_carried_stays_at_the_replica(stage) {
        let mut session = Counted::new(stage, "split_stays");
        session.client.run("select a from t");
        session.client.run("set @long = repeat('x', 20000)");
        assert_eq!(session.client.query("set no_such_variable = 1").code(), 1193);
        assert_eq!(session.client.run("select length(@long)").value(), "20000");
        session.client.reset_connection().expect_ok("reset");
        assert!(session.is_free());
    }

    /// It ran at the replica, where what it did is asked before the session writes elsewhere.
    fn a_set_that_failed_at_a_replica_keeps_no_write_back(stage) {
        let mut session = Counted::new(stage, "split_mars");
        for (number, set) in ["set time_zone = 'Mars'", "set sql_mode = 'nonsense'", "set names nosuch"].iter().enumerate() {
            for write in [format!("insert into t values ({}, 1)", 60 + number), "begin".to_owned(), "rollback".to_owned()] {
                session.client.run("select * from t");
                assert_ne!(session.client.query(set).code(), 0, "{set}");
                session.client.run(&write);
            }
            assert!(session.is_free(), "{set}");
        }
        session.client.run("delete from t where id >= 60");
    }

    /// Of a session without roles as well.
    fn asking_for_the_role_ties_nothing(stage) {
        let mut session = Counted::new(stage, "split_role");
        session.client.run("select current_role()");
        assert!(session.is_free());
    }

    /// A syntax error says that nothing ran.
    fn a_mistyped_word_leaves_the_session_free(stage) {
        let mut session = Counted::new(stage, "split_mistyped");
        for mistyped in ["selec 1", "foo", "S ELECT 1"] {
            assert_eq!(session.client.query(mistyped).code(), 1064);
            assert!(session.is_free(), "{mistyped}");
        }
        let counts = session.count("sql/select", 2, |client| {
            assert_eq!(client.query("select nothing from nowhere").code(), 1146);
            client.run("select * from t");
        });
        assert_eq!(counts[0], 0);
    }
}
