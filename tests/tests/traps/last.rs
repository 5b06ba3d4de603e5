//! What a session asks about its own last statement, after others had the connections to both servers (C15, Q16), and
//! how many rows an UPDATE has touched (Q6).

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Client, Parameter, Part, Reply};
use rolecall_tests::{Run, on_every_server};

use crate::rival::Narrow;

const TABLES: &[&str] = &[
    "create table t (id int primary key, a int)",
    "insert into t values (1, 10), (2, 20), (3, 30)",
    "create table auto (id int primary key auto_increment, a bigint)",
    "insert into auto (a) values (1), (2)",
];

/// Statements for the primary and for a replica that leave something to ask for.
const ACTS: &[&str] = &[
    "select 'a' + 1, 'b' + 1 from t where id = 1",
    "select * from t limit 2",
    "select * from t where id < 0",
    "select 1/0 from t",
    "select nothing from t",
    "select a from t union select id from t",
    "update t set a = a + 1",
    "update t set a = a where id = 1",
    "insert into auto (a) values (5), (6)",
    "insert ignore into auto (id, a) values (1, 1)",
    "insert into t values (1, 1)",
    "delete from t where id = 12345",
];

const QUESTIONS: &[&str] = &[
    "show warnings",
    "show errors",
    "show count(*) warnings",
    "select @@warning_count, @@error_count",
    "select row_count()",
    "select found_rows()",
    "select last_insert_id()",
];

/// What a client reads of a reply, in whichever form it comes (docs/pooling.md).
fn told(reply: &Reply) -> String {
    let error = reply.error().map(|error| error.to_string());
    format!("{error:?} {:?}", reply.rows())
}

