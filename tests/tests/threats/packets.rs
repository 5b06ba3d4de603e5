//! Packets that must not come before the login is done, among them the proofs of somebody else.

use rolecall_protocol::Capabilities;
use rolecall_protocol::auth::caching_sha2;
use rolecall_protocol::handshake::ChangeUser;
use rolecall_tests::raw::{Client, LoginOptions};

use crate::ground::USER;

/// An account that the proxy knows and believes: its right answer would do at once, if it were taken.
pub const OTHER: &str = "threats_other";
pub const OTHER_PASSWORD: &str = "another Pa55word";

pub fn other() -> LoginOptions {
    LoginOptions::new(OTHER, OTHER_PASSWORD)
}

/// Packets with a body: commands, every packet of the handshake, answers of all kinds.
pub fn packets(client: &Client) -> Vec<(&'static str, Vec<u8>)> {
    let scramble = client.greeting.as_ref().expect("read").scramble;
    let answer = caching_sha2::respond(OTHER_PASSWORD.as_bytes(), &scramble).to_vec();
    let change_user = ChangeUser {
        user: OTHER.into(),
        auth_response: answer.clone().into(),
        database: Vec::new(),
        collation: Some(45),
        plugin: Some(b"caching_sha2_password".to_vec()),
        attributes: Vec::new(),
    };
    let head = client.head(&other());
    let mut tls = head;
    tls.capabilities |= Capabilities::SSL;
    vec![
        ("no payload", Vec::new()),
        ("COM_QUERY", format!("\x03drop database {USER}").into_bytes()),
        ("COM_INIT_DB", b"\x02mysql".to_vec()),
        ("COM_STMT_PREPARE", b"\x16select 1".to_vec()),
        ("COM_STMT_EXECUTE", b"\x17\x01\0\0\0\0\x01\0\0\0".to_vec()),
        ("COM_BINLOG_DUMP", b"\x12\x04\0\0\0\0\0\x09\0\0\0binlog".to_vec()),
        ("COM_PROCESS_KILL", b"\x0c\x01\0\0\0".to_vec()),
        ("COM_CHANGE_USER", change_user.encode(client.capabilities)),
        (
            "HandshakeResponse of another user",
            client.response(&other(), head, client.greeting.as_ref().expect("read")).encode(),
        ),
        ("SSLRequest", tls.encode()),
        ("an answer of 20 bytes", vec![7; 20]),
        ("an answer of 32 bytes", vec![7; 32]),
        ("the right answer of another user", answer),
        ("the right password of another user", [OTHER_PASSWORD.as_bytes(), &[0]].concat()),
        ("a cipher text", vec![7; 256]),
        ("OK", vec![0, 0, 0, 2, 0, 0, 0]),
        ("EOF", vec![0xFE, 0, 0, 2, 0]),
        ("ERR", b"\xff\x15\x04#28000no".to_vec()),
        ("AuthSwitchRequest", [b"\xfemysql_clear_password\0", &scramble[..], b"\0"].concat()),
        ("fast authentication succeeded", vec![1, caching_sha2::FAST_AUTH_SUCCESS]),
        ("full authentication", vec![1, caching_sha2::PERFORM_FULL_AUTHENTICATION]),
        ("next factor", vec![2, b'x', 0]),
    ]
}
