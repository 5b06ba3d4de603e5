//! Bytes that real clients and servers exchanged (`tests/captures/record` made the files), read and replayed.
//!
//! Accounts have the password `secret`. Proofs are recomputed from the scrambles in the files.

use rolecall_protocol::auth::{
    AuthExchange, AuthPlugin, AuthStep, AuthSwitchRequest, Channel, Credential, Known, Password, RsaDecrypt,
    caching_sha2, native,
};
use rolecall_protocol::compression::{Algorithm, Compressor, Decompressor};
use rolecall_protocol::handshake::{
    ChangeUser, ClientHandshake, ClientStep, Established, FirstPacket, Greeting, HandshakeResponse, Login, RsaEncrypt,
    ServerChannel, ServerKey, TlsWish,
};
use rolecall_protocol::packet::frame;
use rolecall_protocol::response::OkPacket;
use rolecall_protocol::statement::{ExecuteRequest, PrepareOk, QueryRequest, StatementId};
use rolecall_protocol::{Capabilities, MariadbCapabilities};
use zeroize::Zeroizing;

/// Both directions of one connection.
struct Capture {
    server: &'static [u8],
    client: &'static [u8],
}

macro_rules! capture {
    ($name:literal) => {
        Capture {
            server: include_bytes!(concat!("captures/", $name, "-server.bin")),
            client: include_bytes!(concat!("captures/", $name, "-client.bin")),
        }
    };
}

impl Capture {
    fn greeting(&self) -> Greeting {
        Greeting::decode(&packets(self.server)[0]).expect("a greeting")
    }

    fn login(&self) -> HandshakeResponse {
        let offered = self.greeting().capabilities - Capabilities::SSL;
        match FirstPacket::decode(&packets(self.client)[0], offered).expect("a login") {
            FirstPacket::Login(login) => login,
            FirstPacket::Ssl(_) => panic!("an SSLRequest"),
        }
    }
}

/// The payloads of all packets in `bytes`.
fn packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Ok(Some(framed)) = frame(bytes, usize::MAX) {
        out.push(framed.payload.into_owned());
        bytes = &bytes[framed.taken..];
    }
    out
}

/// What follows the first `count` packets.
fn behind(mut bytes: &[u8], count: usize) -> &[u8] {
    for _ in 0..count {
        bytes = &bytes[frame(bytes, usize::MAX).expect("a packet").expect("whole").taken..];
    }
    bytes
}

/// "Decrypts" every cipher text to the password under `scramble`.
struct Recorded {
    scramble: [u8; 20],
}

impl RsaDecrypt for Recorded {
    fn decrypt(&self, _: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Some(caching_sha2::cover(b"secret\0", &self.scramble))
    }
}

impl RsaEncrypt for Recorded {
    fn encrypt(&self, public_key_pem: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        public_key_pem.ends_with(b"-----END PUBLIC KEY-----\n").then(|| vec![0xCC; 256])
    }
}

fn secret() -> Credential {
    Credential::Password(Password::new(b"secret".to_vec()))
}

fn login_of(user: &str) -> Login {
    Login {
        user: user.into(),
        credential: secret(),
        database: Some(b"shop".to_vec()),
        capabilities: Capabilities::SESSION_TRACK | Capabilities::DEPRECATE_EOF,
        mariadb: MariadbCapabilities::empty(),
        collation: 255,
        attributes: Vec::new(),
        zstd_level: 3,
        tls: TlsWish::Off,
        server_key: ServerKey::Ask,
        private_channel: false,
        allow_clear_password: false,
    }
}

/// Feeds the server's packets to a login; gives what it sent, and its last step.
fn replay(capture: &Capture, login: Login) -> (Vec<Vec<u8>>, ClientStep) {
    let rsa = Recorded { scramble: capture.greeting().scramble };
    let mut handshake = ClientHandshake::new(login);
    let mut sent = Vec::new();
    for payload in packets(capture.server) {
        match handshake.handle(&payload, &rsa).expect("the server's packets are in order") {
            ClientStep::Send(payload) => sent.push(payload.to_vec()),
            ClientStep::Read => {}
            last => return (sent, last),
        }
    }
    panic!("the login does not end");
}

