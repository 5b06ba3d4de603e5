//! Prepared statements that one session leaves on a connection, and the next one finds there: D2 to D5 and D10.

use rolecall_protocol::MariadbCapabilities;
use rolecall_protocol::wire::Put;
use rolecall_tests::raw::{Client, Kind, Packet, Parameter, Part, Reply};
use rolecall_tests::{StatementCounts, on_every_server};

use crate::pool::Pool;
use crate::prepared::text;

/// How many statements the server has prepared for the account so far.
fn prepares(pool: &Pool) -> i64 {
    StatementCounts::read(pool.server(), &pool.options.user).of("com/Prepare")
}

/// How many of them it has now.
pub fn at_server(pool: &Pool) -> u64 {
    let question = format!(
        "select count(*) from performance_schema.prepared_statements_instances join performance_schema.threads \
         on owner_thread_id = thread_id where processlist_user = '{}'",
        pool.options.user
    );
    pool.server().value(&question).parse().expect("a number")
}

/// What a client sees of a result: how its columns are, and its rows.
fn seen(reply: &Reply) -> String {
    let shown = |packet: &&Packet| matches!(packet.part, Part::Column | Part::Row);
    let packets: Vec<_> = reply.packets.iter().filter(shown).map(|packet| format!("{:02x?}", packet.payload)).collect();
    format!("{} {packets:?}", reply.code())
}

fn small(number: u16) -> Parameter {
    // MYSQL_TYPE_SHORT, unsigned
    Parameter::of(0x02, 0x80, &number.to_le_bytes())
}

/// Parameters of many types.
fn values() -> [Parameter; 8] {
    [
        Parameter::integer(5),
        small(5),
        // MYSQL_TYPE_NEWDECIMAL
        Parameter::of(0xF6, 0, b"\x031.0"),
        // MYSQL_TYPE_DOUBLE
        Parameter::of(0x05, 0, &1.5_f64.to_le_bytes()),
        Parameter::text("1.0"),
        Parameter::text("text"),
        // MYSQL_TYPE_DATE: 2026-11-26
        Parameter::of(0x0A, 0, &[4, 0xEA, 0x07, 11, 26]),
        Parameter::null(),
    ]
}

