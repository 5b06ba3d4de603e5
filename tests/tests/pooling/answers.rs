//! What a client asks about its own last statement, after others had its connection (C15, Q16).

use rolecall_tests::on_every_server;
use rolecall_tests::raw::{Client, Part, Reply};

use crate::pool::Pool;

const ACTS: &[&str] = &[
    "insert into auto (a) values (1)",
    "insert into auto (a) values (1), (2), (3)",
    "insert into auto (id, a) values (null, 5)",
    "insert ignore into auto (id, a) values (1, 5)",
    "select last_insert_id(99)",
    "update auto set id = last_insert_id(id), a = a + 1 order by id limit 1",
    "update t set a = a + 1",
    "update t set a = a where id = 1",
    "select * from t limit 2",
    "select * from t where a < 0",
    "select 'a' + 1, 'b' + 1",
    "select * from nothing_here",
    "delete from auto where a = 12345",
    "do 1",
    "set time_zone = '+00:00'",
];

/// What the other one does in between; it changes all that can be asked for.
const BETWEEN: &[&str] = &[
    "insert into auto (a) values (7), (8)",
    "select 'x' + 1 from t limit 1",
    "select nothing from nowhere",
    "update t set a = a + 1 where id = 2",
];

/// Each begins with a question; the rest shows what came of it.
const QUESTIONS: &[&[&str]] = &[
    &["select last_insert_id()"],
    &["SELECT LAST_INSERT_ID() AS x, 1;"],
    &["select @@identity"],
    &["select @@last_insert_id"],
    &["select row_count()"],
    &["select found_rows()"],
    &["show warnings", "show warnings"],
    &["show errors"],
    &["show count(*) warnings"],
    &["select @@warning_count"],
    &["select @@error_count, @@warning_count"],
    &["show warnings limit 1"],
    &["insert into auto (a) values (last_insert_id())", "select max(id), max(a) from auto"],
    &["insert into auto (a) select row_count() + 100", "select last_insert_id()", "select max(a) from auto"],
];

/// What a client is told, whoever is asked.
fn told(reply: &Reply, schema: &str, sql: &str) -> Vec<String> {
    let seen = reply.packets.iter().filter(|packet| matches!(packet.part, Part::Row | Part::Err));
    let text = seen.map(|packet| String::from_utf8_lossy(&packet.payload).replace(schema, "SCHEMA"));
    // MySQL 9.7 warns that FOUND_ROWS() is deprecated, which a number in its place is not.
    let warnings = |count| if sql.contains("found_rows()") { 0 } else { count };
    let ok = reply.ok().map(|ok| format!("{} {} {}", ok.affected_rows, ok.last_insert_id, warnings(ok.warnings)));
    text.chain(ok).collect()
}

/// Two sessions that do the same as two others, once over one connection and once at the server.
struct Twins {
    pool: Pool,
    shared: [Client; 2],
    direct: [Client; 2],
}

impl Twins {
    fn new(pool: Pool, other: &rolecall_tests::raw::LoginOptions) -> Self {
        let direct = [0, 1].map(|_| Client::login(pool.server().address(), other).expect("a login"));
        let shared = [0, 1].map(|_| pool.login());
        Self { pool, shared, direct }
    }

    /// What both kinds are told of one statement.
    fn ask(&mut self, who: usize, sql: &str) -> [Vec<String>; 2] {
        let shared = told(&self.shared[who].query(sql), "pdiagp", sql);
        let direct = told(&self.direct[who].query(sql), "pdiagd", sql);
        self.shared[who].transcript.clear();
        self.direct[who].transcript.clear();
        [shared, direct]
    }
}

fn twins(stage: &std::sync::Arc<rolecall_tests::Stage>, names: [&str; 2]) -> Twins {
    let pool = Pool::new(stage, names[0], "max_connections: 1");
    let other = stage.account(names[1], &[]);
    for name in names {
        pool.server().run(&format!("create table {name}.auto (id int primary key auto_increment, a bigint)"));
        pool.server().run(&format!("insert into {name}.auto (a) values (1)"));
    }
    Twins::new(pool, &other)
}

on_every_server! {
    /// C15, Q16
    fn each_is_told_of_its_own_last_statement(stage) {
        let mut twins = twins(stage, ["pdiagp", "pdiagd"]);
        let mut wrong = Vec::new();
        let mut asked = 0;
        for act in ACTS {
            for (number, question) in QUESTIONS.iter().enumerate() {
                // FOUND_ROWS() is "not intended to be available" behind anything but a SELECT (Reference Manual).
                if question[0].contains("found_rows") && !act.starts_with("select") {
                    continue;
                }
                let between = BETWEEN[number % BETWEEN.len()];
                for (who, sql) in [(0, *act), (1, between)] {
                    let [shared, direct] = twins.ask(who, sql);
                    assert_eq!(shared, direct, "{sql}");
                }
                for who in [0, 1] {
                    for sql in *question {
                        let [shared, direct] = twins.ask(who, sql);
                        asked += 1;
                        if shared != direct {
                            let last = [act, between][who];
                            wrong.push(format!("{last}; {question:?}: {sql}: {shared:?}, not {direct:?}"));
                        }
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(twins.pool.metric("rolecall_pool_handovers_total") > 100);
        assert_eq!(twins.pool.connections().len(), 1);
        twins.pool.proxy.expect_no_panic();
    }

    /// Q16
    fn diagnostics_are_of_ones_own_last_statement(stage) {
        let mut twins = twins(stage, ["pdiagpg", "pdiagdg"]);
        let get = "get diagnostics @n = number, @r = row_count";
        let first = "get diagnostics condition 1 @e = mysql_errno, @m = message_text";
        for act in ["select 'a' + 1, 'b' + 1", "select * from t", "update t set a = a + 1"] {
            for between in BETWEEN {
                for (who, sql) in [(0, act), (1, *between)] {
                    let [shared, direct] = twins.ask(who, sql);
                    assert_eq!(shared, direct, "{sql}");
                }
                for sql in [get, "select @n, @r"] {
                    let [shared, direct] = twins.ask(0, sql);
                    assert_eq!(shared, direct, "{act}: {sql}");
                }
                // User variables hold the connection.
                twins.shared[0].reset_connection().expect_ok("reset");
                twins.direct[0].reset_connection().expect_ok("reset");
                if act.contains('+') && act.starts_with("select") {
                    for (who, sql) in [(0, act), (1, *between), (0, first), (0, "select @e, @m")] {
                        let [shared, direct] = twins.ask(who, sql);
                        assert_eq!(shared, direct, "{sql}");
                    }
                    twins.shared[0].reset_connection().expect_ok("reset");
                    twins.direct[0].reset_connection().expect_ok("reset");
                }
            }
        }
    }

    /// A25: the count that SQL_CALC_FOUND_ROWS makes is nobody else's.
    fn found_rows_are_ones_own(stage) {
        let mut twins = twins(stage, ["pdiagpf", "pdiagdf"]);
        for _ in 0..3 {
            for (who, sql) in [(0, "select sql_calc_found_rows * from t limit 1"), (0, "select found_rows()"), (1, "select * from t limit 2"), (0, "select 1 from t where id = 1"), (1, "select found_rows()"), (0, "select found_rows()")] {
                let [shared, direct] = twins.ask(who, sql);
                assert_eq!(shared, direct, "{who}: {sql}");
            }
        }
    }
}