#[test]
fn greetings_are_read_and_written_byte_for_byte() {
    let mysql = capture!("mysql-9.7-caching-sha2-full");
    let greeting = mysql.greeting();
    assert_eq!(greeting.server_version, b"9.7.4-2");
    assert_eq!(greeting.plugin, b"caching_sha2_password");
    assert!(greeting.capabilities.contains(Capabilities::QUERY_ATTRIBUTES | Capabilities::SSL));
    assert_eq!(greeting.encode(), packets(mysql.server)[0]);
    let mariadb = capture!("mariadb-11.8-native");
    let greeting = mariadb.greeting();
    assert!(greeting.server_version.starts_with(b"11.8."));
    assert_eq!(greeting.plugin, b"mysql_native_password");
    assert!(greeting.mariadb.contains(MariadbCapabilities::STMT_BULK_OPERATIONS));
    assert_eq!(greeting.encode(), packets(mariadb.server)[0]);
}

#[test]
fn logins_of_both_clients_are_read_and_written_byte_for_byte() {
    for (capture, database) in [
        (capture!("mysql-9.7-caching-sha2-full"), true),
        (capture!("mysql-9.7-wrong-password"), false),
        (capture!("mysql-9.7-mariadb-client"), true),
        (capture!("mysql-9.7-zlib"), false),
        (capture!("mysql-9.7-zstd"), false),
        (capture!("mariadb-11.8-native"), true),
    ] {
        let login = capture.login();
        assert_eq!(login.encode(), packets(capture.client)[0]);
        assert_eq!(login.user, b"app");
        assert_eq!(login.database.as_deref(), database.then_some(b"shop".as_slice()));
        assert!(login.attributes.windows(7).any(|part| part == b"\x05Linux\x0C"), "{login:?}");
    }
    assert_eq!(capture!("mysql-9.7-zstd").login().zstd_level, 7);
    assert_eq!(capture!("mysql-9.7-zlib").login().zstd_level, 0);
}

#[test]
fn proofs_of_both_clients_are_accepted() {
    for capture in [capture!("mysql-9.7-caching-sha2-fast"), capture!("mysql-9.7-mariadb-client")] {
        let response = capture.login().auth_response;
        assert!(caching_sha2::verify(&response, &capture.greeting().scramble, b"secret"));
    }
    let wrong = capture!("mysql-9.7-wrong-password");
    assert!(!caching_sha2::verify(&wrong.login().auth_response, &wrong.greeting().scramble, b"secret"));
    let native = capture!("mariadb-11.8-native");
    let stored = native::stored_hash(&native::hash(b"secret"));
    let recovered = native::verify(&native.login().auth_response, &native.greeting().scramble, &stored);
    assert_eq!(recovered, Some(native::hash(b"secret")));
}

#[test]
fn a9_a_real_ssl_request_is_one() {
    let capture = capture!("mysql-9.7-tls");
    let request = &packets(&capture.client[..36])[0];
    let first = FirstPacket::decode(request, capture.greeting().capabilities).expect("well formed");
    let FirstPacket::Ssl(head) = first else { panic!("{first:?}") };
    assert_eq!(head.encode(), *request);
    assert_eq!(capture.client[36], 0x16, "TLS begins right behind it");
}

#[test]
fn a12_the_fast_path_is_answered_as_the_server_answered_it() {
    let capture = capture!("mysql-9.7-caching-sha2-fast");
    let greeting = capture.greeting();
    let (_, step) = AuthExchange::start(
        Some(AuthPlugin::CachingSha2Password),
        &capture.login().auth_response,
        &greeting.scramble,
        [1; 20],
        Some(secret()),
        Channel::Plain { public_key: b"unused" },
    )
    .expect("well formed");
    let AuthStep::Proven { before_ok, credential } = step else { panic!("{step:?}") };
    assert!(credential == secret());
    assert_eq!(before_ok.as_ref(), packets(capture.server).get(1));
}

