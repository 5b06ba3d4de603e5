//! What a client that has logged in may use up (threats.md 5).

use std::time::{Duration, Instant};

use rolecall_protocol::SequenceId;
use rolecall_protocol::packet::put_packet;
use rolecall_tests::raw::{Client, Kind, Parameter};
use rolecall_tests::{Proxy, ProxyOptions, short_or_full, tell};

use crate::ground::{Witness, ground, proxy, right};

/// A proxy that reads statements whole up to what the server takes, so that each is classified.
fn reader() -> Proxy {
    let limits = "{statement_buffer: 8MiB}".into();
    Proxy::start([&ground().server], &ProxyOptions { limits, ..ProxyOptions::default() })
}

#[test]
fn statements_of_absurd_shapes_are_read_without_recursion_and_at_once() {
    let ground = ground();
    let proxy = reader();
    let mut witness = Witness::new(&proxy);
    let shapes = [
        ("100,000 parentheses", format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000))),
        ("100,000 open parentheses", format!("select {}", "(".repeat(100_000))),
        ("100,000 parentheses in front", format!("{}select 1{}", "(".repeat(100_000), ")".repeat(100_000))),
        // Wrong at the very end, so that the server does no more than read them.
        ("1,000,000 items", format!("select 1 in ({}1) from from", "1,".repeat(1_000_000))),
        ("10,000 unions", format!("select 1{} from from", " union all select 1".repeat(10_000))),
        ("100,000 nots", format!("select {}1", "not ".repeat(100_000))),
        ("100,000 cases", format!("select {}1{}", "case when 1 then ".repeat(100_000), " end".repeat(100_000))),
        ("100,000 comments", format!("select {}1", "/* a */".repeat(100_000))),
        ("100,000 open comments", "/*!".repeat(100_000)),
        ("1,000,000 semicolons", ";".repeat(1_000_000)),
        ("100,000 with clauses", format!("with {} select 1", vec!["a as (select 1)"; 100_000].join(", "))),
        ("1,000,000 variables", format!("set {}@a = 1", "@a = 1, ".repeat(500_000))),
        ("a literal of 7 MiB", format!("select length('{}')", "x".repeat(7 << 20))),
        ("an open literal of 7 MiB", format!("select '{}", "\\'".repeat(7 << 19))),
        ("explains", "explain ".repeat(100_000)),
    ];
    for (what, sql) in shapes {
        let before = proxy.memory().now;
        let started = Instant::now();
        let mut client = proxy.login(&right());
        let reply = client.query(&sql);
        let took = started.elapsed();
        let grown = proxy.memory().now.saturating_sub(before);
        assert!(reply.error().is_some() || reply.ok().is_some() || reply.closed, "{what}: {:?}", reply.packets.len());
        println!("{what}: {took:?}, {} KiB more memory, error {}", grown / 1024, reply.code());
        assert!(grown < 64 << 20, "{what}: {grown} bytes");
        assert!(took < Duration::from_secs(20), "{what}: {took:?}");
        witness.goes_on();
    }
    ground.proxy.expect_no_panic();
}

#[test]
fn large_literals_stream_through_bounded_memory() {
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let mut client = proxy.login(&right());
    let sql = format!("select length('{}')", "x".repeat(7 << 20));
    assert_eq!(client.run(&sql).value(), (7 << 20).to_string());
    let before = proxy.memory().now;
    for _ in 0..5 {
        client.run(&sql);
    }
    let grown = proxy.memory().now.saturating_sub(before);
    println!("35 MiB of literals: {} KiB more memory", grown / 1024);
    assert!(grown < 4 << 20, "{grown} bytes");
    witness.goes_on();
}

/// Sends so many bytes of parameter data, a MiB at a time.
fn send_long_data(client: &mut Client, statement: u32, bytes: u64) {
    let mut command = Vec::new();
    let part = [&[0x18][..], &statement.to_le_bytes(), &[0, 0], &[b'x'; 1 << 20]].concat();
    put_packet(&mut command, &mut SequenceId(0), &part);
    for _ in 0..bytes >> 20 {
        client.send_raw(&command, true);
    }
}

