//! Every packet in every state before the login is done (wire.md A22, A23; PgBouncer CVE-2026-107350): refused, and
//! nobody's identity but the first claim's counts.

use std::sync::{Mutex, PoisonError};

use rolecall_protocol::auth::caching_sha2;
use rolecall_tests::StatementCounts;
use rolecall_tests::raw::{Client, LoginOptions, any_certificate, encrypt_with_pem};

use crate::ground::{Ending, Ground, PASSWORD, USER, Witness, account, greeted, grounds, response, wrong};
use crate::packets::{OTHER, OTHER_PASSWORD, other, packets};

/// Where the connection phase stands with a client that has not proven anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The greeting was sent.
    Greeted,
    /// The client has asked for TLS.
    TlsRequested,
    /// TLS stands; the login proper has to come.
    InsideTls,
    /// The proxy has asked for another plugin's answer.
    Switched,
    /// The proxy has asked for the password itself, in a plain channel.
    PasswordAsked,
    /// The proxy has sent its public key.
    KeySent,
    /// The proxy has asked for the password itself, inside TLS.
    PasswordAskedInsideTls,
    /// The login was refused.
    Refused,
}

const STATES: [State; 8] = [
    State::Greeted,
    State::TlsRequested,
    State::InsideTls,
    State::Switched,
    State::PasswordAsked,
    State::KeySent,
    State::PasswordAskedInsideTls,
    State::Refused,
];

/// A connection in this state, as [`USER`] with a wrong password.
fn client_in(state: State, ground: &Ground) -> Client {
    let mut options = wrong();
    options.tls = matches!(state, State::TlsRequested | State::InsideTls | State::PasswordAskedInsideTls);
    if state == State::Switched {
        options.plugin = "mysql_native_password".into();
    }
    let mut client = greeted(ground.proxy.address(), &options);
    if options.tls {
        let request = client.head(&options).encode();
        client.send_packet(&request);
    }
    if matches!(state, State::InsideTls | State::PasswordAskedInsideTls) {
        client.stream.start_tls(any_certificate(rustls::ALL_VERSIONS)).expect("TLS");
    }
    if matches!(state, State::Greeted | State::TlsRequested | State::InsideTls) {
        return client;
    }
    let login = response(&client, &options);
    client.send_packet(&login);
    let asked = client.read_packet().expect("a question").payload;
    if state == State::Switched {
        assert_eq!(asked[0], 0xFE, "AuthSwitchRequest");
        return client;
    }
    assert_eq!(asked, [0x01, caching_sha2::PERFORM_FULL_AUTHENTICATION]);
    if matches!(state, State::KeySent | State::Refused) {
        client.send_packet(&[caching_sha2::REQUEST_PUBLIC_KEY]);
        let key = client.read_packet().expect("a key").payload;
        assert_eq!(key[0], 0x01);
        if state == State::Refused {
            let scramble = client.greeting.as_ref().expect("read").scramble;
            client.send_packet(&encrypt_with_pem(&key[1..], &caching_sha2::cover(b"wrong\0", &scramble)));
            assert_eq!(client.read_packet().expect("a refusal").payload[0], 0xFF);
        }
    }
    client
}

/// Sends one packet in `state`, and sees it refused.
fn expect_refused(state: State, mut client: Client, what: &str, payload: &[u8]) {
    let what = format!("{what} in state {state:?}");
    client.send_packet(payload);
    let ending = Ending::of(&mut client);
    match state {
        // What is no TLS record ends in an alert of TLS or in nothing; a login was refused before.
        State::TlsRequested | State::Refused => ending.expect_no_ok(&what),
        // 32 bytes by chance: now and then they ask for TLS.
        State::Greeted if payload.len() == 32 => ending.expect_no_ok(&what),
        _ => {
            ending.expect_no_ok(&what);
            // An error, or a question that only the right password answers.
            let last = ending.packets.last().unwrap_or_else(|| panic!("{what}: nothing was said"));
            assert!(
                ending.error().is_some() || last == &[1, caching_sha2::PERFORM_FULL_AUTHENTICATION],
                "{what}: {last:02x?}"
            );
        }
    }
}

/// What is right in its state, and so no part of the matrix.
fn is_legal(state: State, what: &str) -> bool {
    match state {
        State::Greeted => matches!(what, "SSLRequest" | "HandshakeResponse of another user"),
        State::InsideTls => what == "HandshakeResponse of another user",
        _ => false,
    }
}

