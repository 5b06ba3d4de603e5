//! Every prefix of every packet that has fields: wrong as a packet of its own, and wrong as a packet that breaks off
//! (ProxySQL 3.0.7: a short HandshakeResponse, COM_CHANGE_USER or COM_BINLOG_DUMP ended the process; wire.md A27, B7).

use rolecall_protocol::Capabilities;
use rolecall_protocol::handshake::ChangeUser;
use rolecall_protocol::wire::Put;
use rolecall_tests::raw::{Client, Kind, LoginOptions, Parameter};

use crate::ground::{Ending, Ground, Witness, greeted, ground, grounds, response, right, wrong};

/// Each prefix of what `login` makes, as a whole packet and as one that breaks off.
fn every_prefix(ground: &Ground, options: &LoginOptions, make: impl Fn(&mut Client) -> Vec<u8>) {
    let whole = make(&mut greeted(ground.proxy.address(), options)).len();
    for length in 0..whole {
        for breaks_off in [false, true] {
            let mut client = greeted(ground.proxy.address(), options);
            let payload = make(&mut client);
            if breaks_off {
                let packet = rolecall_tests::middle_box::packet(client.sequence.0, &payload);
                client.send_raw(&packet[..length], true);
            } else {
                client.send_packet(&payload[..length.min(payload.len())]);
            }
            let ending = Ending::of(&mut client);
            let what = format!("{length} of {whole} bytes, breaks off: {breaks_off}");
            ending.expect_no_ok(&what);
            // An error, or a question that only the right password answers.
            assert!(breaks_off || !ending.packets.is_empty() || options.tls, "{what}: {ending:02x?}");
        }
    }
    ground.proxy.expect_no_panic();
}

#[test]
fn every_prefix_of_a_handshake_response() {
    for ground in grounds() {
        let mut witness = Witness::new(&ground.proxy);
        let mut options = right().with(Capabilities::CONNECT_ATTRS | Capabilities::ZSTD_COMPRESSION_ALGORITHM);
        options.attributes = vec![("program".into(), "threats".into()), ("_os".into(), "any".into())];
        // Prefixes that lack optional fields alone are whole logins: without the right password they lead nowhere.
        options.password = "wrong".into();
        every_prefix(ground, &options, |client| response(client, &options));
        let old = options.clone().without(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA | Capabilities::CONNECT_ATTRS);
        every_prefix(ground, &old, |client| response(client, &old));
        witness.goes_on();
    }
}

#[test]
fn every_prefix_of_a_tls_request() {
    let mut options = right();
    options.tls = true;
    every_prefix(ground(), &options, |client| client.head(&options).encode());
}

#[test]
fn every_prefix_of_an_answer_to_an_authentication_switch() {
    let options = wrong().plugin("mysql_native_password");
    every_prefix(ground(), &options, |client| {
        let login = response(client, &options);
        client.send_packet(&login);
        assert_eq!(client.read_packet().expect("a question").payload[0], 0xFE);
        vec![7; 32]
    });
}

#[test]
fn every_prefix_of_an_encrypted_password() {
    let options = wrong();
    // Not each of the 256: the ends, and the powers of two between them.
    let ground = ground();
    for length in [0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 250, 254, 255, 257, 511, 2048, 2049, 60_000] {
        let mut client = greeted(ground.proxy.address(), &options);
        let login = response(&client, &options);
        client.send_packet(&login);
        assert_eq!(client.read_packet().expect("a question").payload, [1, 4]);
        client.send_packet(&[2]);
        assert_eq!(client.read_packet().expect("a key").payload[0], 1);
        client.send_packet(&vec![7; length]);
        Ending::of(&mut client).expect_refusal(&format!("{length} bytes"));
    }
    ground.proxy.expect_no_panic();
}

#[test]
fn a27_every_prefix_of_a_change_of_user() {
    for ground in grounds() {
        let mut witness = Witness::new(&ground.proxy);
        let options = right();
        let change = ChangeUser {
            user: options.user.clone().into_bytes(),
            auth_response: vec![7; 32].into(),
            database: b"threats".to_vec(),
            collation: Some(45),
            plugin: Some(b"caching_sha2_password".to_vec()),
            attributes: b"\x01a\x01b".to_vec(),
        };
        let whole = change.encode(options.capabilities);
        for length in 1..whole.len() {
            let mut client = ground.proxy.login(&options);
            client.send_command("change user, cut off", &whole[..length]);
            let ending = Ending::of(&mut client);
            // MySQL answers what it cannot read with 1047; what can be read is a login with a new scramble to answer.
            let first = ending.packets.first().unwrap_or_else(|| panic!("{length}: nothing"));
            assert!(matches!(first[0], 0xFE | 0xFF), "{length} bytes: {first:02x?}");
            ending.expect_no_ok(&format!("{length} bytes"));
        }
        witness.goes_on();
    }
}

