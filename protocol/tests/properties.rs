//! What must hold for every value: round trips, and both sides of a login against each other.

use proptest::collection::vec;
use proptest::prelude::*;
use rolecall_protocol::auth::{
    AuthExchange, AuthPlugin, AuthStep, Channel, Credential, Known, Password, RsaDecrypt, native,
};
use rolecall_protocol::compression::{Algorithm, Compressor, Decompressor};
use rolecall_protocol::handshake::{
    ChangeUser, ClientHandshake, ClientStep, FirstPacket, Greeting, HandshakeResponse, Login, RsaEncrypt, ServerKey,
    SslRequest, TlsWish,
};
use rolecall_protocol::statement::{ExecuteRequest, QueryRequest};
use rolecall_protocol::wire::Put;
use rolecall_protocol::{Capabilities, MariadbCapabilities, StatusFlags};
use zeroize::Zeroizing;

const FIRST: [u8; 20] = *b"abcdefghijklmnopqrst";
const FRESH: [u8; 20] = *b"ABCDEFGHIJKLMNOPQRST";
const PEM: &[u8] = b"-----BEGIN PUBLIC KEY-----\n";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

/// Bytes without a NUL, as names and passwords are.
fn text(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(1_u8..=255, length)
}

/// Capabilities of a 4.1 login; what is not about its layout comes or not.
fn capabilities() -> impl Strategy<Value = Capabilities> {
    any::<u32>().prop_map(|bits| (Capabilities::from_bits_retain(bits) | Capabilities::PROTOCOL_41) - Capabilities::SSL)
}

fn attributes() -> impl Strategy<Value = Vec<u8>> {
    vec((vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..300)), 0..6).prop_map(|pairs| {
        let mut out = Vec::new();
        for (name, value) in pairs {
            out.put_bytes_lenenc(&name);
            out.put_bytes_lenenc(&value);
        }
        out
    })
}

/// RSA that both sides do by adding one.
struct Caesar;

impl RsaEncrypt for Caesar {
    fn encrypt(&self, public_key_pem: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        (public_key_pem == PEM).then(|| plain.iter().map(|byte| byte.wrapping_add(1)).collect())
    }
}

impl RsaDecrypt for Caesar {
    fn decrypt(&self, cipher: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(cipher.iter().map(|byte| byte.wrapping_sub(1)).collect()))
    }
}

/// Logs our client in at our server; gives the server's last step, and what the client made of the OK behind it.
fn log_in(
    greeting: &Greeting,
    password: &[u8],
    known: Known,
    channel: Channel<'_>,
    server_key: ServerKey,
) -> (AuthStep, ClientStep) {
    let mut client = ClientHandshake::new(Login {
        user: b"app".to_vec(),
        credential: Credential::Password(Password::new(password.to_vec())),
        database: None,
        capabilities: Capabilities::empty(),
        mariadb: MariadbCapabilities::empty(),
        collation: 45,
        attributes: Vec::new(),
        zstd_level: 0,
        tls: TlsWish::Off,
        server_key,
        private_channel: channel == Channel::Private,
        allow_clear_password: false,
    });
    let sent = |step| match step {
        Ok(ClientStep::Send(payload)) => payload.to_vec(),
        other => panic!("the client does not answer: {other:?}"),
    };
    let payload = sent(client.handle(&greeting.encode(), &Caesar));
    let Ok(FirstPacket::Login(login)) = FirstPacket::decode(&payload, greeting.capabilities) else {
        panic!("the client's login cannot be read")
    };
    let plugin = AuthPlugin::from_name(login.plugin.as_deref().unwrap_or_default());
    let (mut server, mut step) =
        AuthExchange::start(plugin, &login.auth_response, &greeting.scramble, FRESH, known, channel)
            .expect("the client's answer is well formed");
    while let AuthStep::Send(payload) = &step {
        let answer = sent(client.handle(payload, &Caesar));
        step = server.handle(&answer, channel, &Caesar).expect("the client's packets are well formed");
    }
    if let AuthStep::Proven { before_ok: Some(payload), .. } = &step {
        assert!(matches!(client.handle(payload, &Caesar), Ok(ClientStep::Read)));
    }
    let last = client.handle(OK, &Caesar).expect("the client takes the OK");
    (step, last)
}

