//! Constant memory: whatever passes through is never held as a whole (traps E1, E7 and E19). The most that the process
//! has ever had in RAM is what counts, not what it has afterwards.

use rolecall_tests::raw::{Client, Compression, Kind, LoginOptions, Parameter, Skimmed};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, short_or_full, tell, wait_until};

use crate::front::{account, proxy, server};

const MIB: u64 = 1 << 20;
/// What one session may add to the peak: a worker's large buffers, the kernel's pages here and there.
const SLACK: u64 = 2 * MIB;

/// Passes something small, so that all is there that is made once, and then something large: it may not show.
fn expect_constant(proxy: &Proxy, what: &str, small: u64, large: u64, mut pass: impl FnMut(u64)) {
    pass(small);
    let before = proxy.forget_peak();
    pass(large);
    let grown = proxy.memory().peak.saturating_sub(before);
    tell(&format!("{what}: {} MiB passed, {} KiB more memory at the peak", large / MIB, grown / 1024));
    assert!(grown <= SLACK, "{what}: {grown} bytes");
    proxy.expect_no_panic();
}

/// A result of rows of 1 MiB, so many bytes in all, made on the fly.
fn result_of(bytes: u64) -> (String, Skimmed) {
    let rows = bytes / MIB;
    assert_eq!(rows % 32, 0, "the product of two numbers");
    let sql = format!(
        "with recursive n (a) as (select 1 union all select a + 1 from n where a < 32), \
         m (a) as (select 1 union all select a + 1 from m where a < {}) select repeat('x', {MIB}) from n, m",
        rows / 32
    );
    // Each row is one column with a length of four bytes, of which none is an x.
    (sql, Skimmed { rows, bytes: rows * (MIB + 4), others: rows * 4 })
}