on_every_server! {
    fn c15_the_last_insert_id_is_ones_own(stage) {
        let narrow = Narrow::new(stage);
        let ask = "select last_insert_id()";
        let read = "select a from t where id = 1";
        let tally = narrow.follow("trap_c15", TABLES, &[
            &[ask, "insert into auto (a) values (3)", read, ask, "select last_insert_id();", "select last_insert_id() as x, 1", "select @@last_insert_id", "select @@identity", read, ask],
            &["insert into auto (a) values (3), (4), (5)", read, ask, "insert into t values (7, last_insert_id())", "select a from t where id = 7", "select id from auto where id = last_insert_id()"],
            &["insert into auto (a) values (3)", "insert ignore into auto (id) values (1)", read, ask, "insert into auto (id, a) values (1000, 1)", ask, "insert into t values (8, 8)", ask],
            &["select last_insert_id(42)", read, ask, "update auto set id = last_insert_id(id + 5000) where id = 1", read, ask, "insert into auto (a) select last_insert_id()", "select max(a) from auto", ask],
            &["begin", "insert into auto (a) values (9)", ask, "rollback", read, ask],
            &["insert into auto (a) values (3)", "use information_schema", ask, "use {}", ask, "select nothing", ask],
            &["set @x = 1", "insert into auto (a) values (3)", ask],
        ]);
        assert!(tally.taken > 30, "{tally:?}");
    }

    fn c15_the_last_insert_id_is_ones_own_in_prepared_statements(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_c15_ps").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let mut asking = run.another();
            let asks = ["select last_insert_id(), id from t where id = 1", "select a from t where id = ?", "insert into auto (a) values (last_insert_id())", "select max(a) from auto", "select @@identity"];
            let ids = asks.map(|sql| asking.prepare(sql).id);
            let insert = asking.prepare("insert into auto (a) values (?), (4)").id;
            for round in 0..3 {
                for id in [insert, ids[1], ids[0], ids[1], ids[2], ids[0], ids[3], ids[4]] {
                    let parameters = if [insert, ids[1]].contains(&id) { &[Parameter::integer(1)][..] } else { &[] };
                    let reply = asking.execute(id, parameters);
                    rival.interfere(&asking, &reply);
                    let rows: Vec<_> = reply.packets.iter().filter(|packet| packet.part == Part::Row).map(|row| row.payload.escape_ascii().to_string()).collect();
                    run.note(format!("{round}: {} {rows:?}", reply.code()));
                }
            }
            assert!(!run.proxied || rival.tally().taken > 10, "{:?}", rival.tally());
        });
    }

    fn q16_questions_are_about_ones_own_last_statement_wherever_it_ran(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_q16").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let mut taken = 0;
            for act in ACTS {
                for question in QUESTIONS {
                    // "Not intended to be available" behind anything but a SELECT (Reference Manual).
                    if question.contains("found_rows") && (!act.starts_with("select") || act.contains("nothing")) {
                        continue;
                    }
                    let mut client = run.another();
                    let reply = client.query(act);
                    taken += u32::from(rival.interfere(&client, &reply));
                    let mut answers = vec![told(&client.query(question))];
                    if question.starts_with("show") {
                        answers.push(told(&client.query(question)));
                    }
                    answers.push(told(&client.query("select a from t where id = 2")));
                    run.note(format!("{act}; {question}: {answers:?}"));
                }
            }
            assert!(!run.proxied || taken > 60, "{taken}");
        });
    }

    /// What they say is in variables, which are the primary's, wherever the statement was.
    fn q16_diagnostics_of_a_read_on_a_replica_follow_though_others_have_the_connections(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_q16_get").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for act in ACTS {
                for at_once in [true, false] {
                    let mut client = run.another();
                    let reply = client.query(act);
                    rival.interfere(&client, &reply);
                    let reply = client.query("get diagnostics @n = number, @r = row_count");
                    if !at_once {
                        rival.interfere(&client, &reply);
                    }
                    let answers = ["select @n, @r", "select a, @n from t where id = 2"].map(|sql| told(&client.query(sql)));
                    run.note(format!("{act}: {answers:?}"));
                }
            }
        });
    }

    fn q16_diagnostics_of_a_write_are_ones_own(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_q16_write").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for act in ACTS.iter().filter(|act| !act.starts_with("select")) {
                let mut client = run.another();
                let reply = client.query(act);
                rival.interfere(&client, &reply);
                rival.after(&mut client, "get diagnostics @n = number, @r = row_count");
                let answers = ["select @n, @r", "select a, @n from t where id = 2"].map(|sql| told(&client.query(sql)));
                run.note(format!("{act}: {answers:?}"));
            }
        });
    }

    /// Clients with CLIENT_FOUND_ROWS and without, at the same connections.
    fn q6_affected_rows_are_as_each_client_asked_for(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_q6").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let kinds = [Capabilities::empty(), Capabilities::FOUND_ROWS, Capabilities::empty(), Capabilities::FOUND_ROWS];
            let mut clients: Vec<(Client, u32)> = kinds.iter().map(|with| {
                let mut client = run.another_with(|options| options.capabilities |= *with);
                let id = client.prepare("update t set a = 7 where id < ?").id;
                (client, id)
            }).collect();
            for round in 0..3 {
                for (at, (client, id)) in clients.iter_mut().enumerate() {
                    let mut replies = vec![client.run("update t set a = a"), client.execute(*id, &[Parameter::integer(3)]), client.run("insert into t values (1, 1) on duplicate key update a = a")];
                    replies.push(client.run("select row_count()"));
                    let rows: Vec<_> = replies.iter().map(|reply| (reply.ok().expect("OK").affected_rows, reply.rows())).collect();
                    let expected = if kinds[at].is_empty() { 0 } else { 3 };
                    assert_eq!(rows[0].0, expected, "round {round}, client {at}");
                    run.note(format!("{round} {at}: {rows:?}"));
                    rival.interfere(client, replies.last().expect("a reply"));
                }
            }
        });
    }
}

on_every_server! {
    fn q16_found_rows_behind_a_select_that_failed(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_q16_failed").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for before in [&[][..], &["select a from t where id = 1"], &["select * from t limit 2"]] {
                let mut client = run.another();
                before.iter().for_each(|sql| drop(client.run(sql)));
                let reply = client.query("select nothing from t");
                rival.interfere(&client, &reply);
                let reply = client.query("select found_rows()");
                // Refused where nobody can tell, but never the number of somebody else's rows.
                let is_own = || reply.value().parse::<u32>().is_ok_and(|count| count <= 2);
                assert!(reply.code() == 1235 || is_own(), "{before:?}: {}", told(&reply));
                run.client.transcript.clear();
            }
        });
    }

    /// MySQL runs DO as a SELECT of one row; on MariaDB it leaves the number.
    fn q16_found_rows_behind_do(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_q16_do").setup(TABLES).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for act in ["do 1, 2", "do release_all_locks()"] {
                let mut client = run.another();
                let reply = client.query("select * from t limit 2");
                rival.interfere(&client, &reply);
                rival.after(&mut client, act);
                let reply = client.query("select found_rows()");
                run.note(format!("{act}: {}", told(&reply)));
            }
        });
    }
}
