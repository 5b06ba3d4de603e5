//! Prepared statements of several sessions on one connection (D2 to D4).

use rolecall_protocol::wire::Reader;
use rolecall_tests::on_every_server;
use rolecall_tests::raw::{Client, Parameter, Part, Reply};

use crate::pool::Pool;

const UNKNOWN_STATEMENT: u16 = 1243;

/// The text in the one column of the first binary row.
pub fn text(reply: &Reply) -> String {
    let row = reply.packets.iter().find(|packet| packet.part == Part::Row);
    let row = row.unwrap_or_else(|| panic!("no row: {:?}", reply.error()));
    if row.payload[1] != 0 {
        return "NULL".into();
    }
    // A header and the NULL bitmap, a byte each.
    let mut reader = Reader::new(&row.payload[2..]);
    String::from_utf8_lossy(reader.bytes_lenenc("text").expect("a text")).into_owned()
}

fn prepared_at(pool: &Pool) -> i64 {
    rolecall_tests::Counters::read(pool.server()).of("Prepared_stmt_count")
}

on_every_server! {
    /// D2: each has an id of its own, and one's closing is not the others'.
    fn d2_sessions_share_what_the_server_has_prepared(stage) {
        let pool = Pool::new(stage, "pool_prep", "max_connections: 1");
        let before = prepared_at(&pool);
        let mut sessions: Vec<(Client, Vec<u32>)> = pool.logins(40).into_iter().map(|client| (client, Vec::new())).collect();
        for (client, ids) in &mut sessions {
            for number in 0..5 {
                ids.push(client.prepare(&format!("select concat(?, '-{number}')")).id);
            }
        }
        for round in 0..3 {
            for (who, (client, ids)) in sessions.iter_mut().enumerate() {
                let number = (who + round) % 5;
                let reply = client.execute(ids[number], &[Parameter::text(format!("{who}"))]);
                assert_eq!(text(&reply), format!("{who}-{number}"));
            }
        }
        let grown = prepared_at(&pool) - before;
        assert!(grown < 60, "{grown} statements at the server, of 200 by clients");
        let (mut gone, ids) = sessions.remove(0);
        ids.iter().for_each(|id| gone.close_statement(*id));
        assert_eq!(gone.execute(ids[0], &[Parameter::text("x")]).code(), UNKNOWN_STATEMENT);
        gone.quit();
        let (reset, ids) = &mut sessions[0];
        reset.reset_connection().expect_ok("reset");
        assert_eq!(reset.execute(ids[1], &[Parameter::text("x")]).code(), UNKNOWN_STATEMENT);
        for (who, (client, ids)) in sessions.iter_mut().enumerate().skip(1) {
            assert_eq!(text(&client.execute(ids[0], &[Parameter::text(format!("{who}"))])), format!("{who}-0"));
        }
        assert_eq!(pool.connections().len(), 1);
        pool.proxy.expect_no_panic();
    }

    /// D3: what was prepared under another schema, mode or character set means something else.
    fn d3_statements_mean_what_they_meant_where_they_were_prepared(stage) {
        let pool = Pool::new(stage, "pool_mean", "max_connections: 1");
        let server = pool.server();
        server.run("create schema pool_mean_b");
        server.run("grant all on pool_mean_b.* to pool_mean");
        server.run("create table pool_mean_b.t (id int primary key, a varchar(9))");
        server.run("insert into pool_mean_b.t values (1, 'other')");
        let states: [&[&str]; 6] = [
            &[],
            &["use pool_mean_b"],
            &["set sql_mode = 'ANSI_QUOTES'"],
            &["set sql_mode = 'PIPES_AS_CONCAT'"],
            &["set names latin1"],
            &["set time_zone = '+05:00'"],
        ];
        let statements = [
            "select concat(a, '') from t where id = 1",
            "select concat(\"a\", '') from t where id = 1",
            "select concat('1' || '0', '')",
            "select concat(char_length('\u{e4}'), '')",
            "select concat(from_unixtime(86400000), '')",
        ];
        let mut sessions: Vec<_> = states.iter().map(|state| {
            let direct = Client::login(server.address(), &pool.options).expect("a login");
            let mut clients = [pool.login(), direct];
            clients.iter_mut().for_each(|client| state.iter().for_each(|sql| drop(client.run(sql))));
            let ids = statements.map(|sql| clients.each_mut().map(|client| client.prepare(sql).id));
            (clients, ids)
        }).collect();
        for round in 0..3 {
            for (at, sql) in statements.iter().enumerate() {
                for (state, (clients, ids)) in states.iter().zip(&mut sessions) {
                    let [shared, direct] = clients;
                    let found = text(&shared.execute(ids[at][0], &[]));
                    assert_eq!(found, text(&direct.execute(ids[at][1], &[])), "{state:?}: {sql}, round {round}");
                }
            }
        }
    }

    /// D4: types that a client has given once hold for it, whatever another one has given since.
    fn d4_types_are_sent_again_after_another_sessions(stage) {
        let pool = Pool::new(stage, "pool_types", "max_connections: 1");
        let mut sessions: Vec<_> = pool.logins(3).into_iter().map(|mut client| {
            let id = client.prepare("select concat(?, '/', ?, '/', database())").id;
            (client, id)
        }).collect();
        let parameters = |who: usize, number: i64| match who {
            0 => [Parameter::integer(number), Parameter::text("one")],
            1 => [Parameter::text(number.to_string()), Parameter::integer(7)],
            // MYSQL_TYPE_SHORT, unsigned
            _ => [Parameter::of(0x02, 0x80, &(number as u16).to_le_bytes()), Parameter::null()],
        };
        for round in 0..5 {
            for (who, (client, id)) in sessions.iter_mut().enumerate() {
                let number = 300 + round * 10 + who as i64;
                let reply = client.execute_with(*id, 0, &parameters(who, number), round == 0);
                if who == 2 {
                    reply.expect_ok("execute");
                    continue;
                }
                assert_eq!(text(&reply), format!("{number}/{}/pool_types", ["one", "7"][who]), "round {round}");
            }
        }
        // Types given once, then executed on another connection than the one that was told them.
        pool.kill(pool.connection());
        let (client, id) = &mut sessions[0];
        assert_eq!(text(&client.execute_with(*id, 0, &parameters(0, 9), false)), "9/one/pool_types");
    }

    /// D9, D12: cursors and long data stay where they are.
    fn cursors_and_long_data_hold_the_connection(stage) {
        let pool = Pool::new(stage, "pool_cursor", "max_connections: 2");
        let [mut holder, mut second, mut third] = [0, 1, 2].map(|_| pool.login());
        let cursor = holder.prepare("select concat('row ', id) from t order by id").id;
        let long = holder.prepare("select concat(?, '!')").id;
        let mut others = || {
            second.run("update t set a = a + 1");
            third.run("select * from t");
        };
        holder.execute_with(cursor, 1, &[], true).expect_ok("a cursor");
        for number in 1..=3 {
            others();
            assert_eq!(text(&holder.fetch(cursor, 1)), format!("row {number}"));
        }
        holder.reset_statement(cursor).expect_ok("the cursor's end");
        for _ in 0..2 {
            holder.send_long_data(long, 0, b"long ");
            others();
        }
        assert_eq!(text(&holder.execute(long, &[Parameter::of(0xFC, 0, &[])])), "long long !");
        others();
    }
}
