use super::*;
use crate::auth::{AuthMoreData, AuthSwitchRequest, Password, Scramble, caching_sha2, ed25519, native};
use crate::handshake::{ChangeUser, FirstPacket, Greeting, HandshakeResponse};
use crate::{ProtocolError, StatusFlags};

const FIRST: Scramble = *b"abcdefghijklmnopqrst";
const FRESH: Scramble = *b"ABCDEFGHIJKLMNOPQRST";
const PEM: &[u8] = b"-----BEGIN PUBLIC KEY-----\n";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

/// "Encryption" that a reader can follow: the key's length and the plain text.
struct VisibleKey;

impl RsaEncrypt for VisibleKey {
    fn encrypt(&self, public_key_pem: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        Some([&[public_key_pem.len() as u8], plain].concat())
    }
}

fn under(public_key: &[u8], scramble: &Scramble) -> Vec<u8> {
    VisibleKey.encrypt(public_key, &caching_sha2::cover(b"secret\0", scramble)).expect("always")
}

fn login() -> Login {
    Login {
        user: b"app".to_vec(),
        credential: Credential::Password(Password::new(b"secret".to_vec())),
        database: Some(b"shop".to_vec()),
        capabilities: Capabilities::DEPRECATE_EOF | Capabilities::CONNECT_ATTRS,
        mariadb: MariadbCapabilities::empty(),
        collation: 255,
        attributes: b"\x01k\x01v".to_vec(),
        zstd_level: 3,
        tls: TlsWish::Preferred,
        server_key: ServerKey::Refuse,
        private_channel: false,
        allow_clear_password: false,
    }
}

fn greeting(without: Capabilities, plugin: &str) -> Vec<u8> {
    Greeting {
        server_version: b"9.7.0".to_vec(),
        connection_id: 8,
        scramble: FIRST,
        capabilities: Capabilities::all() - without,
        mariadb: MariadbCapabilities::empty(),
        collation: 255,
        status: StatusFlags::AUTOCOMMIT,
        plugin: plugin.into(),
    }
    .encode()
}

fn plain_greeting() -> Vec<u8> {
    greeting(Capabilities::SSL, "caching_sha2_password")
}

