//! Group D, B3 and B6: prepared statements mean the same on whichever server, and whoever had the connection before.

use rolecall_tests::raw::{Parameter, Part, Reply};
use rolecall_tests::{Run, Server, on_every_server, short_or_full};

use crate::rival::{Narrow, Rival};

pub const ROWS: &[&str] = &[
    "create table t (id int primary key, a int, b varchar(20))",
    "insert into t values (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')",
];
pub const UNKNOWN_STATEMENT: u16 = 1243;

/// Executes, and lets the rival have the connections.
pub fn execute(run: &mut Run, rival: &mut Rival<'_>, id: u32, parameters: &[Parameter], with_types: bool) -> Reply {
    let reply = run.execute_with(id, 0, parameters, with_types);
    rival.interfere(&run.client, &reply);
    reply
}

/// The statements that an account has at a server.
fn at_server(server: &Server, user: &str) -> usize {
    let sql = format!(
        "select count(*) from performance_schema.prepared_statements_instances join performance_schema.threads \
         on owner_thread_id = thread_id where processlist_user = '{user}'"
    );
    server.value(&sql).parse().expect("a number")
}

on_every_server! {
    /// Many clients have the same texts; each has ids of its own, and servers have them once for each connection.
    fn d2_b3_many_clients_share_a_few_statements_at_both_servers(stage) {
        let narrow = Narrow::new(stage);
        let count = short_or_full(200, 1000);
        let options = stage.account("trap_d2", &[]);
        let mut clients: Vec<_> = (0..count).map(|number| {
            let mut client = narrow.proxy.login(&options);
            let read = client.prepare("select a, ? from t where id = ?").id;
            let write = client.prepare("update t set a = a + ? where id = 3").id;
            if number % 3 == 0 {
                client.close_statement(read);
            }
            (client, read, write)
        }).collect();
        for (number, (client, read, write)) in clients.iter_mut().enumerate() {
            let parameters = [Parameter::integer(number as i64), Parameter::integer(1)];
            let code = client.execute(*read, &parameters).code();
            assert_eq!(code, if number % 3 == 0 { UNKNOWN_STATEMENT } else { 0 });
            assert_eq!(client.execute(*write, &[Parameter::integer(1)]).ok().expect("OK").affected_rows, 1);
            client.transcript.clear();
        }
        let total = 3 + count as i64;
        assert_eq!(stage.set.primary.value("select a from trap_d2.t where id = 3"), total.to_string());
        for server in stage.set.servers().take(2) {
            let found = at_server(server, "trap_d2");
            assert!(found <= 4, "{found} statements of {count} clients");
        }
        narrow.proxy.expect_no_panic();
    }

    /// What it meant where it was prepared it means on the other server as well, though the session is of another mind now.
    fn d3_a_statement_means_the_same_on_the_other_server(stage) {
        let narrow = Narrow::new(stage);
        let setup = [ROWS, &["drop database if exists trap_d3_b", "create database trap_d3_b", "create table trap_d3_b.t (id int, a int, b varchar(20))", "insert into trap_d3_b.t values (1, 77, 'other')", "grant all on trap_d3_b.* to trap_d3@'%'"]].concat();
        let minds: [(&str, &str); 6] = [
            ("set session sql_mode = 'ANSI_QUOTES'", "set session sql_mode = default"),
            ("set session sql_mode = 'PIPES_AS_CONCAT'", "set session sql_mode = ''"),
            ("use trap_d3_b", "use trap_d3"),
            ("set names latin1", "set names utf8mb4"),
            ("set session time_zone = '+05:00'", "set session time_zone = '+00:00'"),
            ("set session sql_mode = 'NO_BACKSLASH_ESCAPES'", "set session sql_mode = default"),
        ];
        let texts = ["select \"a\", b from t where id = ?", "select b || id from t where id = ?", "select b, a from t where id = ?", "select char_length('\u{e4}'), '\u{e4}', id from t where id = ?",
            "select from_unixtime(86400000), id from t where id = ?", "select length('a\\\\b'), id from t where id = ?"];
        narrow.trial("trap_d3").setup(&setup).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let one = [Parameter::integer(1)];
            for (mind, other) in minds {
                rival.after(&mut run.client, mind);
                let ids = texts.map(|text| run.prepare(text).id);
                for id in ids {
                    execute(run, &mut rival, id, &one, true);
                }
                rival.after(&mut run.client, other);
                for around in [None, Some("begin"), None] {
                    around.into_iter().for_each(|sql| drop(run.run(sql)));
                    for id in ids {
                        execute(run, &mut rival, id, &one, false);
                    }
                    around.into_iter().for_each(|_| drop(run.run("commit")));
                }
                ids.into_iter().for_each(|id| run.close_statement(id));
            }
            assert!(!run.proxied || rival.tally().taken > 100, "{:?}", rival.tally());
        });
        stage.set.primary.run("drop database trap_d3_b");
    }

    /// Types are given once, and then the session moves: to the other server, to a connection that had others, and back.
    fn d4_b3_b6_types_that_were_given_once_hold_everywhere(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_d4").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let texts = ["select concat(?, '/', b), ? from t where id = ?", "select ?, ?, a from t where id = ?", "update t set b = concat(?, ?) where id = ?"];
            let kinds: [fn(i64) -> [Parameter; 3]; 3] = [
                |number| [Parameter::integer(number), Parameter::text("x"), Parameter::integer(1)],
                |number| [Parameter::text(number.to_string()), Parameter::of(0x02, 0x80, &7_u16.to_le_bytes()), Parameter::text("2")],
                |_| [Parameter::null(), Parameter::of(0x05, 0, &1.5_f64.to_le_bytes()), Parameter::of(0x01, 0, &[3])],
            ];
            for values in kinds {
                // Another one's, which has the same text and other types.
                let mut other = run.another();
                let others = texts.map(|text| other.prepare(text).id);
                let ids = texts.map(|text| run.prepare(text).id);
                for round in 0..3 {
                    for (id, theirs) in ids.into_iter().zip(others) {
                        execute(run, &mut rival, id, &values(round), round == 0);
                        let different = kinds[(round as usize + 1) % 3](round);
                        other.execute(theirs, &different).expect_ok("the other's");
                        run.run("begin");
                        execute(run, &mut rival, id, &values(round + 10), false);
                        run.run("commit");
                        execute(run, &mut rival, id, &values(round + 20), false);
                    }
                }
                ids.into_iter().for_each(|id| run.close_statement(id));
                other.quit();
            }
            assert!(!run.proxied || rival.tally().taken > 40, "{:?}", rival.tally());
        });
    }

    /// Also of those that are prepared at both servers.
    fn d10_ids_of_before_a_reset_are_unknown_everywhere(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_d10").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let texts = ["select a from t where id = ?", "update t set a = a where id = ?"];
            let one = [Parameter::integer(1)];
            for change in [false, true] {
                let ids = texts.map(|text| run.prepare(text).id);
                for id in ids {
                    execute(run, &mut rival, id, &one, true);
                }
                run.run("begin");
                run.execute(ids[0], &one);
                run.run("rollback");
                if change {
                    let options = run.options().clone();
                    run.change_user(&options).expect("the same user");
                } else {
                    run.reset_connection().expect_ok("reset");
                }
                for around in [false, true] {
                    if around {
                        run.run("begin");
                    }
                    for id in ids {
                        assert_eq!(execute(run, &mut rival, id, &one, true).code(), UNKNOWN_STATEMENT);
                        assert_eq!(run.reset_statement(id).code(), UNKNOWN_STATEMENT);
                    }
                    if around {
                        run.run("rollback");
                    }
                }
                let again = run.prepare(texts[0]).id;
                assert_eq!(execute(run, &mut rival, again, &one, true).count(Part::Row), 1);
                run.close_statement(again);
            }
        });
    }

}