#[test]
fn long_data_of_10_gib_is_cut_at_the_servers_limit_in_constant_memory() {
    let bytes = short_or_full(512 << 20, 10 << 30);
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let mut client = proxy.login(&right());
    let statement = client.prepare("select length(?)").id;
    let value = Parameter { kind: 0xFC, flags: 0, value: Some(Vec::new()) };
    send_long_data(&mut client, statement, 1 << 20);
    client.execute(statement, std::slice::from_ref(&value)).expect_ok("what is within the limit");
    for (what, statement) in [("a statement's", statement), ("no statement's", 4711)] {
        let before = proxy.forget_peak();
        send_long_data(&mut client, statement, bytes);
        // Nothing is said until the execution.
        let error = client.execute(statement, std::slice::from_ref(&value)).error().expect("an error");
        let grown = proxy.memory().peak.saturating_sub(before);
        tell(&format!("{what} long data: {} MiB sent, {} KiB more memory at the peak", bytes >> 20, grown >> 10));
        if statement == 4711 {
            assert_eq!(error.code, 1243, "{error}");
        } else {
            assert!(String::from_utf8_lossy(&error.message).contains("max_allowed_packet"), "{error}");
        }
        assert!(grown < 2 << 20, "{what}: {grown} bytes");
        witness.goes_on();
    }
    assert_eq!(client.run("select 1").value(), "1");
}

#[test]
fn long_data_in_one_packet_beyond_the_servers_limit_is_refused_in_constant_memory() {
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let mut client = proxy.login(&right());
    let statement = client.prepare("select length(?)").id;
    let value = Parameter { kind: 0xFC, flags: 0, value: Some(Vec::new()) };
    let mut command = Vec::new();
    let part = [&[0x18][..], &statement.to_le_bytes(), &[0, 0], &vec![b'x'; 256 << 20]].concat();
    put_packet(&mut command, &mut SequenceId(0), &part);
    let before = proxy.forget_peak();
    client.send_raw(&command, true);
    let reply = client.execute(statement, std::slice::from_ref(&value));
    let grown = proxy.memory().peak.saturating_sub(before);
    tell(&format!("long data in one packet: 256 MiB sent, {} KiB more memory at the peak", grown >> 10));
    // The server ends the connection; here what had been sent before is lost with it, and that is said.
    let error = reply.error().expect("an error");
    assert!(String::from_utf8_lossy(&error.message).contains("lost the server"), "{error}");
    assert!(grown < 2 << 20, "{grown} bytes");
    witness.goes_on();
}

/// What the proxy may hold of a result for a client that does not read it: its large buffer, and what it is written from.
const BYTES_OF_A_SLOW_READER: u64 = 320 << 10;

