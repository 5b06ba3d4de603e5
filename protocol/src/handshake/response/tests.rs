use super::*;

const LOGIN: Capabilities = Capabilities::PROTOCOL_41
    .union(Capabilities::LONG_PASSWORD)
    .union(Capabilities::SECURE_CONNECTION)
    .union(Capabilities::PLUGIN_AUTH)
    .union(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(Capabilities::CONNECT_WITH_DB)
    .union(Capabilities::CONNECT_ATTRS);

fn response(capabilities: Capabilities) -> HandshakeResponse {
    HandshakeResponse {
        head: SslRequest {
            capabilities,
            mariadb: MariadbCapabilities::empty(),
            max_packet_size: 1 << 24,
            collation: 45,
        },
        user: b"app".to_vec(),
        auth_response: Zeroizing::new(vec![7; 32]),
        database: Some(b"shop".to_vec()),
        plugin: Some(b"caching_sha2_password".to_vec()),
        attributes: b"\x03_os\x05Linux".to_vec(),
        zstd_level: 0,
    }
}

fn login(payload: &[u8], offered: Capabilities) -> Result<HandshakeResponse, ProtocolError> {
    match FirstPacket::decode(payload, offered)? {
        FirstPacket::Login(login) => Ok(login),
        FirstPacket::Ssl(_) => panic!("an SSLRequest where a login was sent"),
    }
}

#[test]
fn a_response_comes_back_as_it_was_sent_in_all_three_forms_of_the_answer() {
    let mut sent = response(LOGIN);
    sent.auth_response = Zeroizing::new(vec![7; 20]);
    for without in [
        Capabilities::empty(),
        Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA,
        Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA | Capabilities::SECURE_CONNECTION,
    ] {
        sent.head.capabilities = LOGIN - without;
        let bytes = sent.encode();
        let got = login(&bytes, Capabilities::all()).expect("well formed");
        assert_eq!(got.encode(), bytes);
        assert_eq!(*got.auth_response, [7; 20]);
        assert_eq!(got.database.as_deref(), Some(b"shop".as_slice()));
        assert_eq!(got.plugin.as_deref(), Some(b"caching_sha2_password".as_slice()));
    }
}

#[test]
fn a2_capabilities_that_were_not_offered_are_not_believed() {
    let sent = response(LOGIN | Capabilities::COMPRESS | Capabilities::SSL);
    let got = login(&sent.encode(), LOGIN).expect("well formed");
    assert_eq!(got.head.capabilities, LOGIN);
}

#[test]
fn a3_a_client_without_the_4_1_protocol_is_refused() {
    for payload in [b"\x05\x00\x00\x00\x01root\0".as_slice(), &response(Capabilities::LONG_PASSWORD).encode()] {
        let refused = FirstPacket::decode(payload, Capabilities::all());
        assert!(matches!(refused, Err(ProtocolError::NotSupported { .. })), "{refused:?}");
    }
}

#[test]
fn a6_long_names_are_read_whole_and_recognised_as_no_account() {
    let mut sent = response(LOGIN);
    for (length, possible) in [(0, true), (32, true), (33, false), (255, false), (65535, false)] {
        sent.user = vec![b'u'; length];
        let got = login(&sent.encode(), Capabilities::all()).expect("well formed");
        assert_eq!(got.user.len(), length);
        assert_eq!(is_user_name(&got.user, 32), possible, "{length} characters");
    }
    assert!(is_user_name("ü".repeat(32).as_bytes(), 32));
    assert!(!is_user_name("ü".repeat(33).as_bytes(), 32));
    assert!(!is_user_name(&[0x80; 129], 32), "continuation bytes alone are not free");
    assert!(!is_user_name(b"app\0x", 32));
}

#[test]
fn a6_a_nul_inside_the_name_ends_it_and_what_follows_is_not_taken_for_an_answer() {
    let mut bytes = response(LOGIN).encode();
    bytes[33] = 0; // a NUL p NUL ...: the answer's length is now 'p'
    assert!(login(&bytes, Capabilities::all()).is_err());
}

#[test]
fn a8_attributes_are_limited_and_must_be_pairs() {
    let mut sent = response(LOGIN);
    sent.attributes = vec![];
    assert!(login(&sent.encode(), Capabilities::all()).is_ok());
    sent.attributes = b"\x03_os".to_vec();
    assert!(login(&sent.encode(), Capabilities::all()).is_err(), "a name without a value");
    sent.attributes = b"\x03_os\x09Linux".to_vec();
    assert!(login(&sent.encode(), Capabilities::all()).is_err(), "a value beyond the end");
    let pairs = |bytes: usize| {
        let mut pairs = vec![0x01, b'k'];
        pairs.put_bytes_lenenc(&vec![b'v'; bytes - 5]);
        pairs
    };
    sent.attributes = pairs(MAX_ATTRIBUTES_LENGTH + 1);
    assert!(matches!(login(&sent.encode(), Capabilities::all()), Err(ProtocolError::TooLarge { .. })));
    sent.attributes = pairs(60_000);
    assert_eq!(login(&sent.encode(), Capabilities::all()).expect("below the limit").attributes.len(), 60_000);
}

#[test]
fn a9_an_ssl_request_is_exactly_32_bytes() {
    let head = response(LOGIN | Capabilities::SSL).head;
    let bytes = head.encode();
    assert_eq!(bytes.len(), 32);
    assert!(matches!(FirstPacket::decode(&bytes, Capabilities::all()), Ok(FirstPacket::Ssl(got)) if got == head));
    let whole = response(LOGIN | Capabilities::SSL).encode();
    assert!(FirstPacket::decode(&whole, Capabilities::all()).is_err(), "a login in clear that claims TLS");
    let inside = login(&whole, Capabilities::all() - Capabilities::SSL).expect("inside TLS the bit is repeated");
    assert_eq!(inside.user, b"app");
}

#[test]
fn extended_capabilities_are_read_only_between_sides_without_long_password() {
    let mut sent = response(LOGIN - Capabilities::LONG_PASSWORD);
    sent.head.mariadb = MariadbCapabilities::STMT_BULK_OPERATIONS;
    let bytes = sent.encode();
    let offered = Capabilities::all() - Capabilities::LONG_PASSWORD - Capabilities::SSL;
    assert_eq!(login(&bytes, offered).expect("well formed").head.mariadb, MariadbCapabilities::STMT_BULK_OPERATIONS);
    let got = login(&bytes, Capabilities::all()).expect("well formed");
    assert_eq!(got.head.mariadb, MariadbCapabilities::empty());
}

#[test]
fn a_zstd_level_is_read_and_one_beyond_22_refused() {
    let mut sent = response(LOGIN | Capabilities::ZSTD_COMPRESSION_ALGORITHM);
    sent.zstd_level = 7;
    assert_eq!(login(&sent.encode(), Capabilities::all()).expect("well formed").zstd_level, 7);
    sent.zstd_level = 23;
    assert!(login(&sent.encode(), Capabilities::all()).is_err());
}

#[test]
fn every_cut_in_front_of_the_plugin_is_an_error() {
    let bytes = response(LOGIN).encode();
    let plugin = 32 + b"app\0".len() + 1 + 32 + b"shop\0".len();
    for length in 0..plugin {
        assert!(FirstPacket::decode(&bytes[..length], Capabilities::all()).is_err(), "{length} bytes");
    }
}

#[test]
fn debug_output_does_not_hold_the_answer_to_the_scramble() {
    let mut sent = response(LOGIN);
    sent.auth_response = Zeroizing::new(b"hunter2\0".to_vec());
    assert!(!format!("{sent:?}").contains("hunter2"));
}
