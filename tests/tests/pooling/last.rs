//! C25: what the last statement of one client left is not the first answer to the next.

use rolecall_tests::on_every_server;
use rolecall_tests::raw::Client;

use crate::pool::Pool;

const ACTS: &[&str] = &[
    "insert into auto (a) values (1), (2)",
    "insert into auto (id, a) values (null, 3)",
    "select last_insert_id(99)",
    "set last_insert_id = 98",
    "update t set a = a + 1",
    "select * from t limit 2",
    "select sql_calc_found_rows * from t limit 1",
    "select 'a' + 1, 'b' + 1",
    "select nothing from nowhere",
    "set insert_id = 5000",
];

const FIRST_QUESTIONS: &[&str] = &[
    "select last_insert_id()",
    "select @@identity",
    "select row_count()",
    "select found_rows()",
    "show warnings",
    "show errors",
    "select @@warning_count, @@error_count",
    "get diagnostics condition 1 @leak = message_text",
    "insert into two (a) values (last_insert_id())",
];

fn answer(client: &mut Client, question: &str) -> String {
    let reply = client.query(question);
    match reply.error() {
        Some(error) => error.to_string(),
        None => format!("{:?}", reply.rows()),
    }
}

on_every_server! {
    fn c25_the_first_answer_is_ones_own(stage) {
        let pool = Pool::new(stage, "last", "max_connections: 1");
        for table in ["auto", "two"] {
            pool.server().run(&format!("create table last.{table} (id int primary key auto_increment, a int)"));
        }
        let (mut wrong, mut reused) = (Vec::new(), 0);
        for act in ACTS {
            for question in FIRST_QUESTIONS {
                // MariaDB's own answer on a fresh connection is what its thread served last.
                if stage.flavour().is_mariadb() && question.contains("found_rows") {
                    continue;
                }
                let mut direct = Client::login(pool.server().address(), &pool.options).expect("a login");
                let expected = answer(&mut direct, question);
                direct.quit();
                let mut first = pool.login();
                first.query(act);
                let before = pool.connections();
                first.quit();
                let mut second = pool.login();
                let found = answer(&mut second, question);
                reused += u32::from(before == [pool.connection()]);
                if found != expected {
                    wrong.push(format!("{act}: {question}: {found}, not {expected}"));
                }
                second.quit();
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(reused > 10, "{reused} connections were reused");
        assert_eq!(pool.server().value("select max(a) from last.two"), "0", "nobody else's id");
    }
}