#[test]
fn f18_clients_that_do_not_read_hold_little_memory() {
    let proxy = proxy();
    let mut witness = Witness::new(&proxy);
    let sql = "with recursive n (a) as (select 1 union all select a + 1 from n where a < 900) select repeat('x', 100000) from n";
    let count = short_or_full(40, 1000);
    let mut clients: Vec<Client> = (0..count).map(|_| proxy.login(&right())).collect();
    let before = proxy.forget_peak();
    for client in &mut clients {
        client.send_query(sql);
    }
    // Until nothing moves any more: each result of 90 MB waits for its client.
    let mut last = (0, 0);
    for _ in 0..400 {
        witness.goes_on();
        let now = (proxy.memory().now, last.1 + 1);
        last = if now.0 == last.0 { now } else { (now.0, 0) };
        if last.1 >= 10 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let grown = proxy.memory().peak.saturating_sub(before);
    tell(&format!(
        "{count} clients that do not read: {} KiB more memory at the peak, {} KiB each",
        grown >> 10,
        (grown >> 10) / count
    ));
    assert!(grown < count * BYTES_OF_A_SLOW_READER, "{grown} bytes");
    // One that reads after all gets everything.
    assert_eq!(clients[0].read_reply(Kind::Result).rows().len(), 900);
    drop(clients);
    witness.goes_on();
}

#[test]
fn prepared_statements_of_one_session_are_bounded_and_leave_room_for_others() {
    let ground = ground();
    let mut client = ground.proxy.login(&right());
    let mut other = ground.proxy.login(&right());
    let mut made = 0;
    let refusal = loop {
        let reply = client.try_prepare(&format!("select {made}"));
        if let Some(error) = reply.error() {
            break error;
        }
        made += 1;
        assert!(made < 16_382, "one session takes all that the server has");
    };
    assert_eq!(refusal.code, 1461, "{refusal}");
    assert!(String::from_utf8_lossy(&refusal.message).contains(&made.to_string()), "{refusal}");
    // One that is passed on as it arrives is no exception, and ends no session.
    let long = client.try_prepare(&format!("select '{}'", "x".repeat(3 << 20)));
    assert_eq!((long.code(), long.closed), (1461, false));
    let theirs = other.prepare("select 'others can'").id;
    other.execute(theirs, &[]).expect_ok("others can");
    // Closing makes room again; leaving gives everything back at the server.
    client.close_statement(1);
    client.prepare("select 'again'");
    client.quit();
    other.close_statement(theirs);
    let deadline = Instant::now() + Duration::from_secs(10);
    while ground.server.run("show global status like 'Prepared_stmt_count'").rows()[0][1].as_deref() > Some("100") {
        assert!(Instant::now() < deadline, "the statements stay at the server");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn texts_of_prepared_statements_are_kept_within_bounds() {
    let proxy = proxy();
    let mut client = proxy.login(&right());
    let text = |number: u32| format!("select {number}, length('{}')", "x".repeat(200 << 10));
    let first = client.prepare(&text(0)).id;
    let before = proxy.forget_peak();
    let mut last = first;
    for number in 1..400 {
        last = client.prepare(&text(number)).id;
        client.transcript.clear();
    }
    let grown = proxy.memory().peak.saturating_sub(before);
    tell(&format!("78 MiB of prepared statements: {} KiB more memory at the peak", grown >> 10));
    // 16 MiB are kept, by which a statement can be prepared on another server.
    assert!(grown < 20 << 20, "{grown} bytes");
    for id in [first, last] {
        client.execute(id, &[]).expect_ok("both run");
    }
    // Who closes what is not needed has room again.
    (first..last).for_each(|id| client.close_statement(id));
    let again = client.prepare(&text(400)).id;
    client.execute(again, &[]).expect_ok("execute");
    client.reset_connection().expect_ok("reset");
    assert_eq!(client.execute(again, &[]).code(), 1243);
    let again = client.prepare("select 'after a reset'").id;
    client.execute(again, &[]).expect_ok("execute");
    proxy.expect_no_panic();
}

/// SETs of a number, of which each changes something.
fn set(number: u32) -> String {
    let value = 10 + number % 50;
    match number % 8 {
        0 => format!("set lock_wait_timeout = {value}"),
        1 => format!("set max_execution_time = {value}000, group_concat_max_len = {value}00"),
        2 => format!("set names utf8mb4 collate {}", ["utf8mb4_bin", "utf8mb4_general_ci"][number as usize / 8 % 2]),
        3 => format!("set time_zone = '+0{}:00'", number / 8 % 10),
        4 => format!("set @@session.net_write_timeout = {value}"),
        5 => format!("set sql_mode = '{}'", ["ANSI_QUOTES", "PIPES_AS_CONCAT", ""][number as usize / 8 % 3]),
        6 => format!(
            "set session transaction isolation level {}",
            ["serializable", "read committed"][number as usize / 8 % 2]
        ),
        _ => format!("use {}", ["information_schema", crate::ground::USER][number as usize / 8 % 2]),
    }
}

#[test]
fn a_session_that_sets_for_ever_keeps_the_last_value_alone() {
    let proxy = proxy();
    let mut client = proxy.login(&right());
    let mut sets = |range: std::ops::Range<u32>| {
        for first in range.clone().step_by(200) {
            let mut bytes = Vec::new();
            let batch = first..range.end.min(first + 200);
            for number in batch.clone() {
                put_packet(&mut bytes, &mut SequenceId(0), format!("\x03{}", set(number)).as_bytes());
            }
            client.send_raw(&bytes, true);
            for number in batch {
                client.sequence = SequenceId(1);
                assert!(client.read_reply(Kind::Single).ok().is_some(), "{}", set(number));
            }
            client.transcript.clear();
        }
    };
    sets(0..2000);
    let count = short_or_full(100_000, 1_000_000);
    let before = proxy.forget_peak();
    sets(2000..2000 + count);
    let grown = proxy.memory().peak.saturating_sub(before);
    tell(&format!("{count} SETs: {} KiB more memory at the peak", grown >> 10));
    assert!(grown < 1 << 20, "{grown} bytes after {count} SETs");
}
