//! A server, or somebody in front of it, that misbehaves while the proxy logs in (threats.md 3 and 4).

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{From, MiddleBox, Moment, Verdict, packet};
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, free_port};

use crate::ground::{USER, Witness, account, ground};

const PASSWORD: &str = "what a rogue would like to have";

/// What becomes of the server's packets, by the name of the user that logs in.
fn meddle(moment: &Moment) -> Verdict {
    let Some(word) = moment.user.strip_prefix("rogue_") else { return Verdict::Pass };
    // The greeting is passed: whose login it is is not known then.
    if moment.from == From::Client || moment.index == 0 || moment.logged_in {
        return Verdict::Pass;
    }
    match (word, moment.index) {
        ("asks_clear", 1) => Verdict::Instead(moment.packet(b"\xfemysql_clear_password\0")),
        ("asks_old", 1) => Verdict::Instead(moment.packet(b"\xfe")),
        ("asks_unknown", 1) => Verdict::Instead(moment.packet(b"\xfeauthentication_kerberos_client\0abc")),
        ("asks_dialog", 1) => Verdict::Instead(moment.packet(b"\xfedialog\0\x04Password: ")),
        ("short_scramble", 1) => Verdict::Instead(moment.packet(b"\xfecaching_sha2_password\0abc")),
        ("switches_for_ever", _) => {
            Verdict::Instead(moment.packet(b"\xfemysql_native_password\0aaaaaaaaaaaaaaaaaaaa\0"))
        }
        ("asks_for_ever", _) => Verdict::Instead(many(moment, &[1, 4], 40)),
        ("says_fast_for_ever", _) => Verdict::Instead(many(moment, &[1, 3], 40)),
        ("next_factor", 1) => Verdict::Instead(moment.packet(b"\x02mysql_clear_password\0")),
        ("key_unasked", 1) => Verdict::Instead(moment.packet(b"\x01-----BEGIN PUBLIC KEY-----\n")),
        ("key_is_none", 2) => {
            Verdict::Instead(moment.packet(b"\x01-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
        }
        // A21: data of a plugin that looks like OK, EOF or ERR.
        ("more_like_ok", 1) => Verdict::Last(moment.packet(b"\x01\0\0\0\x02\0\0\0")),
        ("more_like_eof", 1) => Verdict::Last(moment.packet(b"\x01\xfe\0\0\x02\0")),
        ("more_like_error", 1) => Verdict::Last(moment.packet(b"\x01\xff\x15\x04#28000not an error")),
        ("cut_ok", 1) => Verdict::Last(moment.packet(&[0])),
        ("empty", 1) => Verdict::Last(moment.packet(&[])),
        ("error_is_empty", 1) => Verdict::Last(moment.packet(&[0xFF])),
        ("error_without_state", 1) => Verdict::Last(moment.packet(b"\xff\x15\x04denied")),
        ("large", 1) => Verdict::Last(vec![0xFE, 0xFF, 0xFF, 2, 0xFE]),
        ("wrong_id", 1) => Verdict::Instead(packet(moment.sequence + 1, &moment.payload)),
        ("hangs_up", 1) => Verdict::Last(Vec::new()),
        ("is_silent", 1) => Verdict::Silence,
        ("glues", 1) => Verdict::Last([moment.packet(b"\0\0\0\x02\0\0\0"), packet(0, b"\xff\x15\x04no")].concat()),
        ("asks_file", 1) => Verdict::Last(moment.packet(b"\xfb/etc/passwd")),
        _ => Verdict::Pass,
    }
}

fn many(moment: &Moment, payload: &[u8], count: u8) -> Vec<u8> {
    (0..count).flat_map(|number| packet(moment.sequence.wrapping_add(number), payload)).collect()
}

struct Rogue {
    middle: MiddleBox,
    proxy: Proxy,
}

fn rogue() -> &'static Rogue {
    static ROGUE: OnceLock<Rogue> = OnceLock::new();
    ROGUE.get_or_init(|| {
        let middle = MiddleBox::start(ground().server.address(), meddle);
        let configuration = "backend: {tls: {mode: off}, public_key: {ask: true}, connect_timeout: 2s}\n".into();
        let backends = vec![middle.address()];
        let proxy = Proxy::start([], &ProxyOptions { backends, configuration, ..ProxyOptions::default() });
        Rogue { middle, proxy }
    })
}

/// How a login of this user ends, and how long it took.
fn login(word: &str) -> (Option<(u16, String)>, Duration) {
    let started = Instant::now();
    let mut client = Client::connect(rogue().proxy.address()).expect("a connection");
    let outcome = client.log_in(&LoginOptions::new(&format!("rogue_{word}"), PASSWORD));
    let error = outcome.err().map(|error| (error.code, String::from_utf8_lossy(&error.message).into_owned()));
    (error, started.elapsed())
}

#[test]
fn what_no_server_may_say_during_a_login_ends_in_an_error_that_says_what() {
    let rogue = rogue();
    let mut witness = Witness::new(&rogue.proxy);
    let cases = [
        ("asks_clear", "mysql_clear_password towards the server"),
        ("asks_old", ""),
        ("asks_unknown", "authentication plugin at the server; use"),
        ("asks_dialog", "authentication plugin at the server; use"),
        ("short_scramble", "scramble"),
        ("switches_for_ever", ""),
        ("asks_for_ever", ""),
        ("says_fast_for_ever", "without end"),
        ("next_factor", "multi-factor"),
        ("key_unasked", ""),
        ("key_is_none", "public key"),
        ("more_like_ok", ""),
        ("more_like_eof", ""),
        ("more_like_error", ""),
        ("cut_ok", "malformed"),
        ("empty", "malformed"),
        ("error_is_empty", "malformed"),
        ("large", "too large"),
        ("wrong_id", "out of order"),
        ("hangs_up", "unexpected end of file"),
        ("is_silent", "within 2s"),
        ("glues", "bytes behind the login's OK"),
        ("asks_file", "malformed"),
    ];
    for (word, says) in cases {
        account(&ground().server, &format!("rogue_{word}"), PASSWORD);
        let (error, took) = login(word);
        let (code, text) = error.unwrap_or_else(|| panic!("{word}: logged in"));
        assert!(code == 1105 || code == 1045, "{word}: {code} {text}");
        assert!(text.contains(says), "{word}: {text}");
        assert!(!text.contains("not an error"), "{word}: {text}");
        assert!(took < Duration::from_secs(10), "{word}: {took:?}");
        witness.goes_on();
    }
    let rsa_only =
        |moment: &Moment| !moment.payload.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
    assert!(rogue.middle.seen(From::Client).iter().all(rsa_only), "a password went out in clear");
}

#[test]
fn q8_a_refusal_without_sqlstate_reaches_the_client_as_it_is() {
    account(&ground().server, "rogue_error_without_state", PASSWORD);
    let (error, _) = login("error_without_state");
    assert_eq!(error.expect("refused"), (1045, "denied".to_owned()));
}

/// Something at a server's address that greets as `bytes` say, and then nothing.
fn greeter(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST))).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut socket in listener.incoming().flatten() {
            let _ = socket.write_all(bytes);
            held.push(socket);
        }
    });
    address
}