/// Makes the proxy know and believe [`OTHER`].
fn prepare(ground: &Ground) {
    static PREPARED: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    if !prepared.contains(&ground.proxy.pid()) {
        account(&ground.server, OTHER, OTHER_PASSWORD);
        ground.proxy.login(&other()).run("select 1");
        // A server counts a statement after it has answered it.
        while StatementCounts::read(&ground.server, OTHER).of("sql/select") == 0 {
            std::thread::yield_now();
        }
        prepared.push(ground.proxy.pid());
    }
}

/// Nothing was executed: not in the name of the other user, whose proof was at hand, and no schema is gone.
fn expect_nothing_happened(ground: &Ground, before: &StatementCounts) {
    let mut executed = StatementCounts::read(&ground.server, OTHER).since(before);
    executed.remove("com/Quit");
    assert!(executed.is_empty(), "{executed:?}");
    let mut client = ground.proxy.login(&LoginOptions::new(USER, PASSWORD).database(USER));
    assert_eq!(client.run("select current_user()").value(), format!("{USER}@%"));
}

#[test]
fn a22_a23_every_packet_of_the_protocol_in_every_state_before_the_login_is_done() {
    for ground in grounds() {
        prepare(ground);
        let before = StatementCounts::read(&ground.server, OTHER);
        let mut witness = Witness::new(&ground.proxy);
        for state in STATES {
            let count = packets(&client_in(state, ground)).len();
            for number in 0..count {
                let client = client_in(state, ground);
                let (what, payload) = packets(&client).swap_remove(number);
                if !is_legal(state, what) {
                    expect_refused(state, client, what, &payload);
                }
            }
            witness.goes_on();
        }
        expect_nothing_happened(ground, &before);
    }
}

#[test]
fn a23_every_command_byte_in_every_state_before_the_login_is_done() {
    for ground in grounds() {
        prepare(ground);
        let before = StatementCounts::read(&ground.server, OTHER);
        let mut witness = Witness::new(&ground.proxy);
        for state in STATES {
            let slow =
                matches!(state, State::InsideTls | State::PasswordAskedInsideTls | State::KeySent | State::Refused);
            for byte in 0..=0xFF {
                // Where a state is dear to come to: what means something, and some that does not.
                if slow && (0x22..0xF8).contains(&byte) && byte % 32 != 0 {
                    continue;
                }
                // The request for the key is legal there; what follows it is another state.
                if state == State::PasswordAsked && byte == caching_sha2::REQUEST_PUBLIC_KEY {
                    continue;
                }
                expect_refused(state, client_in(state, ground), &format!("the byte {byte:#04x}"), &[byte]);
            }
            witness.goes_on();
        }
        expect_nothing_happened(ground, &before);
    }
}

#[test]
fn f9_a_wrong_sequence_id_in_every_state_before_the_login_is_done() {
    for ground in grounds() {
        prepare(ground);
        for state in STATES {
            let mut client = client_in(state, ground);
            client.sequence.0 = client.sequence.0.wrapping_add(3);
            let login = response(&client, &other());
            client.send_packet(&login);
            let ending = Ending::of(&mut client);
            if matches!(state, State::TlsRequested | State::Refused) {
                ending.expect_no_ok(&format!("{state:?}"));
            } else {
                assert_eq!(ending.expect_refusal(&format!("{state:?}")).code, 1156, "{state:?}");
            }
        }
        ground.proxy.expect_no_panic();
    }
}

#[test]
fn a22_what_is_glued_behind_a_right_login_is_never_executed() {
    for ground in grounds() {
        prepare(ground);
        ground.server.run(&format!("create table {USER}.glued (a int)"));
        let insert = format!("\x03insert into {USER}.glued values (1)");
        let second = |client: &Client| response(client, &LoginOptions::new(USER, PASSWORD));
        for what in ["a command", "a second login"] {
            let mut client = greeted(ground.proxy.address(), &other());
            let login = response(&client, &other());
            let behind = if what == "a command" { insert.clone().into_bytes() } else { second(&client) };
            let mut bytes = Vec::new();
            let mut sequence = client.sequence;
            rolecall_protocol::packet::put_packet(&mut bytes, &mut sequence, &login);
            if what == "a command" {
                sequence.0 = 0;
            }
            rolecall_protocol::packet::put_packet(&mut bytes, &mut sequence, &behind);
            client.send_raw(&bytes, true);
            // The first login may succeed; then the connection closes.
            let ending = Ending::without_waiting(&mut client);
            assert!(ending.packets.iter().filter(|payload| payload[0] == 0).count() <= 1, "{what}: {ending:?}");
            ground.proxy.expect_no_panic();
        }
        assert_eq!(ground.server.value(&format!("select count(*) from {USER}.glued")), "0");
    }
}