on_every_server! {
    /// D2: who has prepared a statement once finds it on whatever connection another one has prepared it on.
    fn d2_a_hand_over_costs_no_prepare(stage) {
        let pool = Pool::new(stage, "stmt_reuse", "max_connections: 1");
        pool.server().run("create schema stmt_reuse_b");
        pool.server().run("grant all on stmt_reuse_b.* to stmt_reuse");
        let states: [&[&str]; 3] = [&[], &["use stmt_reuse_b"], &["set sql_mode = 'ANSI_QUOTES'", "set names latin1"]];
        let mut sessions: Vec<_> = (0..12).map(|who| {
            let mut client = pool.login();
            states[who % 3].iter().for_each(|sql| drop(client.run(sql)));
            let ids = ["a", "b", "c"].map(|name| client.prepare(&format!("select concat(?, '{name}', database())")).id);
            (client, ids)
        }).collect();
        let mut round = |number: i64| {
            for (who, (client, ids)) in sessions.iter_mut().enumerate() {
                for (id, name) in ids.iter().zip(["a", "b", "c"]) {
                    let schema = if who % 3 == 1 { "stmt_reuse_b" } else { "stmt_reuse" };
                    let reply = client.execute_with(*id, 0, &[Parameter::integer(number)], number < 2);
                    assert_eq!(text(&reply), format!("{number}{name}{schema}"));
                }
            }
        };
        round(0);
        let (before, reused) = (prepares(&pool), pool.metric("rolecall_pool_statements_reused_total"));
        // What each has prepared replaced what was there: one of each kind is left.
        assert_eq!(at_server(&pool), 9);
        (1..6).for_each(&mut round);
        assert_eq!(prepares(&pool), before, "hand-overs that cost no COM_STMT_PREPARE");
        assert_eq!(pool.metric("rolecall_pool_statements_reused_total") - reused, 5 * 36);
        assert_eq!((at_server(&pool), pool.connections().len()), (9, 1));
        pool.proxy.expect_no_panic();
    }

    /// D4: MySQL keeps what others' types have made of a statement; none of that shows to whoever has the same text.
    fn d4_what_others_have_bound_makes_no_difference(stage) {
        let pool = Pool::new(stage, "stmt_types", "max_connections: 1");
        pool.server().run("create table stmt_types.v (v varchar(20))");
        pool.server().run("insert into stmt_types.v values ('1'), ('1.0'), ('5')");
        let statements = ["select ?", "select ? + 1", "select coalesce(?, 7)", "select count(*) from v where v = ?"];
        let [mut first, mut second] = [pool.login(), pool.login()];
        let mut direct = Client::login(pool.server().address(), &pool.options).expect("a login");
        for sql in statements {
            for (their_at, theirs) in values().into_iter().enumerate() {
                for (at, own) in values().into_iter().enumerate() {
                    // Of a text that MySQL calculates with, earlier ones decide whether the result is an integer or a decimal.
                    // The number is the same (docs/pooling.md).
                    let are_texts = theirs.kind == 0xFD && own.kind == 0xFD && their_at != at;
                    if are_texts && ["select ? + 1", "select coalesce(?, 7)"].contains(&sql) {
                        continue;
                    }
                    // The second one's is executed on what the first has left.
                    let [id, used, fresh] = [&mut second, &mut first, &mut direct].map(|client| client.prepare(sql).id);
                    first.execute(used, std::slice::from_ref(&theirs)).expect_ok(sql);
                    // What was bound last may be the same types, though others were before.
                    if (their_at + at) % 2 == 0 {
                        first.execute(used, std::slice::from_ref(&own)).expect_ok(sql);
                    }
                    for with_types in [true, false] {
                        let found = second.execute_with(id, 0, std::slice::from_ref(&own), with_types);
                        let expected = direct.execute_with(fresh, 0, std::slice::from_ref(&own), with_types);
                        assert_eq!(seen(&found), seen(&expected), "{sql} with {own:?} after {theirs:?}");
                    }
                    for (client, id) in [(&mut second, id), (&mut first, used), (&mut direct, fresh)] {
                        client.close_statement(id);
                    }
                }
            }
        }
        drop(direct);
        assert!(pool.metric("rolecall_pool_statements_reused_total") > 0);
        pool.connection();
    }

    /// D4: types that another one has bound are not those of a client that has bound none.
    fn d4_types_that_only_others_have_bound_are_none(stage) {
        let pool = Pool::new(stage, "stmt_unbound", "max_connections: 1");
        let [mut first, mut second] = [pool.login(), pool.login()];
        let mut direct = Client::login(pool.server().address(), &pool.options).expect("a login");
        let sql = "select concat(?, '!')";
        let [id, used, fresh] = [&mut second, &mut first, &mut direct].map(|client| client.prepare(sql).id);
        first.execute(used, &[Parameter::integer(5)]).expect_ok(sql);
        let found = second.execute_with(id, 0, &[Parameter::integer(6)], false);
        let expected = direct.execute_with(fresh, 0, &[Parameter::integer(6)], false);
        assert_eq!(seen(&found), seen(&expected));
        // Nor are those of an execution that was refused, which the server may not have taken.
        let refused = [Parameter::of(0xF6, 0, b"\x03not")];
        for (client, id) in [(&mut second, id), (&mut direct, fresh)] {
            client.execute(id, &[Parameter::text("7")]).expect_ok("a text");
            client.execute(id, &[Parameter::of(0x11, 0, &[])]);
            client.execute(id, &refused);
        }
        first.run("select 1");
        let found = second.execute_with(id, 0, &[Parameter::text("8")], true);
        assert_eq!(text(&found), "8!");
    }

    /// D6: two statements of one session with the same text are two, whoever had the connection before.
    fn equal_statements_of_a_session_do_not_meet(stage) {
        let pool = Pool::new(stage, "stmt_equal", "max_connections: 1");
        let sql = "select concat('row ', id) from t where id > ? order by id";
        let mut sessions: Vec<_> = pool.logins(2).into_iter().map(|mut client| {
            let ids = [0; 3].map(|_| client.prepare(sql).id);
            (client, ids)
        }).collect();
        let zero = [Parameter::integer(0)];
        for _ in 0..2 {
            for (client, ids) in &mut sessions {
                client.execute_with(ids[0], 1, &zero, true).expect_ok("a cursor");
                assert_eq!(text(&client.fetch(ids[0], 1)), "row 1");
                client.execute_with(ids[1], 1, &[Parameter::integer(1)], true).expect_ok("another cursor");
                assert_eq!(client.execute(ids[2], &zero).count(Part::Row), 3);
                assert_eq!(text(&client.fetch(ids[0], 1)), "row 2");
                assert_eq!(text(&client.fetch(ids[1], 1)), "row 2");
                client.reset_statement(ids[1]).expect_ok("reset");
                assert_eq!(text(&client.fetch(ids[0], 1)), "row 3");
                client.reset_statement(ids[0]).expect_ok("reset");
                // MySQL itself fails to execute one without a cursor that has had one.
                for id in &mut ids[..2] {
                    client.close_statement(*id);
                    *id = client.prepare(sql).id;
                }
            }
        }
        // One's closing leaves the others.
        let (client, ids) = &mut sessions[0];
        client.close_statement(ids[0]);
        assert_eq!(client.execute(ids[1], &zero).count(Part::Row), 3);
        ids[0] = client.prepare(sql).id;
        for id in ids {
            assert_eq!(client.execute(*id, &zero).count(Part::Row), 3);
        }
        assert_eq!(at_server(&pool), 3);
    }

    /// D6: MySQL does not execute a statement properly that had a cursor: nobody gets one of another session's.
    fn d6_a_statement_that_had_a_cursor_is_nobodys(stage) {
        let pool = Pool::new(stage, "stmt_cursor", "max_connections: 1");
        let sql = "select concat('row ', id) from t where id > ? order by id";
        let [mut first, mut second] = [pool.login(), pool.login()];
        let zero = [Parameter::integer(0)];
        for round in 0..4 {
            // What is on the connection is the first one's, and has its first execution with a cursor.
            let [id, used] = [&mut second, &mut first].map(|client| client.prepare(sql).id);
            for _ in 0..2 {
                first.execute_with(used, 1, &zero, true).expect_ok("a cursor");
                let rows = if round % 2 == 0 { 10 } else { 1 };
                assert_eq!(text(&first.fetch(used, rows)), "row 1");
                first.reset_statement(used).expect_ok("reset");
                let reply = second.execute(id, &zero);
                assert_eq!((reply.code(), reply.count(Part::Row)), (0, 3));
            }
        }
    }

    /// D5: parameter data of one is never another's.
    fn d5_long_data_stays_with_its_session(stage) {
        let pool = Pool::new(stage, "stmt_long", "max_connections: 1");
        let sql = "select concat(?, '!')";
        let blob = [Parameter::of(0xFC, 0, &[])];
        let [mut first, mut second] = [pool.login(), pool.login()];
        let [used, id] = [&mut first, &mut second].map(|client| client.prepare(sql).id);
        for round in 0..3 {
            first.send_long_data(used, 0, b"long ");
            first.send_long_data(used, 0, b"data");
            assert_eq!(text(&first.execute(used, &blob)), "long data!");
            let own = format!("own {round}");
            assert_eq!(text(&second.execute(id, &[Parameter::text(&own)])), own + "!");
        }
        // An execution that cannot be read leaves the data at the server, until a reset.
        for _ in 0..2 {
            first.send_long_data(used, 0, b"left");
            first.command("cut off", &[&[0x17][..], &used.to_le_bytes(), &[0; 5]].concat(), Kind::Result);
            first.reset_statement(used).expect_ok("reset");
            assert_eq!(text(&second.execute(id, &[Parameter::of(0xFC, 0, b"\x03own")])), "own!");
            first.run("select 1");
        }
        // Who leaves with data under way takes it along.
        first.send_long_data(used, 0, b"gone");
        first.quit();
        assert_eq!(text(&second.execute(id, &blob_of(b"own"))), "own!");
    }

    /// D10: COM_RESET_CONNECTION forgets the session's statements, and no others.
    fn d10_a_reset_takes_nothing_from_others(stage) {
        let pool = Pool::new(stage, "stmt_reset", "max_connections: 1");
        let [mut first, mut second] = [pool.login(), pool.login()];
        let [used, id] = [&mut first, &mut second].map(|client| client.prepare("select concat(?, '!')").id);
        for number in 0..3 {
            let number = format!("{number}");
            assert_eq!(text(&second.execute(id, &[Parameter::text(&number)])), number.clone() + "!");
            first.reset_connection().expect_ok("reset");
            assert_eq!(first.execute(used, &[Parameter::text("x")]).code(), 1243);
            assert_eq!(text(&second.execute(id, &[Parameter::text(&number)])), number + "!");
        }
    }

    /// A table that changes between: the server prepares anew what it has, for whoever executes it next.
    fn a_changed_table_shows_to_everybody(stage) {
        let pool = Pool::new(stage, "stmt_ddl", "max_connections: 1");
        let sql = "select * from t where id = ?";
        let mut sessions: Vec<_> = pool.logins(2).into_iter().map(|mut client| {
            let id = client.prepare(sql).id;
            (client, id)
        }).collect();
        let changes = ["add b varchar(9) default 'new' first", "drop a", "modify id bigint unsigned"];
        for change in [None].into_iter().chain(changes.map(Some)) {
            if let Some(change) = change {
                pool.server().run(&format!("alter table stmt_ddl.t {change}"));
            }
            let mut direct = Client::login(pool.server().address(), &pool.options).expect("a login");
            let fresh = direct.prepare(sql).id;
            let expected = seen(&direct.execute(fresh, &[Parameter::integer(2)]));
            for (client, id) in &mut sessions {
                assert_eq!(seen(&client.execute(*id, &[Parameter::integer(2)])), expected, "{change:?}");
            }
        }
        pool.server().run("drop table stmt_ddl.t");
        for (client, id) in &mut sessions {
            assert_eq!(client.execute(*id, &[Parameter::integer(2)]).code(), 1146);
        }
    }

    /// D4, B23: a bulk execution without types means its own session's.
    fn bulk_executions_have_their_own_types(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MariaDB's own.
        }
        let mut pool = Pool::new(stage, "stmt_bulk", "max_connections: 1");
        pool.server().run("create table stmt_bulk.b (v varchar(20))");
        pool.options.mariadb = MariadbCapabilities::STMT_BULK_OPERATIONS;
        let sql = "insert into b values (?)";
        let [mut first, mut second] = [pool.login(), pool.login()];
        let [texts, numbers] = [&mut first, &mut second].map(|client| client.prepare(sql).id);
        let bulk = |id: u32, types: &[u8], value: &[u8]| {
            let mut payload = vec![0xFA];
            payload.put_u32(id);
            payload.put_u16(if types.is_empty() { 0 } else { 128 });
            [&payload[..], types, &[0], value, &[0], value].concat()
        };
        for round in 0..3 {
            let types: [&[u8]; 2] = if round == 0 { [&[0xFD, 0], &[0x08, 0]] } else { [&[], &[]] };
            first.command("texts", &bulk(texts, types[0], b"\x08a letter"), Kind::Result).expect_ok("texts");
            second.command("numbers", &bulk(numbers, types[1], &7_i64.to_le_bytes()), Kind::Result).expect_ok("numbers");
            first.execute_with(texts, 0, &[Parameter::text("one")], false).expect_ok("a text");
            second.execute_with(numbers, 0, &[Parameter::integer(8)], false).expect_ok("a number");
        }
        let found = pool.server().run("select v, count(*) from stmt_bulk.b group by v order by v").rows();
        let found: Vec<_> = found.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(found, ["7 6", "8 3", "a letter 6", "one 3"]);
    }

    /// A session that keeps its connections keeps its statements.
    fn without_sharing_statements_stay_their_sessions(stage) {
        let pool = Pool::with_mode(stage, "stmt_own", "max_prepared_statements: 1", "session");
        let mut sessions: Vec<_> = pool.logins(3).into_iter().map(|mut client| {
            let ids = [0, 1, 2].map(|number| client.prepare(&format!("select concat(?, '{number}')")).id);
            (client, ids)
        }).collect();
        for _ in 0..2 {
            for (client, ids) in &mut sessions {
                for (number, id) in ids.iter().enumerate() {
                    assert_eq!(text(&client.execute(*id, &[Parameter::text("x")])), format!("x{number}"));
                }
            }
        }
        assert_eq!((prepares(&pool), at_server(&pool)), (9, 9));
        assert_eq!(pool.metric("rolecall_pool_statements_reused_total"), 0);
    }
}

fn blob_of(value: &[u8]) -> [Parameter; 1] {
    let mut encoded = Vec::new();
    encoded.put_bytes_lenenc(value);
    [Parameter::of(0xFC, 0, &encoded)]
}
