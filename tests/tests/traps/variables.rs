//! Group C: variables of rare kinds, those that one server does not have, and those that clients and the proxy both use.

use std::sync::Arc;

use rolecall_protocol::Capabilities;
use rolecall_protocol::session_track::SessionStateChange;
use rolecall_tests::raw::{Client, Reply};
use rolecall_tests::{Run, Stage, on_every_server};

use crate::rival::Narrow;

const ROWS: &[&str] = &["create table t (id int primary key, a int)", "insert into t values (1, 10), (2, 20), (3, 30)"];

/// What a reply tells of the session: names of variables, `schema`, `gtids` and so on.
fn told(reply: &Reply) -> Vec<String> {
    let ok = reply.ok().expect("an OK packet");
    let changes = ok.changes().flatten().map(|change| match change {
        SessionStateChange::SystemVariable { name, .. } => String::from_utf8_lossy(name).into_owned(),
        SessionStateChange::Schema(_) => "schema".to_owned(),
        SessionStateChange::StateChange(_) => "state".to_owned(),
        SessionStateChange::Gtids(_) => "gtids".to_owned(),
        other => format!("{other:?}"),
    });
    let mut names: Vec<_> = changes.collect();
    // MariaDB has no order.
    names.sort();
    names
}

/// SET statements for the variables of C22, each with what shows it.
fn rare(stage: &Arc<Stage>) -> Vec<[&'static str; 2]> {
    let mut all = vec![
        ["set session binlog_row_image = 'minimal'", "@@binlog_row_image"],
        ["set session default_storage_engine = 'MyISAM'", "@@default_storage_engine"],
        ["set session tmp_table_size = 2097152", "@@tmp_table_size"],
        ["set session optimizer_switch = 'index_merge=off,mrr=off'", "@@optimizer_switch"],
        ["set session innodb_lock_wait_timeout = 7", "@@innodb_lock_wait_timeout"],
        ["set session foreign_key_checks = 0", "@@foreign_key_checks"],
        ["set session unique_checks = 0", "@@unique_checks"],
        ["set session lc_messages = 'de_DE'", "@@lc_messages"],
        ["set session div_precision_increment = 9", "1 / 3"],
        ["set session binlog_format = 'MIXED'", "@@binlog_format"],
        ["set session transaction isolation level read committed", "@@transaction_isolation"],
        ["set pseudo_thread_id = 4711", "@@pseudo_thread_id"],
        // NULL, which reports show as an empty text that servers refuse.
        ["set innodb_ft_user_stopword_table = default", "@@innodb_ft_user_stopword_table"],
    ];
    if stage.flavour().is_mariadb() {
        all.push(["set session default_tmp_storage_engine = default", "@@default_tmp_storage_engine"]);
        all.push(["set session system_versioning_asof = default", "@@system_versioning_asof"]);
        all.push(["set session tx_isolation = 'READ-UNCOMMITTED'", "@@tx_isolation"]);
        // 10.11 knows no other name.
        all.retain(|[_, ask]| *ask != "@@transaction_isolation");
    } else {
        all.push(["set session transaction_isolation = 'READ-UNCOMMITTED'", "@@transaction_isolation"]);
    }
    all
}