#[test]
fn what_greets_otherwise_than_a_server_is_left_alone_and_named_in_the_log() {
    let greetings: [(&'static [u8], &str); 9] = [
        (b"", "firewall"),
        (b"\x16\0\0\0\xff\x10\x04Too many connections", "1040"),
        (b"\x4a\0\0\0\xff\x69\x04Host '127.0.0.1' is blocked because of many connection errors; unblock it.", "1129"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "MySQL or MariaDB server at this address"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "MySQL or MariaDB server at this address"),
        (b"\x05\0\0\0\x09ab\0\x01", "MySQL or MariaDB server at this address"),
        (b"\x01\0\0\0\x0a", "MySQL or MariaDB server at this address"),
        (b"\xff\xff\xff\0\x0a", "MySQL or MariaDB server at this address"),
        (b"\x01\0\0\x05\x0a", "MySQL or MariaDB server at this address"),
    ];
    let mut backends: Vec<_> = greetings.iter().map(|(bytes, _)| greeter(bytes)).collect();
    let configuration = "backend: {connect_timeout: 1s}\n".into();
    backends.push(ground().server.address());
    let options = ProxyOptions { backends: backends.clone(), configuration, ..ProxyOptions::default() };
    let proxy = Proxy::start([], &options);
    let mut witness = Witness::new(&proxy);
    let deadline = Instant::now() + Duration::from_secs(20);
    let line_of = |log: &str, address: &std::net::SocketAddr, says: &str| {
        log.lines().any(|line| line.contains(&address.to_string()) && line.contains(says))
    };
    for ((greeting, says), address) in greetings.iter().zip(&backends) {
        while !line_of(&proxy.log(), address, says) {
            let greeting = String::from_utf8_lossy(greeting);
            assert!(Instant::now() < deadline, "{address}, {greeting:?}, {says}:\n{}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        witness.goes_on();
    }
    assert_eq!(witness_user(&proxy), USER);
}

fn witness_user(proxy: &Proxy) -> String {
    proxy.login(&crate::ground::right()).run("select substring_index(user(), '@', 1)").value()
}
