//! A server, or somebody in front of it, that answers commands with what no server may say (threats.md 4). A real
//! server is behind; single packets of its replies are replaced.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rolecall_protocol::Capabilities;
use rolecall_protocol::wire::Put;
use rolecall_tests::middle_box::{From, MiddleBox, Moment, Verdict, packet};
use rolecall_tests::raw::{Client, Kind, LoginOptions, Part, Reply};
use rolecall_tests::{Proxy, ProxyOptions};

use crate::ground::{USER, Witness, ground, right};

/// Names what the box does to the reply of a statement whose text has this in front of it.
const MARK: &str = "/* rogue: ";

/// The replies' replacements, by the word behind the mark.
fn meddle(moment: &Moment) -> Verdict {
    let text = moment.text();
    let Some(word) = text.split(MARK).nth(1).and_then(|rest| rest.split(' ').next()) else { return Verdict::Pass };
    if moment.from == From::Client {
        return Verdict::Pass;
    }
    match (word, moment.index) {
        ("no-columns", 0) => Verdict::Instead(moment.packet(&[0xFC, 0, 0])),
        ("many-columns", 0) => Verdict::Instead(moment.packet(&[0xFD, 0, 0, 1])),
        ("all-columns", 0) => Verdict::Instead(moment.packet(&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        ("cut-column-count", 0) => Verdict::Instead(moment.packet(&[0xFC, 1])),
        ("more-columns", 0) => Verdict::Instead(moment.packet(&[5])),
        ("local-file", 0) => Verdict::Instead(moment.packet(b"\xfb/etc/passwd")),
        ("plain-error", 0) => Verdict::Last(moment.packet(b"\xff\x50\x04no state")),
        ("empty-error", 0) => Verdict::Last(moment.packet(&[0xFF])),
        ("cut-error", 0) => Verdict::Last(moment.packet(&[0xFF, 0x50])),
        ("cut-ok", 0) => Verdict::Last(moment.packet(&[0x00])),
        ("lying-ok", 0) => Verdict::Last(moment.packet(b"\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0")),
        ("lying-state", 0) => {
            Verdict::Last(moment.packet(b"\0\0\0\x02\x40\0\0\0\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff"))
        }
        ("empty-packet", 0) => Verdict::Last(moment.packet(&[])),
        ("wrong-id", 0) => Verdict::Instead(packet(moment.sequence + 7, &moment.payload)),
        ("glued", 0) => Verdict::Instead([moment.packet(&moment.payload), packet(2, b"\0\0\0\x02\0\0\0")].concat()),
        ("hangs-up-first", 0) | ("hangs-up-in-columns", 1) | ("hangs-up-in-rows", 4) => Verdict::Last(Vec::new()),
        ("half-a-header", 0) => Verdict::Last(vec![1, 0]),
        ("half-a-packet", 3) => Verdict::Last(moment.packet(&moment.payload)[..5].to_vec()),
        ("first-packet-never-ends", 0) => Verdict::Last([&[0xFE, 0xFF, 0xFF, 1, 0][..], &vec![0; 0xFF_FFFD]].concat()),
        ("error-never-ends", 0) => Verdict::Last([&[0xFE, 0xFF, 0xFF, 1, 0xFF][..], &vec![0; 0xFF_FFFD]].concat()),
        ("endless-row", 2) => Verdict::Last((3..13).flat_map(|id| packet(id, &vec![0xFD; 0xFF_FFFF])).collect()),
        ("eof-among-columns", 1) => Verdict::Last(moment.packet(&[0xFE, 0, 0, 2, 0])),
        ("prepared-cut", 0) => Verdict::Last(moment.packet(&[0, 1, 0, 0])),
        ("prepared-lies", 0) => Verdict::Last(moment.packet(b"\0\x01\0\0\0\xff\xff\xff\xff\0\0\0")),
        _ => Verdict::Pass,
    }
}

fn rogue() -> &'static Proxy {
    static ROGUE: OnceLock<Proxy> = OnceLock::new();
    ROGUE.get_or_init(behind_a_rogue)
}

fn behind_a_rogue() -> Proxy {
    let middle = MiddleBox::start(ground().server.address(), meddle);
    // In clear, or the box could not meddle; the key may be asked for, or nobody could log in in clear.
    let configuration = "backend: {tls: {mode: off}, public_key: {ask: true}}\n".into();
    let backends = vec![middle.address()];
    Proxy::start([], &ProxyOptions { backends, configuration, ..ProxyOptions::default() })
}

fn query(client: &mut Client, word: &str) -> Reply {
    client.query(format!("{MARK}{word} */ select 1 as a union all select 2"))
}

/// How a client is told that its server said nonsense: an error in the reply's place, or the end of its connection
/// where half of the reply has gone out.
fn expect_told(word: &str, options: &LoginOptions) {
    let proxy = rogue();
    let mut client = proxy.login(options);
    let started = Instant::now();
    let reply = query(&mut client, word);
    assert!(started.elapsed() < Duration::from_secs(15), "{word}: {:?}", started.elapsed());
    assert!(reply.ok().is_none(), "{word}: an OK in {reply:?}");
    match reply.error() {
        Some(error) => {
            assert!(!error.message.is_empty(), "{word}");
            // The session goes on with a new connection, as it was.
            assert_eq!(client.run("select database()").value(), USER, "{word}");
        }
        None => assert!(reply.closed, "{word}: {reply:?}"),
    }
    proxy.expect_no_panic();
}

#[test]
fn replies_that_no_server_may_give_end_in_an_error_and_in_nothing_else() {
    let mut witness = Witness::new(rogue());
    let words = [
        "no-columns",
        "many-columns",
        "all-columns",
        "cut-column-count",
        "local-file",
        "empty-error",
        "cut-error",
        "cut-ok",
        "lying-ok",
        "lying-state",
        "empty-packet",
        "wrong-id",
        "hangs-up-first",
        "hangs-up-in-columns",
        "hangs-up-in-rows",
        "half-a-header",
        "half-a-packet",
        "first-packet-never-ends",
        "error-never-ends",
        "more-columns",
        "eof-among-columns",
    ];
    for word in words {
        expect_told(word, &right());
        expect_told(word, &right().without(Capabilities::DEPRECATE_EOF));
        witness.goes_on();
    }
}

#[test]
fn q15_e7_no_file_is_asked_of_a_client_whose_statement_named_none() {
    // A client that would send any file: the request must not even reach it.
    for options in [right(), right().with(Capabilities::LOCAL_FILES)] {
        let mut client = rogue().login(&options);
        client.local_file = vec![b"secret".to_vec()];
        let reply = query(&mut client, "local-file");
        assert_eq!(reply.count(Part::LocalInfile), 0, "{reply:?}");
        assert!(reply.error().is_some() && client.local_file.len() == 1, "{reply:?}");
    }
}

#[test]
fn q8_an_error_without_sqlstate_is_an_error() {
    // PgBouncer CVE-2026-6666, of the same kind.
    let mut client = rogue().login(&right());
    let error = query(&mut client, "plain-error").error().expect("an ERR packet");
    assert_eq!((error.code, &error.message[..]), (1104, &b"no state"[..]));
    assert_eq!(client.run("select database()").value(), USER);
}

#[test]
fn x8_what_comes_behind_a_reply_is_not_the_next_ones() {
    for _ in 0..3 {
        let mut client = rogue().login(&right());
        let reply = query(&mut client, "glued");
        assert!(reply.ok().is_none(), "{reply:?}");
        if !reply.closed {
            assert_eq!(client.run("select 'mine'").value(), "mine");
            client.ping().expect_ok("ping");
        }
    }
    rogue().expect_no_panic();
}

#[test]
fn e19_a_row_without_end_passes_in_bounded_memory() {
    let proxy = behind_a_rogue();
    let mut client = proxy.login(&right());
    let before = proxy.memory().now;
    client.send_query(format!("{MARK}endless-row */ select 1 as a"));
    let bytes = client.stream.take_until_close().expect("the server hung up in the middle of a row");
    let grown = proxy.memory().now.saturating_sub(before);
    assert!(bytes.len() > 100 << 20, "{} bytes", bytes.len());
    assert!(grown < 16 << 20, "{grown} bytes of memory for {} bytes of a row", bytes.len());
}

#[test]
fn prepared_statements_whose_answer_lies() {
    let proxy = rogue();
    for word in ["prepared-cut", "prepared-lies"] {
        let mut client = proxy.login(&right());
        let reply = client.try_prepare(&format!("{MARK}{word} */ select ?"));
        assert!(reply.closed || reply.error().is_some(), "{word}: {reply:?}");
        proxy.expect_no_panic();
    }
    let mut payload = vec![0x04];
    payload.put_bytes_nul(b"nothing");
    assert!(proxy.login(&right()).command("field list", &payload, Kind::Columns).error().is_some());
}