#[test]
fn a14_the_full_path_is_answered_as_the_server_answered_it() {
    let capture = capture!("mysql-9.7-caching-sha2-full");
    let (server, client) = (packets(capture.server), packets(capture.client));
    let key = Recorded { scramble: capture.greeting().scramble };
    let channel = Channel::Plain { public_key: &server[2][1..] };
    let (mut exchange, step) = AuthExchange::start(
        Some(AuthPlugin::CachingSha2Password),
        &capture.login().auth_response,
        &key.scramble,
        [1; 20],
        Known::Nothing,
        channel,
    )
    .expect("well formed");
    assert!(matches!(step, AuthStep::Send(ref sent) if *sent == server[1]), "{step:?}");
    let step = exchange.handle(&client[1], channel, &key).expect("well formed");
    assert!(matches!(step, AuthStep::Send(ref sent) if *sent == server[2]), "{step:?}");
    let step = exchange.handle(&client[2], channel, &key).expect("well formed");
    assert!(matches!(step, AuthStep::Learnt(ref credential) if *credential == secret()), "{step:?}");
}

#[test]
fn our_logins_follow_each_server_as_its_own_client_did() {
    for (capture, user) in [
        (capture!("mysql-9.7-caching-sha2-full"), "app"),
        (capture!("mysql-9.7-caching-sha2-fast"), "app"),
        (capture!("mysql-9.7-sha256"), "old"),
        (capture!("mariadb-11.8-native"), "app"),
        (capture!("mariadb-11.8-ed25519"), "ed"),
    ] {
        let (sent, last) = replay(&capture, login_of(user));
        let ClientStep::Done(established) = last else { panic!("{user}: {last:?}") };
        assert_eq!(established.channel, ServerChannel::Plain);
        let theirs = packets(capture.client);
        let offered = capture.greeting().capabilities - Capabilities::SSL;
        let Ok(FirstPacket::Login(ours)) = FirstPacket::decode(&sent[0], offered) else { panic!("{user}: no login") };
        assert_eq!(ours.auth_response, capture.login().auth_response, "{user}");
        // What follows is the same but for the cipher text, which is random.
        for (ours, theirs) in sent[1..].iter().zip(&theirs[1..]) {
            assert_eq!(ours.len(), theirs.len(), "{user}");
            assert!(ours == theirs || *ours == [0xCC; 256], "{user}");
        }
    }
}

#[test]
fn a_real_refusal_is_given_in_the_servers_words() {
    let (_, last) = replay(&capture!("mysql-9.7-wrong-password"), login_of("app"));
    let ClientStep::Refused(error) = last else { panic!("{last:?}") };
    assert_eq!((error.code, error.sql_state), (1045, Some(*b"28000")));
    assert!(error.message.starts_with(b"Access denied for user 'app'@"));
}

#[test]
fn a26_a_change_of_user_runs_as_the_server_ran_it() {
    let capture = capture!("mysql-9.7-change-user");
    let (server, client) = (packets(capture.server), packets(capture.client));
    let greeting = capture.greeting();
    let capabilities = capture.login().head.capabilities;
    let request = ChangeUser::decode(&client[1][1..], capabilities).expect("well formed");
    assert_eq!((request.user.as_slice(), request.collation), (b"nopass".as_slice(), Some(255)));
    assert_eq!(request.encode(capabilities), client[1]);
    let switch = AuthSwitchRequest::decode(&server[2]).expect("well formed");
    assert_eq!((switch.plugin, switch.data.len()), (b"caching_sha2_password".as_slice(), 21));
    let connection = Established {
        ok: OkPacket::decode(&server[1], capabilities).expect("well formed"),
        greeting,
        capabilities,
        mariadb: MariadbCapabilities::empty(),
        channel: ServerChannel::Plain,
    };
    let login =
        Login { credential: Credential::Password(Password::new(Vec::new())), database: None, ..login_of("nopass") };
    let (mut handshake, payload) = ClientHandshake::change_user(login, &connection);
    assert_eq!(payload, client[1]);
    let rsa = Recorded { scramble: [0; 20] };
    let step = handshake.handle(&server[2], &rsa).expect("well formed");
    assert!(matches!(step, ClientStep::Send(ref payload) if **payload == client[2]), "{step:?}");
    let step = handshake.handle(&server[3], &rsa).expect("well formed");
    assert!(matches!(step, ClientStep::Done(_)), "{step:?}");
}

