//! What classification costs: nanoseconds per statement, the best of several rounds.
//!
//! `cargo run --release -p rolecall-router --example classification_cost`

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use rolecall_router::catalogue::Catalogue;
use rolecall_router::sql::{ClientCharset, Flavour, Lexing, ServerVersion, SqlMode, classify};

const STATEMENTS: [&str; 10] = [
    "SELECT c FROM t WHERE id = 123",
    "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 4987 AND 5086 ORDER BY c",
    "UPDATE sbtest1 SET k=k+1 WHERE id=5024",
    "INSERT INTO sbtest1 (id, k, c, pad) VALUES (5024, 4996, '41189576069-45553989496-19463022727', '63188288836-92351140030')",
    "BEGIN",
    "COMMIT",
    "SET NAMES utf8mb4",
    "SELECT @@session.tx_isolation",
    "SELECT u.id, u.name, COUNT(o.id) AS orders, MAX(o.created_at) FROM users u LEFT JOIN orders o ON o.user_id = u.id \
     WHERE u.tenant_id = 42 AND u.status IN ('active', 'trial') AND o.total > 10.5 GROUP BY u.id, u.name HAVING orders > 3 \
     ORDER BY orders DESC LIMIT 50 OFFSET 100",
    "/* app:web,route:/cart */ SELECT `id`, `name` FROM `products` WHERE `products`.`id` = 17 LIMIT 1 FOR UPDATE",
];

fn main() {
    let lexing = Lexing {
        mode: SqlMode::empty(),
        charset: ClientCharset::Utf8,
        flavour: Flavour::Mysql,
        version: ServerVersion(90704),
    };
    let catalogue = Catalogue::unknown();
    let long = format!("INSERT INTO t (a) VALUES ('{}')", "x".repeat(64 * 1024));
    println!("{:>8} {:>8}  statement", "ns", "bytes");
    for sql in STATEMENTS.iter().copied().chain([long.as_str()]) {
        let best = (0..7).map(|_| nanoseconds(sql, &lexing, &catalogue)).fold(f64::INFINITY, f64::min);
        println!("{best:>8.0} {:>8}  {}", sql.len(), &sql[..sql.len().min(90)]);
    }
}

fn nanoseconds(sql: &str, lexing: &Lexing, catalogue: &Catalogue) -> f64 {
    const ROUNDS: u32 = 20_000;
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        black_box(classify(black_box(sql.as_bytes()), lexing, catalogue));
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}
