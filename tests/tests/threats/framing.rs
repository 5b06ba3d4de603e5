//! Packets that are too large or too slow, and compressed ones (wire.md F10, F15, F16, Z3, Z4).

use std::time::{Duration, Instant};

use rolecall_protocol::compression::{Algorithm, Compressor};
use rolecall_protocol::packet::put_packet;
use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_tests::raw::{Client, Compression, Kind};
use rolecall_tests::{Proxy, ProxyOptions};

use crate::ground::{Ending, SERVER_MAX_PACKET, Witness, ground, proxy, right, server};

fn compressed(proxy: &Proxy, compression: Compression) -> Client {
    let mut options = right();
    options.compression = Some(compression);
    proxy.login(&options)
}

/// A statement of this many bytes.
fn select_of(length: usize) -> String {
    let frame = "select length('')";
    frame.replace("''", &format!("'{}'", "x".repeat(length - frame.len())))
}

#[test]
fn f15_a_statement_over_the_servers_limit_gets_the_servers_error() {
    let ground = ground();
    let mut witness = Witness::new(&ground.proxy);
    for address in [ground.server.address(), ground.proxy.address()] {
        let mut client = Client::login(address, &right()).expect("a login");
        let longest = select_of(SERVER_MAX_PACKET - 2);
        assert_eq!(client.run(&longest).value(), (longest.len() - "select length('')".len()).to_string());
        client.send_query(select_of(SERVER_MAX_PACKET + 4096));
        let ending = Ending::without_waiting(&mut client);
        let error = ending.expect_refusal("too large");
        assert_eq!(error.code, 1153, "{error}");
    }
    witness.goes_on();
}

#[test]
fn f16_a_command_over_the_proxys_own_limit_is_refused_and_not_kept() {
    let limits = "{max_packet: 1MiB, statement_buffer: 16KiB}".into();
    let proxy = Proxy::start([&ground().server], &ProxyOptions { limits, ..ProxyOptions::default() });
    let mut witness = Witness::new(&proxy);
    let mut client = proxy.login(&right());
    assert_eq!(client.run(&select_of(1000 * 1024)).value(), (1000 * 1024 - "select length('')".len()).to_string());
    let before = proxy.memory().now;
    // A header that announces 6 MiB; told long before they have come.
    client.send_raw(&[0, 0, 0x60, 0, 0x03], true);
    let part = vec![b' '; 64 * 1024];
    for _ in 0..20 {
        client.send_raw(&part, false);
    }
    let error = Ending::without_waiting(&mut client).expect_refusal("over the limit");
    assert_eq!(error.code, 1153, "{error}");
    let grown = proxy.memory().now.saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes");
    witness.goes_on();
}