/// Commands with fields.
fn commands(client: &Client, statement: u32) -> Vec<(&'static str, Vec<u8>, Kind)> {
    let id = statement.to_le_bytes();
    let values = [Parameter::text("a text of some length"), Parameter::integer(7), Parameter::null()];
    let execute = client.execute_payload(statement, 0, &values, true);
    vec![
        ("COM_STMT_EXECUTE", execute, Kind::Result),
        ("COM_STMT_FETCH", [&[0x1C], &id[..], &[1, 0, 0, 0]].concat(), Kind::Rows),
        ("COM_STMT_RESET", [&[0x1A], &id[..]].concat(), Kind::Single),
        ("COM_SET_OPTION", vec![0x1B, 0, 0], Kind::Single),
        ("COM_PROCESS_KILL", vec![0x0C, 0xFF, 0xFF, 0xFF, 0x7F], Kind::Single),
        ("COM_FIELD_LIST", b"\x04t\0%".to_vec(), Kind::Columns),
        ("COM_INIT_DB", b"\x02threats".to_vec(), Kind::Single),
        ("COM_STMT_PREPARE", b"\x16select ?".to_vec(), Kind::Prepare),
    ]
}

#[test]
fn b7_every_prefix_of_a_command_is_answered_and_nothing_is_executed() {
    let ground = ground();
    let mut witness = Witness::new(&ground.proxy);
    let options = right();
    let insert = "insert into truncated values (?, ?, ?)";
    let mut client = ground.proxy.login(&options);
    client.run("create table truncated (a text, b bigint, c int)");
    let statement = client.prepare(insert).id;
    for (what, whole, kind) in commands(&client, statement) {
        for length in 1..whole.len() {
            let reply = client.command(what, &whole[..length], kind);
            assert!(!reply.packets.is_empty() || reply.closed, "{what}, {length} bytes: no answer");
            let reads = !reply.closed && client.ping().ok().is_some();
            if reads {
                continue;
            }
            client = ground.proxy.login(&options);
            assert_eq!(client.prepare(insert).id, statement, "ids count from one in each session");
        }
        let reply = client.command(what, &whole, kind);
        assert!(!reply.packets.is_empty(), "{what}, whole");
        assert!(what != "COM_STMT_EXECUTE" || reply.ok().is_some(), "{reply:?}");
        client.ping().expect_ok("ping");
    }
    // The whole execution alone has counted.
    assert_eq!(client.run("select count(*) from truncated").value(), "1");
    witness.goes_on();
}

#[test]
fn b22_every_prefix_of_a_query_with_attributes() {
    let ground = ground();
    let mut client = ground.proxy.login(&right().with(Capabilities::QUERY_ATTRIBUTES));
    let mut whole = vec![0x03];
    whole.put_lenenc(1);
    whole.put_lenenc(1);
    whole.put_bytes(b"\0\x01\xfd\0\x04name\x05valueselect 22");
    for length in 1..whole.len() {
        let reply = client.command("cut off", &whole[..length], Kind::Result);
        assert!(!reply.closed && !reply.packets.is_empty(), "{length} bytes: {reply:?}");
        client.ping().expect_ok("ping");
    }
    assert_eq!(client.command("whole", &whole, Kind::Result).value(), "22");
    ground.proxy.expect_no_panic();
}

#[test]
fn commands_without_an_answer_may_be_cut_off_too() {
    let ground = ground();
    let mut client = ground.proxy.login(&right());
    let statement = client.prepare("select ?, ?").id;
    let id = statement.to_le_bytes();
    for whole in [[&[0x18], &id[..], &[0, 0], b"data"].concat(), [&[0x19], &id[..]].concat()] {
        for length in 1..whole.len() {
            // Too short for its fields is the one thing that is answered, as the server does it.
            let fields = if whole[0] == 0x18 { 7 } else { 5 };
            let kind = if length < fields { Kind::Single } else { Kind::Nothing };
            let reply = client.command("cut off", &whole[..length], kind);
            assert_eq!(reply.code(), if length < fields { 1835 } else { 0 }, "{:02x?}", &whole[..length]);
            client.ping().expect_ok("ping");
        }
    }
    client.reset_statement(statement).expect_ok("reset");
    assert_eq!(client.execute(statement, &[Parameter::integer(1), Parameter::integer(2)]).code(), 0);
    for whole in [
        &b"\x12\x04\0\0\0\0\0\x09\0\0\0binlog.000001"[..],
        b"\x1e\0\0\x09\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0",
        b"\x15\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        for length in 1..=whole.len() {
            // An account without the right to replicate.
            let mut client = ground.proxy.login(&right());
            client.send_command("replication", &whole[..length]);
            let answer = client.read_packet().unwrap_or_else(|| panic!("{:02x?}: no answer", &whole[..length]));
            assert_eq!(answer.payload[0], 0xFF, "{:02x?}: {answer:02x?}", &whole[..length]);
        }
    }
    ground.proxy.expect_no_panic();
}

#[test]
fn a_command_that_breaks_off_ends_its_session_and_frees_what_it_held() {
    let ground = ground();
    let mut holder = ground.proxy.login(&right());
    holder.run("create table if not exists broken_off (a int)");
    let packet = rolecall_tests::middle_box::packet(0, b"\x03insert into broken_off values (2)");
    for length in 0..packet.len() {
        let mut client = ground.proxy.login(&right());
        client.run("begin");
        client.run("insert into broken_off values (1)");
        client.send_raw(&packet[..length], true);
        assert!(Ending::of(&mut client).packets.is_empty(), "{length} bytes");
    }
    // No lock is left, and nothing was committed.
    holder.run("set lock_wait_timeout = 20");
    holder.run("alter table broken_off add b int");
    assert_eq!(holder.run("select count(*) from broken_off").value(), "0");
    holder.run("drop table broken_off");
    ground.proxy.expect_no_panic();
}