fn sent(step: Result<ClientStep, ProtocolError>) -> Vec<u8> {
    match step.expect("an answer") {
        ClientStep::Send(payload) => payload.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn parsed(payload: &[u8]) -> HandshakeResponse {
    match FirstPacket::decode(payload, Capabilities::all() - Capabilities::SSL).expect("well formed") {
        FirstPacket::Login(response) => response,
        FirstPacket::Ssl(_) => panic!("an SSLRequest"),
    }
}

/// A login that stands behind its first answer in a plain channel.
fn answered(login: Login) -> ClientHandshake {
    let mut handshake = ClientHandshake::new(login);
    sent(handshake.handle(&plain_greeting(), &VisibleKey));
    handshake
}

/// The same inside TLS.
fn answered_in_tls(login: Login, verified: bool) -> ClientHandshake {
    let mut handshake = ClientHandshake::new(login);
    let step = handshake.handle(&greeting(Capabilities::empty(), "caching_sha2_password"), &VisibleKey);
    assert!(matches!(step, Ok(ClientStep::StartTls(ref request)) if request.len() == 32), "{step:?}");
    assert!(!handshake.tls_started(verified).is_empty());
    handshake
}

fn more(content: &[u8]) -> Vec<u8> {
    AuthMoreData(content).encode()
}

fn refused(step: Result<ClientStep, ProtocolError>, word: &str) {
    let error = step.expect_err("forbidden");
    assert!(matches!(error, ProtocolError::NotSupported { .. }) && error.to_string().contains(word), "{error}");
}

#[test]
fn a12_the_fast_path_ends_in_a_login_with_what_both_can_do() {
    let mut handshake = ClientHandshake::new(login());
    let response = parsed(&sent(handshake.handle(&plain_greeting(), &VisibleKey)));
    assert_eq!(*response.auth_response, caching_sha2::respond(b"secret", &FIRST));
    assert_eq!(response.database.as_deref(), Some(b"shop".as_slice()));
    assert_eq!(response.attributes, b"\x01k\x01v");
    assert!(matches!(handshake.handle(&more(&[3]), &VisibleKey), Ok(ClientStep::Read)));
    let Ok(ClientStep::Done(established)) = handshake.handle(OK, &VisibleKey) else { panic!("not logged in") };
    assert!(established.capabilities.contains(Capabilities::DEPRECATE_EOF | Capabilities::CONNECT_WITH_DB));
    assert!(!established.capabilities.intersects(Capabilities::SSL | Capabilities::MULTI_STATEMENTS));
    assert_eq!(established.channel, ServerChannel::Plain);
    assert!(handshake.handle(OK, &VisibleKey).is_err(), "the login is over");
}

#[test]
fn a_refusal_before_and_after_the_greeting_is_given_in_the_servers_words() {
    let mut handshake = ClientHandshake::new(login());
    let step = handshake.handle(b"\xFF\x10\x04Too many connections", &VisibleKey);
    assert!(matches!(step, Ok(ClientStep::Refused(ref error)) if error.code == 1040), "{step:?}");
    let step = answered(login()).handle(b"\xFF\x15\x04#28000Access denied", &VisibleKey);
    assert!(matches!(step, Ok(ClientStep::Refused(ref error)) if error.code == 1045), "{step:?}");
}

#[test]
fn tls_that_is_required_is_not_given_up_when_the_greeting_lacks_it() {
    let mut handshake = ClientHandshake::new(Login { tls: TlsWish::Required, ..login() });
    refused(handshake.handle(&plain_greeting(), &VisibleKey), "TLS");
}

#[test]
fn tls_is_not_started_where_it_is_off() {
    let mut handshake = ClientHandshake::new(Login { tls: TlsWish::Off, ..login() });
    let response = sent(handshake.handle(&greeting(Capabilities::empty(), "caching_sha2_password"), &VisibleKey));
    assert!(!parsed(&response).head.capabilities.contains(Capabilities::SSL));
}

#[test]
fn a13_full_authentication_inside_tls_gives_the_password() {
    for verified in [true, false] {
        let mut handshake = answered_in_tls(login(), verified);
        assert_eq!(sent(handshake.handle(&more(&[4]), &VisibleKey)), b"secret\0");
        let Ok(ClientStep::Done(established)) = handshake.handle(OK, &VisibleKey) else { panic!("not logged in") };
        assert_eq!(established.channel == ServerChannel::VerifiedTls, verified);
    }
    let mut handshake = answered(Login { private_channel: true, ..login() });
    assert_eq!(sent(handshake.handle(&more(&[4]), &VisibleKey)), b"secret\0");
}

#[test]
fn full_authentication_in_a_plain_channel_follows_the_key_policy() {
    refused(answered(login()).handle(&more(&[4]), &VisibleKey), "pin its public key");
    let pinned = Login { server_key: ServerKey::Pinned(b"pinned".to_vec()), ..login() };
    assert_eq!(sent(answered(pinned.clone()).handle(&more(&[4]), &VisibleKey)), under(b"pinned", &FIRST));
    let mut ask = answered(Login { server_key: ServerKey::Ask, ..login() });
    assert_eq!(sent(ask.handle(&more(&[4]), &VisibleKey)), [2]);
    assert_eq!(sent(ask.handle(&more(PEM), &VisibleKey)), under(PEM, &FIRST));
    assert!(matches!(ask.handle(OK, &VisibleKey), Ok(ClientStep::Done(_))));
    let mut pushed = answered(pinned);
    assert!(pushed.handle(&more(PEM), &VisibleKey).is_err(), "a key that nobody asked for");
}

#[test]
fn a17_sha256_password_wants_rsa_on_a_unix_socket_too() {
    let mut handshake = answered(Login { private_channel: true, ..login() });
    let switch = AuthSwitchRequest::encode("sha256_password", &FRESH);
    assert_eq!(sent(handshake.handle(&switch, &VisibleKey)), [1]);
    assert_eq!(sent(handshake.handle(&more(PEM), &VisibleKey)), under(PEM, &FRESH));
    let mut handshake = answered_in_tls(login(), false);
    assert_eq!(sent(handshake.handle(&switch, &VisibleKey)), b"secret\0");
}

#[test]
fn a11_the_server_may_switch_and_each_plugin_answers_its_own_way() {
    let switch =
        |plugin: &str, login: Login| answered(login).handle(&AuthSwitchRequest::encode(plugin, &FRESH), &VisibleKey);
    assert_eq!(sent(switch("caching_sha2_password", login())), caching_sha2::respond(b"secret", &FRESH));
    let hash = native::hash(b"secret");
    assert_eq!(sent(switch("mysql_native_password", login())), native::respond(&hash, &FRESH));
    let by_hash = Login { credential: Credential::NativeHash(hash.clone()), ..login() };
    assert_eq!(sent(switch("mysql_native_password", by_hash.clone())), native::respond(&hash, &FRESH));
    refused(switch("caching_sha2_password", by_hash), "mysql_native_password hash");
    refused(switch("parsec", login()), "plugin");
    refused(switch("sha256_password", login()), "plain channel");
    let pinned = Login { server_key: ServerKey::Pinned(b"pinned".to_vec()), ..login() };
    assert_eq!(sent(switch("sha256_password", pinned)), under(b"pinned", &FRESH));
    let ask = Login { server_key: ServerKey::Ask, ..login() };
    assert_eq!(sent(switch("sha256_password", ask)), [1]);
    let short = b"\xFEcaching_sha2_password\0nineteen bytes only";
    assert!(answered(login()).handle(short, &VisibleKey).is_err());
}

#[test]
fn a19_ed25519_signs_all_32_bytes_of_the_nonce() {
    let mut nonce = [9; 32];
    nonce[31] = 0;
    let request = [b"\xFEclient_ed25519\0".as_slice(), &nonce].concat();
    let reply = sent(answered(login()).handle(&request, &VisibleKey));
    assert_eq!(reply, ed25519::respond(b"secret", &nonce));
    assert!(answered(login()).handle(&request[..request.len() - 1], &VisibleKey).is_err());
}

#[test]
fn a16_an_empty_password_is_answered_with_nothing() {
    let empty = Login { credential: Credential::Password(Password::new(Vec::new())), ..login() };
    let mut handshake = ClientHandshake::new(empty.clone());
    assert!(parsed(&sent(handshake.handle(&plain_greeting(), &VisibleKey))).auth_response.is_empty());
    let switch = AuthSwitchRequest::encode("mysql_native_password", &FRESH);
    assert!(sent(handshake.handle(&switch, &VisibleKey)).is_empty());
    let switch = AuthSwitchRequest::encode("sha256_password", &FRESH);
    assert_eq!(sent(answered(empty).handle(&switch, &VisibleKey)), [0]);
}

#[test]
fn a18_a_clear_password_goes_out_only_where_allowed_inside_verified_tls() {
    let request = b"\xFEmysql_clear_password\0".as_slice();
    let allowed = Login { allow_clear_password: true, ..login() };
    refused(answered(allowed.clone()).handle(request, &VisibleKey), "mysql_clear_password");
    refused(answered_in_tls(allowed.clone(), false).handle(request, &VisibleKey), "mysql_clear_password");
    refused(answered_in_tls(login(), true).handle(request, &VisibleKey), "mysql_clear_password");
    assert_eq!(sent(answered_in_tls(allowed, true).handle(request, &VisibleKey)), b"secret\0");
}

#[test]
fn old_passwords_and_second_factors_are_refused_clearly() {
    refused(answered(login()).handle(&[0xFE], &VisibleKey), "mysql_old_password");
    refused(answered(login()).handle(b"\x02authentication_webauthn_client\0", &VisibleKey), "factor");
}

#[test]
fn a_server_that_never_ends_is_left() {
    let mut handshake = answered(login());
    let request = AuthSwitchRequest::encode("mysql_native_password", &FRESH);
    let ended = (0..100).find(|_| handshake.handle(&request, &VisibleKey).is_err());
    assert_eq!(ended, Some(8));
    let mut handshake = answered(login());
    let ended = (0..100).find(|_| handshake.handle(&more(&[3]), &VisibleKey).is_err());
    assert_eq!(ended, Some(5));
}

#[test]
fn a21_more_data_that_begins_like_ok_eof_or_err_is_not_taken_for_them() {
    for content in [&[0x00][..], &[0xFE], &[0xFF, 0x15, 0x04], OK] {
        let step = answered(login()).handle(&more(content), &VisibleKey);
        assert!(matches!(step, Err(ProtocolError::Malformed { .. })), "{step:?}");
    }
}

#[test]
fn a_greeting_with_another_default_plugin_is_answered_with_what_is_known() {
    let hash = native::hash(b"secret");
    for (plugin, answer) in [
        ("mysql_native_password", native::respond(&hash, &FIRST).to_vec()),
        ("sha256_password", caching_sha2::respond(b"secret", &FIRST).to_vec()),
        ("mysql_clear_password", caching_sha2::respond(b"secret", &FIRST).to_vec()),
        ("dialog", caching_sha2::respond(b"secret", &FIRST).to_vec()),
    ] {
        let mut handshake = ClientHandshake::new(login());
        let response = parsed(&sent(handshake.handle(&greeting(Capabilities::SSL, plugin), &VisibleKey)));
        assert_eq!(*response.auth_response, answer, "{plugin}");
    }
}

#[test]
fn mariadb_capabilities_are_asked_for_where_offered() {
    let greeting = Greeting {
        mariadb: MariadbCapabilities::STMT_BULK_OPERATIONS | MariadbCapabilities::PROGRESS,
        ..Greeting::decode(&greeting(Capabilities::SSL | Capabilities::LONG_PASSWORD, "mysql_native_password"))
            .expect("well formed")
    };
    let wanted = MariadbCapabilities::STMT_BULK_OPERATIONS | MariadbCapabilities::EXTENDED_METADATA;
    let mut handshake = ClientHandshake::new(Login { mariadb: wanted, ..login() });
    let payload = sent(handshake.handle(&greeting.encode(), &VisibleKey));
    let offered = Capabilities::all() - Capabilities::SSL - Capabilities::LONG_PASSWORD;
    let Ok(FirstPacket::Login(response)) = FirstPacket::decode(&payload, offered) else { panic!("no login") };
    assert_eq!(response.head.mariadb, MariadbCapabilities::STMT_BULK_OPERATIONS);
}

#[test]
fn a26_a_change_of_user_runs_through_the_same_switches() {
    let mut handshake = answered_in_tls(login(), true);
    let Ok(ClientStep::Done(connection)) = handshake.handle(OK, &VisibleKey) else { panic!("not logged in") };
    let other = Login { user: b"other".to_vec(), database: None, collation: 300, ..login() };
    let (mut handshake, payload) = ClientHandshake::change_user(other, &connection);
    let request = ChangeUser::decode(&payload[1..], connection.capabilities).expect("well formed");
    assert_eq!((payload[0], request.user.as_slice(), request.collation), (0x11, b"other".as_slice(), Some(300)));
    assert!(request.database.is_empty());
    let switch = AuthSwitchRequest::encode("caching_sha2_password", &FRESH);
    assert_eq!(sent(handshake.handle(&switch, &VisibleKey)), caching_sha2::respond(b"secret", &FRESH));
    assert_eq!(sent(handshake.handle(&more(&[4]), &VisibleKey)), b"secret\0", "the channel is still private");
    let Ok(ClientStep::Done(again)) = handshake.handle(OK, &VisibleKey) else { panic!("not logged in") };
    assert_eq!((again.capabilities, again.channel), (connection.capabilities, ServerChannel::VerifiedTls));
}

#[test]
fn nothing_secret_is_printed() {
    let mut handshake = answered_in_tls(login(), true);
    let step = handshake.handle(&more(&[4]), &VisibleKey);
    let printed = format!("{handshake:?} {step:?} {:?}", login());
    assert!(!printed.contains("secret") && !printed.contains("115, 101, 99"), "{printed}");
}