#[test]
fn f10_a_command_that_comes_byte_by_byte_is_served_and_keeps_nobody_waiting() {
    let ground = ground();
    let mut witness = Witness::new(&ground.proxy);
    let mut client = ground.proxy.login(&right());
    let packet = rolecall_tests::middle_box::packet(0, b"\x03select 10");
    for byte in packet {
        client.send_raw(&[byte], true);
        let started = Instant::now();
        witness.goes_on();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
    client.sequence = SequenceId(1);
    assert_eq!(client.read_reply(Kind::Result).value(), "10");
}

#[test]
fn f10_a_command_that_stops_in_the_middle_ends_its_session_and_frees_what_it_held() {
    let limits = "{read_timeout: 500ms}".into();
    let proxy = Proxy::start([&ground().server], &ProxyOptions { limits, ..ProxyOptions::default() });
    let mut witness = Witness::new(&proxy);
    ground().server.run("create table threats.stops (a int)");
    // A short statement, and one that streams.
    let [short, long] = [select_of(60), select_of(1 << 20)];
    for sql in [short, long] {
        let mut client = proxy.login(&right());
        client.run("begin");
        client.run("insert into stops values (1)");
        // Silence between two commands is no concern of this limit.
        std::thread::sleep(Duration::from_millis(700));
        client.run("insert into stops values (2)");
        let packet = rolecall_tests::middle_box::packet(0, &[b"\x03", sql.as_bytes()].concat());
        client.send_raw(&packet[..packet.len() - 1], true);
        let error = Ending::without_waiting(&mut client).expect_refusal("half a command");
        assert_eq!(error.code, 1159, "{error}");
        witness.goes_on();
    }
    // No lock is left.
    let mut other = proxy.login(&right());
    other.run("set lock_wait_timeout = 20");
    other.run("alter table stops add b int");
    assert_eq!(other.run("select count(*) from stops").value(), "0");
}

#[test]
fn f10_a_session_that_waits_in_the_middle_of_a_command_can_be_killed() {
    let ground = ground();
    let mut client = ground.proxy.login(&right());
    let id = client.run("select connection_id()").value();
    client.send_raw(&rolecall_tests::middle_box::packet(0, b"\x03select 10")[..8], true);
    ground.proxy.login(&right()).run(&format!("kill {id}"));
    let ended = Instant::now();
    let _ = client.stream.take_until_close().expect("a close");
    assert!(ended.elapsed() < Duration::from_secs(10), "{:?}", ended.elapsed());
}

/// A client in the middle of the file that its LOAD DATA LOCAL INFILE names.
fn in_the_middle_of_a_file(proxy: &Proxy, table: &str) -> (Client, String) {
    let mut client = proxy.login(&right().with(Capabilities::LOCAL_FILES));
    let id = client.run("select connection_id()").value();
    client.run(&format!("create table {table} (a int)"));
    client.send_query(format!("load data local infile 'x' into table {table}"));
    assert_eq!(client.read_packet().expect("the request").payload, b"\xFBx");
    client.send_raw(&rolecall_tests::middle_box::packet(2, b"1\n"), false);
    (client, id)
}

#[test]
fn f10_a_file_that_stops_in_the_middle_ends_its_session_and_frees_its_table() {
    let limits = "{read_timeout: 500ms}".into();
    let proxy = Proxy::start([&ground().server], &ProxyOptions { limits, ..ProxyOptions::default() });
    let (mut client, _) = in_the_middle_of_a_file(&proxy, "stalls");
    let _ = client.stream.take_until_close().expect("a close");
    let mut other = proxy.login(&right());
    other.run("set lock_wait_timeout = 20");
    other.run("alter table stalls add b int");
    assert_eq!(other.run("select count(*) from stalls").value(), "0");
}

#[test]
fn f10_a_session_that_waits_in_the_middle_of_a_file_can_be_killed() {
    let proxy = &ground().proxy;
    let (mut client, id) = in_the_middle_of_a_file(proxy, "killed_in_a_file");
    proxy.login(&right()).run(&format!("kill {id}"));
    let ended = Instant::now();
    let _ = client.stream.take_until_close().expect("a close");
    assert!(ended.elapsed() < Duration::from_secs(10), "{:?}", ended.elapsed());
}

/// F10: data of a command that its server will not get any more is read to its end, and is no command of its own.
#[test]
fn f10_the_rest_of_a_long_command_whose_server_is_gone_is_not_read_as_commands() {
    let server = server();
    let limits = "{statement_buffer: 16KiB}".into();
    let proxy = Proxy::start([&server], &ProxyOptions { limits, ..ProxyOptions::default() });
    let mut client = proxy.login(&right());
    client.run("create table long_ones (a longblob)");
    // What looks like commands: `ping`, again and again. Its length is a multiple of theirs.
    let blob = [1, 0, 0, 0, 0x0E].repeat(200_000);
    let packet = rolecall_tests::middle_box::packet(0, &[b"\x03insert into long_ones values ('", &blob[..]].concat());
    let half = packet.len() / 2;
    client.send_raw(&packet[..half], true);
    server.signal("KILL");
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(server.address()).is_ok() {
        assert!(Instant::now() < deadline, "the server was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    for part in packet[half..].chunks(50_000) {
        client.send_raw(part, false);
    }
    client.sequence = SequenceId(1);
    let reply = client.read_reply(Kind::Single);
    assert_eq!(reply.packets.len(), 1, "{reply:?}");
    assert_ne!(reply.code(), 0, "{reply:?}");
    // One reply to the insert; the next one is the next command's.
    client.send_query("select 1");
    let next = client.read_reply(Kind::Result);
    assert_ne!(next.code(), 0, "no server is there: {next:?}");
    client.ping().expect_ok("ping");
}

/// F9: a reply that fills the proxy's buffer to the last byte leaves the socket marked as readable.
#[test]
fn f9_a_reply_that_fills_the_buffer_does_not_look_like_a_server_that_speaks_unasked() {
    for tls in [false, true] {
        let mut options = right();
        options.tls = tls;
        let mut client = ground().proxy.login(&options);
        client.run("begin");
        let reply_to = |client: &mut Client, length: usize| {
            let reply = client.run(&format!("select repeat('x', {length}) from dual for update"));
            reply.packets.iter().map(|packet| packet.payload.len() + 4).sum::<usize>()
        };
        let around = reply_to(&mut client, 10_000) - 10_000;
        for total in 16 * 1024 - 24..=16 * 1024 + 24 {
            assert_eq!(reply_to(&mut client, total - around), total);
        }
        client.run("commit");
    }
}

#[test]
fn z3_compressed_sequence_ids_count_by_themselves_and_wrap() {
    for (compression, algorithm) in [(Compression::Zlib, Algorithm::Zlib), (Compression::Zstd(3), Algorithm::Zstd(3))] {
        let mut client = compressed(&ground().proxy, compression);
        let statement = select_of(40_000);
        let mut bytes = Vec::new();
        put_packet(&mut bytes, &mut SequenceId(0), &[b"\x03", statement.as_bytes()].concat());
        let mut compressor = Compressor::new(algorithm);
        let mut frames = Vec::new();
        for part in bytes.chunks(100) {
            compressor.compress(part, &mut frames);
        }
        client.stream.send_frames(&compressor, &frames).expect("401 frames");
        client.any_sequence = true;
        assert_eq!(client.read_reply(Kind::Result).value(), (40_000 - "select length('')".len()).to_string());
        client.any_sequence = false;
        assert_eq!(client.run("select 3").value(), "3");
        // Many frames back: rows of noise, so that they stay many.
        let sql = "with recursive n (a) as (select 1 union all select a + 1 from n where a < 900) \
                   select group_concat(sha2(a, 512), sha2(a + 1, 512) separator '') from n group by a";
        assert_eq!(client.run(sql).rows().len(), 900);
        assert_eq!(client.run("select 4").value(), "4");
    }
}

#[test]
fn z4_a_compression_bomb_is_taken_apart_in_bounded_memory() {
    let proxy = proxy();
    for (compression, algorithm) in [(Compression::Zlib, Algorithm::Zlib), (Compression::Zstd(3), Algorithm::Zstd(3))] {
        let mut witness = Witness::new(&proxy);
        let before = proxy.memory().now;
        let mut client = compressed(&proxy, compression);
        // 4 GiB of spaces in some MiB: COM_QUERY packets of 16 MiB without an end.
        let mut compressor = Compressor::new(algorithm);
        let mut packet = vec![0xFF, 0xFF, 0xFF, 0, 0x03];
        packet.resize(0x100_0003, b' ');
        let mut sent = 0_u64;
        for id in 0..=255 {
            packet[3] = id;
            let mut frames = Vec::new();
            compressor.compress(&packet, &mut frames);
            if client.stream.send_frames(&compressor, &frames).is_err() {
                break;
            }
            sent += packet.len() as u64;
        }
        client.stream.stop_compression();
        // The server's limit ends it.
        let _ = client.stream.take_until_close().expect("a close");
        let grown = proxy.memory().peak.saturating_sub(before);
        println!("{algorithm:?}: {} MiB of content, {} KiB of memory at most", sent >> 20, grown / 1024);
        assert!(sent < 4 << 30 && grown < 64 << 20, "{sent} bytes of content, {grown} bytes of memory");
        witness.goes_on();
    }
}