#[test]
fn b22_attributes_and_executions_that_the_server_accepted_are_read() {
    let capture = capture!("mysql-9.7-statements");
    let (server, client) = (packets(capture.server), packets(capture.client));
    let capabilities = capture.login().head.capabilities;
    let query = QueryRequest::read(&client[1], capabilities).expect("well formed");
    assert_eq!(query.sql(), b"SELECT mysql_query_attribute_string('rolecall')");
    assert_eq!(query.attribute(b"rolecall"), Some(b"primary".as_slice()));
    assert_eq!(query.attribute(b"n"), None, "a number");
    assert_eq!(server[4], b"\x07primary", "the server found it too");
    let ok = PrepareOk::decode(&server[6], capabilities).expect("well formed");
    assert_eq!((ok.statement, ok.params, ok.columns), (StatementId(1), 2, 1));
    assert!(ok.metadata_follows);
    let nowhere = |_: usize| false;
    let bound = ExecuteRequest::read(&client[3], ok.params, capabilities).expect("well formed");
    assert_eq!((bound.statement(), bound.parameter_count(), bound.needs_types()), (StatementId(1), 3, false));
    assert_eq!(bound.attribute(b"k", &nowhere), Some(b"value".as_slice()));
    // Without types, and with those of the execution before: this makes it whole again.
    let unbound = ExecuteRequest::read(&client[4], ok.params, capabilities).expect("well formed");
    assert!(unbound.needs_types());
    assert_eq!(unbound.with_types(bound.types().expect("bound")).expect("they fit"), client[3]);
    let plain = ExecuteRequest::read(&client[5], ok.params, capabilities).expect("well formed");
    assert!(plain.check_values(&[], &nowhere).is_ok());
    let stripped = bound.strip_attributes(2, &[], &nowhere).expect("well formed");
    let expected = b"\x17\x01\0\0\0\x00\x01\0\0\0\x02\x01\xFE\0\x03\0\x02hi";
    assert_eq!(stripped, expected);
}

#[test]
fn z6_compressed_statements_and_results_of_both_algorithms_are_read() {
    for (capture, algorithm) in
        [(capture!("mysql-9.7-zlib"), Algorithm::Zlib), (capture!("mysql-9.7-zstd"), Algorithm::Zstd(7))]
    {
        // Compression begins behind the server's OK: greeting, fast auth ok, OK; the client has sent its login alone.
        let (server, client) = (behind(capture.server, 3), behind(capture.client, 1));
        let statements = packets(&content(algorithm, client));
        let capabilities = capture.login().head.capabilities;
        let sql: Vec<&[u8]> = statements
            .iter()
            .filter(|payload| payload[0] == 0x03)
            .map(|payload| QueryRequest::read(payload, capabilities).expect("well formed").sql())
            .collect();
        assert!(sql.contains(&b"SELECT REPEAT('x', 100000)".as_slice()), "{sql:?}");
        assert!(sql.contains(&b"SELECT 2".as_slice()));
        let results = content(algorithm, server);
        assert!(server.len() < 1000 && results.len() > 100_000);
        assert!(packets(&results).iter().any(|row| row.len() == 100_004 && row.ends_with(b"xxx")));
        // What we compress reads as what they compressed.
        let mut ours = Vec::new();
        Compressor::new(algorithm).compress(&results, &mut ours);
        assert_eq!(content(algorithm, &ours), results);
    }
}

/// The content of all frames of several commands.
fn content(algorithm: Algorithm, frames: &[u8]) -> Vec<u8> {
    let mut decompressor = Decompressor::new(algorithm);
    let mut out = Vec::new();
    let mut rest = frames;
    while !rest.is_empty() {
        // Each command's ids follow the other direction's, which is not replayed here: one frame, then anew.
        let length = 7 + (usize::from(rest[0]) | usize::from(rest[1]) << 8 | usize::from(rest[2]) << 16);
        let mut frame = rest[..length].to_vec();
        frame[3] = 0;
        decompressor.decompress(&frame, &mut out, usize::MAX).expect("well formed");
        rest = &rest[length..];
    }
    out
}