fn skim(client: &mut Client, passing: impl FnMut(u64)) -> Skimmed {
    client.skim(b'x', passing).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn e1_a_result_of_2_gb_passes_in_constant_memory() {
    let (proxy, options) = (proxy("workers: 1\n"), account("e1_result"));
    let mut client = proxy.login(&options);
    expect_constant(&proxy, "a large result", 32 * MIB, short_or_full(512, 2048) * MIB, |bytes| {
        let (sql, expected) = result_of(bytes);
        client.send_query(&sql);
        assert_eq!(skim(&mut client, |_| ()), expected);
    });
}

/// One row of one column of so many bytes, in text or from a prepared statement.
fn one_row(client: &mut Client, bytes: u64, prepared: bool) {
    let sql = format!("select repeat('x', {bytes})");
    if prepared {
        let statement = client.prepare(&sql).id;
        let execute = client.execute_payload(statement, 0, &[], false);
        client.send_command("execute", &execute);
    } else {
        client.send_query(&sql);
    }
    let skimmed = skim(client, |_| ());
    assert_eq!(skimmed.rows, 1);
    assert_eq!(skimmed.bytes - skimmed.others, bytes);
    assert!(skimmed.others <= 11, "{skimmed:?}");
}

fn ways(options: &LoginOptions) -> [(&'static str, LoginOptions); 4] {
    let of = |tls, compression| LoginOptions { tls, compression, ..options.clone() };
    [
        ("plain", of(false, None)),
        ("TLS", of(true, None)),
        ("zlib", of(false, Some(Compression::Zlib))),
        ("zstd in TLS", of(true, Some(Compression::Zstd(3)))),
    ]
}

#[test]
fn e1_z7_a_row_of_64_mb_passes_in_constant_memory_whatever_is_around_it() {
    let (proxy, options) = (proxy("workers: 1\n"), account("e1_row"));
    for (way, options) in ways(&options) {
        let mut client = proxy.login(&options);
        for (kind, prepared) in [("text", false), ("binary", true)] {
            let what = format!("a row, {kind}, {way}");
            expect_constant(&proxy, &what, MIB, 64 * MIB, |bytes| one_row(&mut client, bytes, prepared));
        }
    }
}

#[test]
fn e1_a_row_of_nearly_1_gb_passes_in_constant_memory() {
    let megabytes = short_or_full(100, 1023);
    // As much as a server allows.
    let more = vec!["--max-allowed-packet=1G".to_owned()];
    let server = Server::start(Flavour::Mysql, &ServerOptions { more, ..ServerOptions::default() });
    let proxy =
        Proxy::start([&server], &ProxyOptions { configuration: "workers: 1\n".into(), ..ProxyOptions::default() });
    server.run(&format!("create user e1_huge {}", server.flavour().identified("pw")));
    let mut client = proxy.login(&LoginOptions::new("e1_huge", "pw"));
    expect_constant(&proxy, "a huge row", MIB, megabytes * MIB, |bytes| one_row(&mut client, bytes, false));
}

#[test]
fn e1_a_statement_and_a_parameter_of_64_mb_pass_in_constant_memory() {
    let (proxy, options) = (proxy("workers: 1\n"), account("e1_statement"));
    for (way, options) in ways(&options) {
        let mut client = proxy.login(&options);
        expect_constant(&proxy, &format!("a statement, {way}"), MIB, 64 * MIB, |bytes| {
            let sql = format!("select length('{}')", "x".repeat(bytes as usize));
            assert_eq!(client.run(&sql).value(), bytes.to_string());
        });
        let statement = client.prepare("select length(?) = ?").id;
        expect_constant(&proxy, &format!("a parameter, {way}"), MIB, 64 * MIB, |bytes| {
            let value = Parameter::text("x".repeat(bytes as usize));
            let payload = client.execute_payload(statement, 0, &[value, Parameter::integer(bytes as i64)], true);
            let reply = client.command("execute", &payload, Kind::Result).expect_ok("execute");
            // Header, NULL bitmap, then the number.
            assert_eq!(reply.packets[reply.packets.len() - 2].payload[2..], 1_i64.to_le_bytes());
        });
    }
}

#[test]
fn e7_a_local_file_of_100_mb_passes_in_constant_memory() {
    let (proxy, options) = (proxy("workers: 1\n"), account("e7_file"));
    let options = options.with(rolecall_protocol::Capabilities::LOCAL_FILES);
    let mut client = proxy.login(&options);
    client.run("create table file_lines (a varchar(1023)) engine=blackhole");
    let line = format!("{}\n", "x".repeat(1023));
    expect_constant(&proxy, "a local file", MIB, short_or_full(100, 1000) * MIB, |bytes| {
        client.local_file = vec![line.repeat(1024).into_bytes(); (bytes / MIB) as usize];
        let reply = client.query("load data local infile 'lines' into table file_lines").expect_ok("load");
        assert_eq!(reply.ok().map(|ok| ok.affected_rows), Some(bytes / 1024));
    });
}

#[test]
fn e19_a_client_that_stops_reading_makes_nothing_pile_up() {
    let (proxy, options) = (proxy("workers: 1\n"), account("e19_slow"));
    for (way, options) in ways(&options) {
        let mut client = proxy.login(&options);
        let mut other = proxy.login(&options);
        expect_constant(&proxy, &format!("a client that stops, {way}"), 32 * MIB, 256 * MIB, |bytes| {
            let (sql, expected) = result_of(bytes);
            client.send_query(&sql);
            // In the middle of a row, and once more later.
            let mut stops = [5 * MIB + 77, 20 * MIB].into_iter().peekable();
            let skimmed = skim(&mut client, |passed| {
                if stops.next_if(|stop| passed >= *stop).is_some() {
                    wait_until_nothing_moves(&options.user);
                    assert_eq!(other.run("select 1").value(), "1", "its worker's other sessions go on");
                }
            });
            assert_eq!(skimmed, expected);
        });
    }
}

/// What the server has sent to this account's sessions, by its own count.
fn sent_to(user: &str) -> u64 {
    let sql = format!(
        "select sum(variable_value) from performance_schema.status_by_thread join performance_schema.threads \
         using (thread_id) where processlist_user = '{user}' and variable_name = 'Bytes_sent'"
    );
    server().value(&sql).parse().unwrap_or_default()
}

/// Until the server can send no more: everything between it and the client is full.
fn wait_until_nothing_moves(user: &str) {
    let mut last = (0, 0);
    wait_until("the server waits for the client", || {
        let now = sent_to(user);
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        last.1 >= 20
    });
}