on_every_server! {
    fn c22_rare_variables_follow_the_session(stage) {
        let narrow = Narrow::new(stage);
        let grant = if stage.flavour().is_mariadb() { "grant super, binlog admin, binlog replay on *.* to trap_c22@'%'" } else { "grant session_variables_admin on *.* to trap_c22@'%'" };
        let steps = rare(stage).into_iter().map(|[set, shows]| {
            let [here, there] = ["primary", "replica"].map(|server| format!("select /* rolecall: {server} */ {shows}"));
            [set.to_owned(), here.clone(), there, "select a from t where id = 1".to_owned(), here]
        });
        let steps: Vec<_> = steps.collect();
        let cases: Vec<Vec<&str>> = steps.iter().map(|steps| steps.iter().map(String::as_str).collect()).collect();
        let cases: Vec<&[&str]> = cases.iter().map(Vec::as_slice).collect();
        let tally = narrow.follow("trap_c22", &[ROWS, &[grant]].concat(), &cases);
        // pseudo_thread_id alone is opaque.
        assert!(tally.taken as usize > cases.len() * 5, "{tally:?}");
    }

    /// What the server reports of itself beside a session's variables (last_gtid, gtid_executed, warning counts …) is
    /// nothing to set: a hand-over that tried would lose the connection.
    fn c24_what_cannot_be_set_is_never_sent_back(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c24").setup(ROWS).run_proxied(|run| {
            let connections = |run: &Run| -> Vec<_> {
                let servers = run.stage().set.servers().take(2);
                let sql = format!("select group_concat(id order by id) from information_schema.processlist where user = '{}'", run.name);
                servers.map(|server| server.value(&sql)).collect()
            };
            let mut rival = narrow.rival(run);
            let mut before = Vec::new();
            for number in 10..20 {
                for sql in [
                    &format!("insert into t values ({number}, 1), ({number}0, 2)"), "select a from t where id = 10", "begin", "update t set a = a + 1", "select 'x' + 1", "commit", "select 1/0", "select a from t where id = 11",
                    "insert ignore into t values (1, 1)", "set session sql_mode = ''",
                ] {
                    rival.after(&mut run.client, sql);
                }
                if number == 10 {
                    before = connections(run);
                }
            }
            assert!(rival.tally().taken >= 60, "{:?}", rival.tally());
            // A login that was proven on a connection of its own may not have gone yet at the first look.
            let after = connections(run);
            assert!(before.iter().zip(&after).all(|(before, after)| before.contains(after.as_str())), "{before:?}, then {after:?}");
            run.client.transcript.clear();
        });
    }

    /// A client's own wishes for reports, and the proxy's, which it needs for all this.
    fn c27_reports_are_those_that_each_client_asked_for(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c27").setup(ROWS).with(Capabilities::SESSION_TRACK).run(|run| {
            let mut rival = narrow.rival(run);
            const SETS: &[&str] = &["set session sql_select_limit = 6", "set session time_zone = '+02:00'", "set names utf8mb4", "use information_schema", "use trap_c27", "set session sql_mode = 'ANSI_QUOTES'"];
            let mut set = |run: &mut Run, who: &mut Client, sql: &str| {
                let told = told(&rival.after(who, sql).expect_ok(sql));
                run.note(format!("{sql}: {told:?}"));
            };
            for round in 0..2 {
                // As after a login, whatever the proxy itself has asked for.
                let mut other = run.another();
                SETS.iter().for_each(|sql| set(run, &mut other, sql));
                other.quit();
                let mut asking = run.another();
                set(run, &mut asking, "set session time_zone = '+01:00', session sql_select_limit = 5");
                asking.run("set session session_track_system_variables = 'sql_select_limit', session_track_schema = 0, session_track_state_change = 1");
                SETS.iter().for_each(|sql| set(run, &mut asking, sql));
                // The proxy's own use goes on: what was written is read.
                asking.run(&format!("insert into t values ({}, 40)", 10 + round));
                assert_eq!(asking.run(&format!("select a from t where id = {}", 10 + round)).value(), "40");
                if round == 0 {
                    asking.reset_connection().expect_ok("reset");
                    set(run, &mut asking, "set session sql_select_limit = 7");
                    set(run, &mut asking, "set session time_zone = '+03:00'");
                }
            }
        });
    }

    /// An error tells nothing of what was done before it.
    fn c28_what_was_set_before_an_error_is_kept(stage) {
        let narrow = Narrow::new(stage);
        let fails = "signal sqlstate '45000' set message_text = 'x'; end";
        let made = ["set @p = 5", "set session time_zone = '+04:00', session sql_mode = 'ANSI_QUOTES'", "create temporary table made (a int)", "do get_lock('trap_c28', 0)", "start transaction; insert into t values (9, 9)",
            "set autocommit = 0", "set names latin1", "set transaction isolation level serializable", "insert into auto (a) values (1)"];
        let procedures: Vec<_> = made.iter().enumerate().map(|(number, what)| format!("create procedure p{number}() begin {what}; {fails}")).collect();
        let mut setup = ROWS.to_vec();
        setup.push("create table auto (id int auto_increment primary key, a int)");
        setup.extend(procedures.iter().map(String::as_str));
        let trial = narrow.trial("trap_c28").setup(&setup).with(Capabilities::MULTI_STATEMENTS);
        narrow.follow_in(trial, &[
            &["call p0()", "select @p"],
            &["call p1()", "select @@time_zone, @@sql_mode", "select from_unixtime(id), \"a\" from t where id = 1"],
            &["call p2()", "select * from made"],
            &["call p3()", "select is_used_lock('trap_c28') = connection_id()"],
            &["call p4()", "select * from t where id = 9", "rollback", "select * from t where id = 9"],
            &["call p5()", "insert into t values (8, 8)", "rollback", "select * from t where id = 8"],
            &["call p6()", "select @@character_set_client", "select 'a' from t where id = 1"],
            &["call p8()", "select last_insert_id()", "select max(id) from auto"],
            &["set session time_zone = '+06:00'; select nothing from t", "select @@time_zone", "select from_unixtime(id) from t where id = 1"],
            &["set @q = 3, session max_join_size = 'x'", "select @q"],
            &["set session sql_mode = 'ANSI_QUOTES', session time_zone = 'nowhere'", "select @@sql_mode, @@time_zone"],
            &["begin; insert into t values (7, 7); select nothing from t", "select * from t where id = 7", "rollback", "select * from t where id = 7"],
            &["use information_schema; nonsense", "select database()"],
            &["select @r := id from t where id = 1 union select nothing from t", "select @r"],
        ]);
    }
}

/// C27: GTIDs are told to who asked for them; the proxy asks for all sessions.
#[test]
fn c27_gtids_are_told_to_who_asked_for_them() {
    let stage = Stage::mysql();
    let narrow = Narrow::new(&stage);
    narrow.trial("trap_c27_gtids").setup(ROWS).with(Capabilities::SESSION_TRACK).run(|run: &mut Run| {
        let mut rival = narrow.rival(run);
        for (asks, number) in [(false, 10), (true, 20), (false, 30)] {
            let mut client = run.another();
            if asks {
                client.run("set session session_track_gtids = 'OWN_GTID'");
            }
            for sql in [
                format!("insert into t values ({number}, 1)"),
                "begin".to_owned(),
                "update t set a = 5 where id = 1".to_owned(),
                "commit".to_owned(),
                format!("select a from t where id = {number}"),
            ] {
                let reply = rival.after(&mut client, &sql);
                run.note(format!("{asks} {sql}: {:?} {:?}", told(&reply), reply.rows()));
            }
            client.quit();
        }
    });
}