proptest! {
    #[test]
    fn greetings_round_trip(
        server_version in text(0..40),
        connection_id: u32,
        scramble: [u8; 20],
        bits: u32,
        extended: u32,
        collation: u8,
        status: u16,
        plugin in text(0..40),
    ) {
        let capabilities = Capabilities::from_bits_retain(bits)
            | Capabilities::PROTOCOL_41
            | Capabilities::SECURE_CONNECTION
            | Capabilities::PLUGIN_AUTH;
        let mariadb = if capabilities.contains(Capabilities::LONG_PASSWORD) { 0 } else { extended };
        let greeting = Greeting {
            server_version,
            connection_id,
            scramble,
            capabilities,
            mariadb: MariadbCapabilities::from_bits_retain(mariadb),
            collation,
            status: StatusFlags::from_bits_retain(status),
            plugin,
        };
        prop_assert_eq!(Greeting::decode(&greeting.encode()), Ok(greeting));
    }

    #[test]
    fn logins_round_trip(
        capabilities in capabilities(),
        collation in 0_u16..256,
        user in text(0..300),
        auth_response in text(0..200),
        database in text(1..70),
        plugin in text(1..30),
        attributes in attributes(),
        zstd_level in 1_u8..=22,
    ) {
        let has = |flag| capabilities.contains(flag);
        let head = SslRequest { capabilities, mariadb: MariadbCapabilities::empty(), max_packet_size: 1 << 24, collation };
        let sent = HandshakeResponse {
            head,
            user,
            auth_response: Zeroizing::new(auth_response),
            database: has(Capabilities::CONNECT_WITH_DB).then_some(database),
            plugin: has(Capabilities::PLUGIN_AUTH).then_some(plugin),
            attributes: if has(Capabilities::CONNECT_ATTRS) { attributes } else { Vec::new() },
            zstd_level: if has(Capabilities::ZSTD_COMPRESSION_ALGORITHM) { zstd_level } else { 0 },
        };
        let Ok(FirstPacket::Login(got)) = FirstPacket::decode(&sent.encode(), capabilities) else {
            return Err(TestCaseError::fail("not read"));
        };
        prop_assert_eq!(got.head, sent.head);
        prop_assert_eq!((&got.user, &got.database, &got.plugin), (&sent.user, &sent.database, &sent.plugin));
        prop_assert_eq!((&*got.auth_response, &got.attributes), (&*sent.auth_response, &sent.attributes));
        prop_assert_eq!(got.zstd_level, sent.zstd_level);
    }

    #[test]
    fn changes_of_user_round_trip(
        capabilities in capabilities(),
        user in text(0..300),
        auth_response in text(0..200),
        database in text(0..70),
        collation: u16,
        plugin in text(1..30),
        attributes in attributes(),
    ) {
        let has = |flag| capabilities.contains(flag);
        let sent = ChangeUser {
            user,
            auth_response: Zeroizing::new(auth_response),
            database,
            collation: Some(collation),
            plugin: has(Capabilities::PLUGIN_AUTH).then_some(plugin),
            attributes: if has(Capabilities::CONNECT_ATTRS) { attributes } else { Vec::new() },
        };
        let got = ChangeUser::decode(&sent.encode(capabilities)[1..], capabilities).expect("well formed");
        prop_assert_eq!((&got.user, &got.database, &got.plugin), (&sent.user, &sent.database, &sent.plugin));
        prop_assert_eq!((&*got.auth_response, &got.attributes), (&*sent.auth_response, &sent.attributes));
        prop_assert_eq!(got.collation, sent.collation);
    }

    /// Whatever the password, the channel and what was known before: the server ends with the client's password, or
    /// with the native hash where a native client and a stored hash give no more.
    #[test]
    fn both_sides_of_a_login_agree(
        password in text(0..60),
        private: bool,
        pinned: bool,
        native_first: bool,
        known in 0_u8..5,
    ) {
        let channel = if private { Channel::Private } else { Channel::Plain { public_key: PEM } };
        let server_key = if pinned { ServerKey::Pinned(PEM.to_vec()) } else { ServerKey::Ask };
        let before = Credential::Password(Password::new(b"another".to_vec()));
        let hash = native::hash(&password);
        let known = match known {
            0 => Known::Nothing,
            1 => Known::Credential(before),
            2 => Known::Credential(Credential::Password(Password::new(password.clone()))),
            3 => Known::Credential(Credential::NativeHash(hash.clone())),
            _ => Known::NativeStored(native::stored_hash(&hash)),
        };
        let greeting = Greeting {
            server_version: b"9.7.0".to_vec(),
            connection_id: 1,
            scramble: FIRST,
            capabilities: Capabilities::all() - Capabilities::SSL,
            mariadb: MariadbCapabilities::empty(),
            collation: 255,
            status: StatusFlags::AUTOCOMMIT,
            plugin: if native_first { b"mysql_native_password".to_vec() } else { b"caching_sha2_password".to_vec() },
        };
        let (step, last) = log_in(&greeting, &password, known, channel, server_key);
        prop_assert!(matches!(last, ClientStep::Done(_)));
        match step {
            AuthStep::Proven { credential: Credential::NativeHash(got), .. } => {
                prop_assert!(native_first && got == hash);
            }
            AuthStep::Proven { credential: Credential::Password(got), .. }
            | AuthStep::Learnt(Credential::Password(got)) => prop_assert_eq!(got.expose(), password.as_slice()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn compressed_content_is_the_same_however_it_is_cut(
        pieces in vec(prop_oneof![vec(any::<u8>(), 0..200), (any::<u8>(), 0_usize..5000).prop_map(|(byte, count)| vec![byte; count])], 0..8),
        step in 1_usize..400,
        level in 0_u8..=22,
    ) {
        let algorithm = if level == 0 { Algorithm::Zlib } else { Algorithm::Zstd(level.min(5)) };
        let mut compressor = Compressor::new(algorithm);
        let mut frames = Vec::new();
        for piece in &pieces {
            compressor.compress(piece, &mut frames);
        }
        let mut decompressor = Decompressor::new(algorithm);
        let (mut held, mut content) = (Vec::new(), Vec::new());
        for piece in frames.chunks(step) {
            held.extend_from_slice(piece);
            let taken = decompressor.decompress(&held, &mut content, usize::MAX).expect("well formed");
            held.drain(..taken);
        }
        prop_assert!(held.is_empty());
        prop_assert_eq!(content, pieces.concat());
    }

    #[test]
    fn attributes_are_found_and_stripped_wherever_they_stand(
        attributes in vec((text(0..20), prop::option::of(vec(any::<u8>(), 0..300))), 1..20),
        sql in vec(any::<u8>(), 0..100),
        chosen: prop::sample::Index,
    ) {
        let count = attributes.len();
        let mut payload = vec![0x03, count as u8, 1];
        let nulls = payload.len();
        payload.resize(nulls + count.div_ceil(8), 0);
        payload.put_u8(1);
        for (index, (name, value)) in attributes.iter().enumerate() {
            payload.put_u16(254);
            payload.put_bytes_lenenc(name);
            if value.is_none() {
                payload[nulls + index / 8] |= 1 << (index % 8);
            }
        }
        for value in attributes.iter().filter_map(|(_, value)| value.as_ref()) {
            payload.put_bytes_lenenc(value);
        }
        payload.put_bytes(&sql);
        let query = QueryRequest::read(&payload, Capabilities::QUERY_ATTRIBUTES).expect("well formed");
        prop_assert_eq!(query.sql(), sql.as_slice());
        let (name, _) = &attributes[chosen.index(count)];
        let first = attributes.iter().find(|(other, value)| other == name && value.is_some());
        prop_assert_eq!(query.attribute(name), first.and_then(|(_, value)| value.as_deref()));
        prop_assert_eq!(query.strip_attributes(Capabilities::empty())[1..].to_vec(), sql);
    }

    #[test]
    fn types_that_are_put_back_make_the_execution_whole(
        values in vec(prop::option::of(vec(any::<u8>(), 0..300)), 1..40),
        statement: u32,
    ) {
        let mut head = vec![0x17];
        head.put_u32(statement);
        head.put_bytes(&[0, 1, 0, 0, 0]);
        let mut nulls = vec![0; values.len().div_ceil(8)];
        let mut bytes = Vec::new();
        for (index, value) in values.iter().enumerate() {
            match value {
                Some(value) => bytes.put_bytes_lenenc(value),
                None => nulls[index / 8] |= 1 << (index % 8),
            }
        }
        let types = [253, 0].repeat(values.len());
        let bound = [&head, &nulls, [1].as_slice(), &types, &bytes].concat();
        let unbound = [&head, &nulls, [0].as_slice(), &bytes].concat();
        let params = values.len() as u16;
        let none = Capabilities::empty();
        let execute = ExecuteRequest::read(&bound, params, none).expect("well formed");
        prop_assert_eq!(execute.types(), Some(types.as_slice()));
        prop_assert!(execute.check_values(&[], &|_| false).is_ok());
        let execute = ExecuteRequest::read(&unbound, params, none).expect("well formed");
        prop_assert!(execute.check_values(&types, &|_| false).is_ok());
        prop_assert_eq!(execute.with_types(&types).expect("they fit"), bound);
    }
}
